//! A namespace as its lists tell it.

mod pods;
mod workloads;

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use config::{Kind, Path};

pub(super) use pods::Named;
use pods::Pods;
pub(super) use workloads::Listed;
use workloads::Workloads;

use super::{
    follow::News,
    rights::For,
    slot::Slot,
    target::{Aim, Target},
    view::{Denied, LabelItem, ServiceDetail, TargetItem},
};
use crate::target::{Lead, plain};

/// A namespace that somebody looks at.
#[derive(Debug)]
pub(super) struct Space {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) asked: Instant,
    pub(super) targets: Vec<Target>,
    /// What the user may not do.
    pub(super) denied: Option<Vec<(For, Denied)>>,
    pods: Slot<Pods>,
    kinds: BTreeMap<Kind, Slot<Workloads>>,
    shown: Shown,
}

/// What views show, made when it is first asked for after a change.
#[derive(Debug, Default)]
struct Shown {
    targets: Option<Arc<[TargetItem]>>,
    labels: Option<Arc<[LabelItem]>>,
    services: Option<Arc<[ServiceDetail]>>,
}

impl Space {
    pub(super) fn new(id: u64, name: &str, asked: Instant) -> Self {
        let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Pod);
        Self {
            id,
            name: name.to_owned(),
            asked,
            targets: Vec::new(),
            denied: None,
            pods: Slot::default(),
            kinds: kinds.map(|kind| (kind, Slot::default())).collect(),
            shown: Shown::default(),
        }
    }

    /// Takes news of pods in; whether they change anything.
    pub(super) fn hear_of_pods(&mut self, news: News<Named>) -> bool {
        let changed = self.pods.hear(news);
        if changed {
            self.shown = Shown::default();
        }
        changed
    }

    /// Takes news of workloads in; whether they change anything.
    pub(super) fn hear_of(&mut self, kind: Kind, news: News<Listed>) -> bool {
        let changed = self.kinds.get_mut(&kind).is_some_and(|slot| slot.hear(news));
        if changed {
            self.shown = Shown::default();
        }
        changed
    }

    /// The connection was lost.
    pub(super) fn doubt(&mut self) {
        self.pods.doubt();
        self.kinds.values_mut().for_each(Slot::doubt);
        self.targets.iter_mut().for_each(Target::doubt_pods);
    }

    /// Whether the first answers are still on their way.
    pub(super) fn is_waiting(&self) -> bool {
        self.pods.is_waiting() || self.kinds.values().any(Slot::is_waiting)
    }

    /// Why nothing is up to date. A single kind that fails is only missing.
    pub(super) fn failing(&self) -> Option<&str> {
        self.pods.failing()
    }

    /// What could be stood in for, as far as it is known and may be.
    pub(super) fn targets(&mut self) -> Option<Arc<[TargetItem]>> {
        let Self { pods, kinds, shown, .. } = self;
        if pods.get().is_none() && kinds.values().all(|slot| slot.get().is_none()) {
            return None;
        }
        Some(Arc::clone(shown.targets.get_or_insert_with(|| items(pods, kinds))))
    }

    /// Labels of the pods.
    pub(super) fn labels(&mut self) -> Option<Arc<[LabelItem]>> {
        let pods = self.pods.get()?;
        Some(Arc::clone(self.shown.labels.get_or_insert_with(|| pods.labels())))
    }

    /// The services.
    pub(super) fn services(&mut self) -> Option<Arc<[ServiceDetail]>> {
        let Self { name: namespace, kinds, shown, .. } = self;
        let services = kinds.get(&Kind::Service)?.get()?;
        let shown = shown.services.get_or_insert_with(|| services.services(namespace).collect());
        Some(Arc::clone(shown))
    }

    /// Where to find the pods of `path`.
    pub(super) fn aim(&self, path: &Path) -> Aim {
        let (kind, name) = match path {
            Path::Targetless => return Aim::Unknown,
            Path::Labels(labels) => return Aim::Labelled(plain(labels)),
            Path::Object { kind: Kind::Pod, name } => {
                return match self.pods.get() {
                    None if self.pods.is_waiting() => Aim::Waiting,
                    Some(pods) if !pods.contains(name) => Aim::Missing,
                    // A single pod may be seen where lists may not.
                    _ => Aim::Named(name.clone()),
                };
            }
            Path::Object { kind, name } => (*kind, name),
        };
        match self.lead(kind, name) {
            Ok(Lead::Selector(selector)) if !selector.is_empty() => Aim::Labelled(selector.clone()),
            Ok(Lead::Deployment(name)) => match self.lead(Kind::Deployment, name) {
                Ok(Lead::Selector(selector)) if !selector.is_empty() => Aim::Labelled(selector.clone()),
                Err(Aim::Missing) | Ok(_) => Aim::Podless,
                Err(aim) => aim,
            },
            Ok(_) => Aim::Podless,
            Err(aim) => aim,
        }
    }

    fn lead(&self, kind: Kind, name: &str) -> Result<&Lead, Aim> {
        let slot = self.kinds.get(&kind).ok_or(Aim::Unknown)?;
        match slot.get() {
            Some(workloads) => workloads.lead(name).ok_or(Aim::Missing),
            None if slot.is_absent() => Err(Aim::Missing),
            None if slot.is_waiting() => Err(Aim::Waiting),
            None => Err(Aim::Unknown),
        }
    }
}

/// All targets: kinds in the order of [`Kind::ALL`], then by name.
fn items(pods: &Slot<Pods>, kinds: &BTreeMap<Kind, Slot<Workloads>>) -> Arc<[TargetItem]> {
    let nothing: Arc<[String]> = Arc::default();
    let pod = |name: &Arc<str>| TargetItem {
        kind: Kind::Pod,
        name: Arc::clone(name),
        ready: None,
        desired: None,
        containers: Arc::clone(&nothing),
    };
    let mut items = Vec::new();
    for kind in Kind::ALL {
        match kinds.get(&kind) {
            Some(slot) => items.extend(slot.get().into_iter().flat_map(|workloads| workloads.items(kind))),
            None => items.extend(pods.get().into_iter().flat_map(Pods::names).map(pod)),
        }
    }
    items.into()
}
