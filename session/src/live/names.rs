//! The namespaces of a cluster.

use std::{collections::BTreeSet, sync::Arc};

use super::{slot::Kept, space::Named};

/// Names, sorted.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: BTreeSet<String>,
    /// Made when it is first asked for after a change.
    shown: Option<Arc<[String]>>,
}

impl Names {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub(super) fn shown(&mut self) -> Arc<[String]> {
        Arc::clone(self.shown.get_or_insert_with(|| self.names.iter().cloned().collect()))
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl Kept for Names {
    type Object = Named;

    fn set(&mut self, object: Named) -> bool {
        self.shown = None;
        self.names.insert(object.metadata.name)
    }

    fn remove(&mut self, object: &Named) -> bool {
        self.shown = None;
        self.names.remove(&object.metadata.name)
    }
}
