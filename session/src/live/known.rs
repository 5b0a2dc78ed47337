//! Everything that is known, for whoever asked lately.

use std::{sync::Arc, time::Instant};

use config::Path;

use super::{
    names::Names,
    slot::Slot,
    space::Space,
    target::{Aim, Target},
    view::{Scope, State, View},
};
use crate::cluster::{ConnectOptions, contexts::Contexts, near};

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

/// The kubeconfig files that one value of the key `kubeconfig` names.
#[derive(Debug)]
pub(super) struct Files {
    id: u64,
    asked: Instant,
    kubeconfig: Option<String>,
    /// What they said when they could be read last.
    contexts: Option<Contexts>,
    /// Names of the contexts, as views show them.
    shown: Option<Arc<[String]>>,
    failing: Option<String>,
}

/// A connection, and what it tells.
#[derive(Debug)]
pub(super) struct Context {
    id: u64,
    asked: Instant,
    key: Key,
    pub(super) link: Link,
    pub(super) names: Slot<Names>,
    spaces: Vec<Space>,
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

/// How a connection is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// No answer yet.
    Opening,
    /// The API server answers.
    Up,
    /// It does not, and why.
    Down(String),
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
            || Files {
                id: next(last_id),
                asked: now,
                kubeconfig: scope.kubeconfig.clone(),
                contexts: None,
                shown: None,
                failing: None,
            },
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
        let context = ask(
            contexts,
            FEW,
            |context| context.key == key,
            now,
            || Context {
                id: next(last_id),
                asked: now,
                key: key.clone(),
                link: Link::Opening,
                names: Slot::default(),
                spaces: Vec::new(),
            },
        );
        let failing = match &context.link {
            Link::Down(why) => Some(why.clone()),
            Link::Opening | Link::Up => None,
        };
        let waiting = context.fill(view, scope, &namespace, now, last_id);
        // A kubeconfig that cannot be read says nothing about a connection that was made from it.
        match files.failing.clone().or(failing).or_else(|| context.failing(&namespace)) {
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

impl Files {
    /// The files have been read, or not; whether that is news.
    pub(super) fn hear(&mut self, read: Result<Contexts, String>) -> bool {
        let contexts = match read {
            Ok(contexts) => contexts,
            Err(why) => return self.failing.replace(why.clone()) != Some(why),
        };
        let was_failing = self.failing.take().is_some();
        if self.contexts.as_ref() == Some(&contexts) {
            return was_failing;
        }
        self.shown = Some(contexts.all.iter().filter_map(|context| context.name.clone()).collect());
        self.contexts = Some(contexts);
        true
    }

    /// Whether the files still describe a connection that was made from them.
    fn still_has(&self, key: &Key) -> bool {
        let Some(contexts) = &self.contexts else { return true };
        contexts.all.iter().any(|context| context.name == key.context && context.fingerprint == key.fingerprint)
    }
}

impl Context {
    /// Fills in what is known of the namespace; whether answers are on their way.
    fn fill(&mut self, view: &mut View, scope: &Scope, namespace: &str, now: Instant, last_id: &mut u64) -> bool {
        view.namespaces = self.names.get_mut().map(Names::shown);
        let there = self.may_have(namespace);
        let waiting = self.names.is_waiting();
        let space = ask(
            &mut self.spaces,
            SPACES,
            |space| space.name == namespace,
            now,
            || Space::new(next(last_id), namespace, now),
        );
        if !there {
            return waiting;
        }
        view.targets = space.targets();
        view.services = space.services();
        view.labels = space.labels();
        let waiting = waiting || space.is_waiting();
        let path =
            scope.target.as_deref().and_then(|target| config::Target::parse(target).ok()).map(|target| target.path);
        let path = path.filter(|path| *path != Path::Targetless);
        view.denied = space.denied.as_ref().map(|denied| {
            let concerned = denied.iter().filter(|(of, _)| of.concerns(path.as_ref()));
            concerned.map(|(_, denied)| denied.clone()).collect()
        });
        let Some(path) = path else { return waiting };
        let aim = space.aim(&path);
        match aim {
            Aim::Missing => view.target_missing = true,
            Aim::Unknown => {}
            Aim::Waiting => return true,
            Aim::Named(_) | Aim::Labelled(_) | Aim::Podless => {
                let target = ask(
                    &mut space.targets,
                    FEW,
                    |target| target.path == path,
                    now,
                    || Target::new(next(last_id), path.clone(), now),
                );
                // Nothing but its pods can show that it is there.
                let single = matches!((&aim, &path), (Aim::Named(_), _) | (_, Path::Labels(_)));
                view.target_missing = single && target.is_empty();
                view.target = target.detail().filter(|_| !view.target_missing);
                return waiting || target.is_waiting();
            }
        }
        waiting
    }

    fn failing(&self, namespace: &str) -> Option<String> {
        let space = self.spaces.iter().find(|space| space.name == namespace)?;
        space.failing().map(str::to_owned)
    }

    /// Whether there may be a namespace of that name.
    fn may_have(&self, namespace: &str) -> bool {
        self.names.get().is_none_or(|names| names.contains(namespace))
    }
}

fn no_context(name: Option<&str>, known: &Contexts) -> String {
    let present: Vec<&str> = known.all.iter().filter_map(|context| context.name.as_deref()).collect();
    match name {
        Some(name) => format!("the kubeconfig has no context `{name}`; {}", near::help(name, present)),
        None => format!("the kubeconfig has no current context; choose one of {}", present.join(", ")),
    }
}

fn next(last_id: &mut u64) -> u64 {
    *last_id += 1;
    *last_id
}

/// Something that stays as long as somebody asks for it.
trait Asked {
    fn asked(&mut self) -> &mut Instant;
}

impl Asked for Files {
    fn asked(&mut self) -> &mut Instant {
        &mut self.asked
    }
}

impl Asked for Context {
    fn asked(&mut self) -> &mut Instant {
        &mut self.asked
    }
}

impl Asked for Space {
    fn asked(&mut self) -> &mut Instant {
        &mut self.asked
    }
}

impl Asked for Target {
    fn asked(&mut self) -> &mut Instant {
        &mut self.asked
    }
}

/// The entry that is `wanted`, made if there is none; of more than `most`, the one that was asked for longest ago goes.
fn ask<T: Asked>(
    entries: &mut Vec<T>,
    most: usize,
    wanted: impl FnMut(&T) -> bool,
    now: Instant,
    make: impl FnOnce() -> T,
) -> &mut T {
    let at = entries.iter().position(wanted).unwrap_or_else(|| {
        if entries.len() >= most {
            let asked: Vec<Instant> = entries.iter_mut().map(|entry| *entry.asked()).collect();
            let oldest = (0..asked.len()).min_by_key(|at| asked[*at]).expect("there are at least `most`");
            entries.swap_remove(oldest);
        }
        entries.push(make());
        entries.len() - 1
    });
    *entries[at].asked() = now;
    &mut entries[at]
}
