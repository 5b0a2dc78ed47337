//! A connection to a cluster, and the namespaces that are looked at through it.

use std::time::Instant;

use config::Path;

use super::{
    FEW, Key, SPACES,
    asked::{Asked, ask},
    next,
};
use crate::live::{
    names::Names,
    slot::Slot,
    space::Space,
    target::{Aim, Target},
    view::{Scope, View},
};

/// A connection, and what it tells.
#[derive(Debug)]
pub(in crate::live) struct Context {
    pub(super) id: u64,
    pub(super) asked: Instant,
    pub(super) key: Key,
    link: Link,
    pub(in crate::live) names: Slot<Names>,
    pub(super) spaces: Vec<Space>,
}

/// How a connection is.
#[derive(Debug, PartialEq, Eq)]
enum Link {
    /// No answer yet.
    Opening,
    /// The API server answers.
    Up,
    /// It does not, and why.
    Down(String),
}

impl Context {
    pub(super) fn new(id: u64, key: Key, asked: Instant) -> Self {
        Self { id, asked, key, link: Link::Opening, names: Slot::default(), spaces: Vec::new() }
    }

    /// The API server answers; whether that is news.
    pub(in crate::live) fn gain(&mut self) -> bool {
        let news = self.link != Link::Up;
        self.link = Link::Up;
        news
    }

    /// The connection is lost, because of `why`; whether that is news.
    pub(in crate::live) fn lose(&mut self, why: String) -> bool {
        self.names.doubt();
        self.spaces.iter_mut().for_each(Space::doubt);
        let down = Link::Down(why);
        let news = self.link != down;
        self.link = down;
        news
    }

    /// Fills in what is known of the namespace; whether answers are on their way.
    pub(super) fn fill(
        &mut self,
        view: &mut View,
        scope: &Scope,
        namespace: &str,
        now: Instant,
        last_id: &mut u64,
    ) -> bool {
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

    /// Why what is known of the namespace is not up to date.
    pub(super) fn failing(&self, namespace: &str) -> Option<String> {
        if let Link::Down(why) = &self.link {
            return Some(why.clone());
        }
        let space = self.spaces.iter().find(|space| space.name == namespace)?;
        space.failing().map(str::to_owned)
    }

    /// Whether there may be a namespace of that name.
    pub(super) fn may_have(&self, namespace: &str) -> bool {
        self.names.get().is_none_or(|names| names.contains(namespace))
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
