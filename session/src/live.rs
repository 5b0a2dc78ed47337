//! What editors show of clusters: a cache that watches keep up to date, looked at without waiting.

mod view;

pub use view::{ContainerDetail, Denied, Detail, Health, PodDetail, Port, Scope, ServiceDetail, State, TargetItem, View};
