//! What is known of the target that a document names: shared by the features that show it.

use config::document::{Node, Value};
use config::{Document, Kind, Path, Target};
use session::live::{ContainerDetail, Health, PodDetail, TargetItem, View};

use super::tree::{find, text};

/// Whom a document names, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<'a> {
    /// Pointer of the text, or of the object, that says it.
    pub pointer: String,
    /// What it says.
    pub target: Target,
    /// The node that says it.
    pub node: &'a Node,
}

/// The target that is written, in whichever form; `None` while it is no target yet.
pub fn target(document: &Document) -> Option<Named<'_>> {
    ["/target/path", "/target"].into_iter().find_map(|pointer| {
        let node = find(&document.root, pointer)?;
        let path = match &node.value {
            Value::String(path) => path.clone(),
            Value::Object(entries) => {
                let kinds = || {
                    entries
                        .iter()
                        .filter_map(|entry| Some((Kind::ALL.into_iter().find(|kind| kind.key() == entry.key)?, entry)))
                };
                let (kind, entry) = kinds().next()?;
                let Value::String(name) = &entry.value.value else { return None };
                let container = text(node, "/container").map(|name| format!("/container/{name}")).unwrap_or_default();
                format!("{kind}/{name}{container}")
            }
            _ => return None,
        };
        Some(Named { pointer: pointer.to_owned(), target: Target::parse(&path).ok()?, node })
    })
}

/// The container that a session would stand in for: the one that is written, else the one that is picked.
pub fn container<'a>(document: &Document, view: &'a View) -> Option<&'a ContainerDetail> {
    let detail = view.target.as_deref()?;
    let written = target(document).and_then(|named| named.target.container);
    let name = written.as_ref().or(detail.default_container.as_ref());
    match name {
        Some(name) => detail.containers.iter().find(|container| container.name == *name),
        None => detail.containers.iter().find(|container| !container.mesh),
    }
}

/// Whether a target names something whose pods can be counted, and the listed item for it.
pub fn item<'a>(target: &Target, view: &'a View) -> Option<&'a TargetItem> {
    let Path::Object { kind, name } = &target.path else { return None };
    view.targets.as_ref()?.iter().find(|item| item.kind == *kind && *item.name == **name)
}

/// "2 of 3 ready".
pub fn readiness(item: &TargetItem) -> String {
    match (item.ready, item.desired, item.kind) {
        (Some(0), None | Some(0..=1), Kind::Pod) => "not ready".to_owned(),
        (Some(_), None | Some(0..=1), Kind::Pod) => "ready".to_owned(),
        (Some(ready), Some(desired), _) => format!("{ready} of {desired} ready"),
        (Some(ready), None, _) => format!("{ready} ready"),
        (None, Some(desired), _) => format!("{desired} wanted"),
        (None, None, _) => String::new(),
    }
}

/// "ready, on node-1, 2 restarts".
pub fn state(pod: &PodDetail) -> String {
    let PodDetail { name: _, health, node, restarts } = pod;
    let health = match health {
        Health::Ready => Some("ready".to_owned()),
        Health::NotReady(why) if why.is_empty() => Some("not ready".to_owned()),
        Health::NotReady(why) => Some(format!("not ready: {why}")),
        Health::Down(why) if why.is_empty() => Some("down".to_owned()),
        Health::Down(why) => Some(format!("down: {why}")),
        Health::Unknown => None,
    };
    let node = node.as_ref().map(|node| format!("on {node}"));
    let restarts = match restarts {
        0 => None,
        1 => Some("1 restart".to_owned()),
        several => Some(format!("{several} restarts")),
    };
    [health, node, restarts].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
