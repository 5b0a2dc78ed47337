//! Everything that is known, for whoever asked lately.

mod asked;
mod context;
mod files;

use std::time::Instant;

use asked::ask;
use context::Context;
use files::{Files, no_context};

use super::{
    space::Space,
    target::{Aim, Target},
    view::{Scope, State, View},
};
use crate::cluster::ConnectOptions;

/// Namespaces that are watched at once; of more, those that were asked for longest ago go.
const SPACES: usize = 32;
/// The same for kubeconfigs, for contexts, and for targets of one namespace.
const FEW: usize = 8;

/// Everything that is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    last_id: u64,
    files: Vec<Files>,
    contexts: Vec<Context>,
}

/// What a connection is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    kubeconfig: Option<String>,
    context: Option<String>,
    /// Changes with the entries of the kubeconfig: a changed context is another one.
    fingerprint: u64,
    accept_invalid_certificates: Option<bool>,
    direct: bool,
}

/// Work that keeps something up to date.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Reads kubeconfig files.
    Files(Option<String>),
    /// Holds a connection.
    Context(Key),
    /// Follows the lists of a namespace.
    Space(String),
    /// Follows a target in a namespace.
    Target(String),
}

impl Key {
    /// How to connect.
    pub(super) fn options(&self) -> ConnectOptions {
        ConnectOptions {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            accept_invalid_certificates: self.accept_invalid_certificates,
            use_proxy: !self.direct,
            namespace: None,
        }
    }
}

impl Known {
    /// What `scope` means and what is known of it, and whether somebody must begin to find out more.
    pub(super) fn view(&mut self, scope: &Scope, now: Instant) -> (View, bool) {
        let before = self.last_id;
        let mut view = View::default();
        view.state = self.fill(&mut view, scope, now);
        (view, self.last_id != before)
    }

    fn fill(&mut self, view: &mut View, scope: &Scope, now: Instant) -> State {
        let Self { last_id, files, contexts } = self;
        let files = ask(
            files,
            FEW,
            |files| files.kubeconfig == scope.kubeconfig,
            now,
            || Files::new(next(last_id), scope.kubeconfig.clone(), now),
        );
        view.contexts.clone_from(&files.shown);
        view.context.clone_from(&scope.context);
        view.namespace.clone_from(&scope.namespace);
        let Some(known) = &files.contexts else {
            return files.failing.clone().map_or(State::Loading, State::Failed);
        };
        view.context = scope.context.clone().or_else(|| known.current.clone());
        let Some(context) = known.find(scope.context.as_deref()) else {
            return State::Failed(no_context(view.context.as_deref(), known));
        };
        let key = Key {
            kubeconfig: scope.kubeconfig.clone(),
            context: context.name.clone(),
            fingerprint: context.fingerprint,
            accept_invalid_certificates: scope.accept_invalid_certificates,
            direct: scope.direct,
        };
        let namespace = scope.namespace.clone().unwrap_or_else(|| context.namespace.clone());
        view.namespace = Some(namespace.clone());
        let context =
            ask(contexts, FEW, |context| context.key == key, now, || Context::new(next(last_id), key.clone(), now));
        let waiting = context.fill(view, scope, &namespace, now, last_id);
        // A kubeconfig that cannot be read says nothing about a connection that was made from it.
        match files.failing.clone().or_else(|| context.failing(&namespace)) {
            Some(why) => State::Failed(why),
            None if waiting => State::Loading,
            None => State::Ready,
        }
    }

    /// The tasks that there should be: for kubeconfigs and connections.
    pub(super) fn roots(&self) -> Vec<(u64, Task)> {
        let files = self.files.iter().map(|files| (files.id, Task::Files(files.kubeconfig.clone())));
        files.chain(self.contexts.iter().map(|context| (context.id, Task::Context(context.key.clone())))).collect()
    }

    /// The tasks that there should be in a connection: for its namespaces and targets.
    pub(super) fn branches(&self, context: u64) -> Vec<(u64, Task)> {
        let Some(context) = self.contexts.iter().find(|found| found.id == context) else { return Vec::new() };
        // What somebody types may begin like a namespace for a while: those that are not there are not watched.
        let there = context.spaces.iter().filter(|space| context.may_have(&space.name));
        there
            .flat_map(|space| {
                let targets = space.targets.iter().map(|target| (target.id, Task::Target(space.name.clone())));
                std::iter::once((space.id, Task::Space(space.name.clone()))).chain(targets)
            })
            .collect()
    }

    /// Forgets what nobody has asked for since `oldest`, and connections whose context has changed or gone. Whether
    /// there was any.
    pub(super) fn tidy(&mut self, oldest: Option<Instant>) -> bool {
        let before = self.count();
        let recent = |asked: Instant| oldest.is_none_or(|oldest| asked >= oldest);
        let Self { last_id: _, files, contexts } = self;
        files.retain(|files| recent(files.asked));
        contexts.retain(|context| {
            let files = files.iter().find(|files| files.kubeconfig == context.key.kubeconfig);
            let still = files.is_none_or(|files| files.still_has(&context.key));
            still && recent(context.asked)
        });
        for context in contexts.iter_mut() {
            context.spaces.retain(|space| recent(space.asked));
            for space in &mut context.spaces {
                space.targets.retain(|target| recent(target.asked));
            }
        }
        let mut asked: Vec<Instant> =
            contexts.iter().flat_map(|context| &context.spaces).map(|space| space.asked).collect();
        if asked.len() > SPACES {
            asked.sort_unstable_by(|a, b| b.cmp(a));
            let last = asked[SPACES - 1];
            for context in contexts {
                context.spaces.retain(|space| space.asked >= last);
            }
        }
        self.count() != before
    }

    /// Whether something has not been asked for since `when`.
    pub(super) fn is_old(&self, when: Instant) -> bool {
        let spaces = || self.contexts.iter().flat_map(|context| &context.spaces);
        let targets = spaces().flat_map(|space| space.targets.iter().map(|target| target.asked));
        targets.chain(spaces().map(|space| space.asked)).any(|asked| asked < when)
    }

    /// All entries.
    fn count(&self) -> usize {
        let spaces = || self.contexts.iter().flat_map(|context| &context.spaces);
        let targets: usize = spaces().map(|space| space.targets.len()).sum();
        self.files.len() + self.contexts.len() + spaces().count() + targets
    }

    pub(super) fn files(&mut self, id: u64) -> Option<&mut Files> {
        self.files.iter_mut().find(|files| files.id == id)
    }

    pub(super) fn context(&mut self, id: u64) -> Option<&mut Context> {
        self.contexts.iter_mut().find(|context| context.id == id)
    }

    pub(super) fn space(&mut self, id: u64) -> Option<&mut Space> {
        self.contexts.iter_mut().flat_map(|context| &mut context.spaces).find(|space| space.id == id)
    }

    /// The target of that id, and where its pods are found.
    pub(super) fn target(&mut self, id: u64) -> Option<(Aim, &mut Target)> {
        let mut spaces = self.contexts.iter_mut().flat_map(|context| &mut context.spaces);
        let (at, space) = spaces.find_map(|space| {
            let at = space.targets.iter().position(|target| target.id == id)?;
            Some((at, space))
        })?;
        let aim = space.aim(&space.targets[at].path);
        Some((aim, &mut space.targets[at]))
    }
}

fn next(last_id: &mut u64) -> u64 {
    *last_id += 1;
    *last_id
}

#[cfg(test)]
mod tests;
