//! Objects that lead to pods, by name: what a list of targets shows of each, and how it leads.

use std::{collections::BTreeMap, sync::Arc};

use config::Kind;

use crate::{
    live::{
        follow::Object,
        slot::Kept,
        view::{Port, ServiceDetail, TargetItem},
    },
    target::{Lead, lead},
    targets::{Workload, of_workload},
};

impl Object for Workload {
    fn version(&self) -> &str {
        &self.metadata.resource_version
    }
}

/// Objects of one kind.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Workloads(BTreeMap<Arc<str>, Entry>);

/// An object, boiled down.
#[derive(Debug)]
pub(in crate::live) struct Listed {
    name: Arc<str>,
    entry: Entry,
}

#[derive(Debug, PartialEq)]
struct Entry {
    ready: Option<u32>,
    desired: Option<u32>,
    containers: Arc<[String]>,
    lead: Lead,
    /// Of a service.
    ports: Vec<Port>,
}

impl Listed {
    /// What is kept of a workload of `kind`.
    pub(in crate::live) fn new(kind: Kind, workload: Workload) -> Self {
        let lead = lead(kind, &workload.spec.selector, workload.spec.workload_ref.as_ref(), &workload.status.active);
        let ports = workload.spec.ports.iter().filter_map(|port| {
            Some(Port {
                number: u16::try_from(port.port).ok()?,
                name: port.name.clone(),
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".into()),
            })
        });
        let ports = ports.collect();
        let found = of_workload(kind, workload);
        let containers = found.containers.into();
        let entry = Entry { ready: found.ready, desired: found.desired, containers, lead, ports };
        Self { name: found.name.into(), entry }
    }
}

impl Kept for Workloads {
    type Object = Listed;

    fn set(&mut self, Listed { name, entry }: Listed) -> bool {
        let same = self.0.get(&name) == Some(&entry);
        self.0.insert(name, entry);
        !same
    }

    fn remove(&mut self, gone: &Listed) -> bool {
        self.0.remove(&gone.name).is_some()
    }
}

impl Workloads {
    pub(super) fn lead(&self, name: &str) -> Option<&Lead> {
        self.0.get(name).map(|entry| &entry.lead)
    }

    /// As targets of `kind`.
    pub(super) fn items(&self, kind: Kind) -> impl Iterator<Item = TargetItem> {
        // Replica sets that a deployment has left behind are no targets.
        let wanted = self.0.iter().filter(move |(_, entry)| kind != Kind::ReplicaSet || entry.desired != Some(0));
        wanted.map(move |(name, entry)| TargetItem {
            kind,
            name: Arc::clone(name),
            ready: entry.ready,
            desired: entry.desired,
            containers: Arc::clone(&entry.containers),
        })
    }

    /// As services of `namespace`.
    pub(super) fn services(&self, namespace: &str) -> impl Iterator<Item = ServiceDetail> {
        self.0.iter().map(move |(name, entry)| ServiceDetail {
            name: name.to_string(),
            namespace: namespace.to_owned(),
            ports: entry.ports.clone(),
        })
    }
}
