//! One target that a document names: its pods, and what else must be read to describe it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use config::{Kind, Path};
use k8s_openapi::api::core::v1::Pod;

use super::{
    detail::{Known, config_maps, detail},
    follow::News,
    slot::{Kept, Slot},
    view::Detail,
};

/// Pods of a target that are looked at; a view of more helps nobody.
pub(super) const MOST_PODS: usize = 200;

/// Where the pods of a target are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// Not known yet.
    Waiting,
    /// Nowhere: there is no such object.
    Missing,
    /// Not known, because the object may not be seen.
    Unknown,
    /// The object is there and leads to no pods.
    Podless,
    /// It is this pod.
    Named(String),
    /// These labels lead to them.
    Labelled(String),
}

/// A target that somebody looks at.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) id: u64,
    pub(super) path: Path,
    pub(super) asked: Instant,
    /// Where `pods` come from.
    aim: Aim,
    pods: Slot<Pods>,
    known: Known,
    template: Option<Box<Pod>>,
    template_read: bool,
    /// What has been read a while ago.
    doubted: BTreeSet<String>,
    detail: Option<Arc<Detail>>,
}

/// The pods of a target.
#[derive(Debug, Default, PartialEq)]
struct Pods(BTreeMap<String, Pod>);

/// What else must be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// ConfigMaps by name.
    pub(super) config_maps: Vec<String>,
    /// The template of the object.
    pub(super) template: Option<(Kind, String)>,
}

impl Target {
    pub(super) fn new(id: u64, path: Path, asked: Instant) -> Self {
        let (known, pods) = (Known::default(), Slot::default());
        Self {
            id,
            path,
            asked,
            aim: Aim::Waiting,
            pods,
            known,
            template: None,
            template_read: false,
            doubted: BTreeSet::new(),
            detail: None,
        }
    }

    /// From now on pods are found elsewhere.
    pub(super) fn turn(&mut self, aim: &Aim) -> bool {
        if self.aim == *aim {
            return false;
        }
        self.aim = aim.clone();
        self.pods = Slot::default();
        *aim == Aim::Podless && self.hear(News::Complete)
    }

    /// Takes news of its pods in; whether they change anything.
    pub(super) fn hear(&mut self, news: News<Pod>) -> bool {
        self.pods.hear(news) && self.describe()
    }

    /// The connection was lost.
    pub(super) fn doubt_pods(&mut self) {
        // Nobody would ask for the pods of what leads to none.
        if self.aim != Aim::Podless {
            self.pods.doubt();
        }
    }

    /// Whether the first answer is still on its way.
    pub(super) fn is_waiting(&self) -> bool {
        self.pods.is_waiting()
    }

    /// Whether its pods are known, and there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.pods.get().is_some_and(|pods| pods.0.is_empty())
    }

    pub(super) fn detail(&self) -> Option<Arc<Detail>> {
        self.detail.clone().filter(|_| self.pods.get().is_some())
    }

    /// What must be read to describe it in full.
    pub(super) fn wants(&self) -> Wants {
        let Some(pods) = self.pods.get() else { return Wants::default() };
        let example = pods.0.values().next().or(self.template.as_deref());
        let named = example.map(config_maps).unwrap_or_default();
        let unread = |name: &String| !self.known.config_maps.contains_key(name) || self.doubted.contains(name);
        let missing = named.into_iter().filter(unread);
        let template = match &self.path {
            Path::Object { kind, name }
                if pods.0.is_empty() && !self.template_read && !matches!(kind, Kind::Pod | Kind::Service) =>
            {
                Some((*kind, name.clone()))
            }
            _ => None,
        };
        Wants { config_maps: missing.collect(), template }
    }

    /// The keys of a ConfigMap have been read; `None`: it cannot be.
    pub(super) fn learn(&mut self, config_map: String, keys: Option<Vec<String>>) -> bool {
        self.doubted.remove(&config_map);
        self.known.config_maps.insert(config_map, keys);
        self.describe()
    }

    /// The object's template has been read, as a pod that was made from it.
    pub(super) fn learn_template(&mut self, pod: Option<Pod>) -> bool {
        (self.template, self.template_read) = (pod.map(Box::new), true);
        self.describe()
    }

    /// What was read once may have changed since.
    pub(super) fn doubt(&mut self) {
        self.doubted.extend(self.known.config_maps.keys().cloned());
        self.template_read = false;
    }

    /// Makes the detail anew; whether it differs.
    fn describe(&mut self) -> bool {
        let Some(pods) = self.pods.get() else { return true };
        let template = self.template.as_deref();
        let fresh = detail(&self.path, pods.0.values().collect(), template, &self.known);
        if self.detail.as_deref() == Some(&fresh) {
            return false;
        }
        self.detail = Some(Arc::new(fresh));
        true
    }
}

impl Kept for Pods {
    type Object = Pod;

    fn set(&mut self, mut pod: Pod) -> bool {
        let name = pod.metadata.name.clone().unwrap_or_default();
        if self.0.len() >= MOST_PODS && !self.0.contains_key(&name) {
            return false;
        }
        pod.metadata.managed_fields = None;
        self.0.insert(name, pod);
        true
    }

    fn remove(&mut self, pod: &Pod) -> bool {
        pod.metadata.name.as_ref().is_some_and(|name| self.0.remove(name).is_some())
    }
}
