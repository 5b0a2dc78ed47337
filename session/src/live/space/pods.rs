//! Pods by name and label: all that ten thousand of them need in an editor.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    live::{follow::Object, slot::Kept, view::LabelItem},
    targets::Head,
};

/// Labels that tell revisions and single pods apart: nobody names a target by them.
const TECHNICAL: [&str; 10] = [
    "pod-template-hash",
    "rollouts-pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index",
    "job-name",
];

/// An object of which only the metadata is read.
#[derive(Clone, Debug, serde::Deserialize)]
pub(in crate::live) struct Named {
    pub(in crate::live) metadata: Head,
}

impl Object for Named {
    fn version(&self) -> &str {
        &self.metadata.resource_version
    }
}

/// Names and labels; each label is stored once.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Pods {
    names: BTreeMap<Arc<str>, Box<[Arc<str>]>>,
    labels: BTreeMap<Arc<str>, u32>,
}

impl Pods {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.keys()
    }

    pub(super) fn labels(&self) -> Arc<[LabelItem]> {
        self.labels.iter().map(|(label, pods)| LabelItem { label: Arc::clone(label), pods: *pods }).collect()
    }

    fn count(&mut self, label: String) -> Arc<str> {
        let known = self.labels.get_key_value(label.as_str()).map(|(known, _)| Arc::clone(known));
        let label = known.unwrap_or_else(|| label.into());
        *self.labels.entry(Arc::clone(&label)).or_default() += 1;
        label
    }

    fn forget(&mut self, labels: &[Arc<str>]) {
        for label in labels {
            if let Some(count) = self.labels.get_mut(label) {
                *count -= 1;
                if *count == 0 {
                    self.labels.remove(label);
                }
            }
        }
    }
}

impl Kept for Pods {
    type Object = Named;

    fn set(&mut self, object: Named) -> bool {
        let Head { name, labels, namespace: _, resource_version: _ } = object.metadata;
        let labels = labels.into_iter().filter(|(key, _)| !TECHNICAL.contains(&key.as_str()));
        let labels: Vec<String> = labels.map(|(key, value)| format!("{key}={value}")).collect();
        let before = self.names.get(name.as_str());
        if before.is_some_and(|before| before.iter().map(|label| &**label).eq(labels.iter().map(String::as_str))) {
            return false;
        }
        let labels = labels.into_iter().map(|label| self.count(label)).collect();
        if let Some(before) = self.names.insert(name.into(), labels) {
            self.forget(&before);
        }
        true
    }

    fn remove(&mut self, object: &Named) -> bool {
        let gone = self.names.remove(object.metadata.name.as_str());
        if let Some(labels) = &gone {
            self.forget(labels);
        }
        gone.is_some()
    }
}
