//! Repairs that need a look at the cluster.

use config::document::{Value, edit};
use config::{Code, Edit, Problem, Target};
use serde_json::{Map, Value as Json, json};

use super::rewrite::expand;
use super::{Action, ActionKind, Change, Place, touch};
use crate::lsp::known;
use crate::lsp::tree::{self, find};

const INCOMING: &str = "/feature/network/incoming";

/// A filter that no probe of the kubelet passes.
const NO_PROBES: &str = "^User-Agent: (?!kube-probe)";

/// What repairs a problem that the cluster told.
pub(super) fn repairs(place: &Place<'_>, problem: &Problem) -> Vec<(String, Vec<Edit>)> {
    match problem.code {
        Code::StealsProbes => {
            let filter = json!({ "header_filter": NO_PROBES });
            let present = find(&place.document.root, &format!("{INCOMING}/http_filter")).is_some();
            let edits = put(place, INCOMING, "http_filter", &filter).filter(|_| !present);
            edits.map(|edits| ("Take only requests that are no probes".to_owned(), edits)).into_iter().collect()
        }
        Code::PortUndeclared => ports(place, problem),
        _ => Vec::new(),
    }
}

/// A declared port instead of one that is not, and the same with the port of the program mapped to it.
fn ports(place: &Place<'_>, problem: &Problem) -> Vec<(String, Vec<Edit>)> {
    let Some(container) = known::container(place.document, place.view) else { return Vec::new() };
    let written = find(&place.document.root, &problem.pointer).map(|node| &node.value);
    let Some(Value::Number(own)) = written else { return Vec::new() };
    let listed = problem.pointer.strip_prefix(INCOMING).is_some_and(|rest| rest.starts_with("/ports"));
    let mapped = find(&place.document.root, &format!("{INCOMING}/port_mapping")).is_some();
    let mut repairs = Vec::new();
    for port in container.ports.iter().filter(|port| !matches!(port.protocol.as_str(), "UDP" | "SCTP")) {
        let name = port.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let number = port.number;
        let Some(edits) = edit::replace(place.document, place.text, &problem.pointer, &json!(number)) else { continue };
        if listed && !mapped && own.as_u64() != Some(u64::from(number)) {
            let pairs = json!([[own, number]]);
            let mapping = edit::insert(place.document, place.text, INCOMING, "port_mapping", &pairs);
            if let Some(mapping) = mapping.filter(|mapping| apart(mapping, &edits)) {
                let title = format!("Listen on {own} for the target's port {number}{name}");
                repairs.push((title, [edits.clone(), mapping].concat()));
            }
        }
        repairs.push((format!("Use port {number}{name}"), edits));
    }
    repairs
}

fn apart(a: &[Edit], b: &[Edit]) -> bool {
    a.iter().all(|one| b.iter().all(|other| !touch(one.span, other.span)))
}

/// Adds a key to an object that may be written as a shorthand.
fn put(place: &Place<'_>, object: &str, key: &str, value: &Json) -> Option<Vec<Edit>> {
    let node = find(&place.document.root, object);
    match node.map(|node| &node.value) {
        None | Some(Value::Object(_)) => edit::insert(place.document, place.text, object, key, value),
        Some(_) => {
            let mut expanded = match expand(tree::shape(place.document, object)?, &node?.to_json()?) {
                Some(Json::Object(keys)) => keys,
                _ => Map::new(),
            };
            expanded.insert(key.to_owned(), value.clone());
            edit::replace(place.document, place.text, object, &Json::Object(expanded))
        }
    }
}

/// One action for each container of a target that has several.
pub(super) fn pick_container(place: &Place<'_>) -> Vec<Action> {
    let Place { document, text, span, view, .. } = *place;
    let Some(named) = known::target(document).filter(|named| touch(named.node.span, span)) else { return Vec::new() };
    let path = Target { container: None, ..named.target.clone() }.to_string();
    let Some(detail) = view.target.as_deref().filter(|detail| detail.path == path) else { return Vec::new() };
    let own: Vec<_> = detail.containers.iter().filter(|container| !container.mesh).collect();
    let repairs = place.problems.iter().position(|problem| problem.code == Code::ContainerMissing);
    let wrong = repairs.is_some();
    let pick = |name: &str| {
        let edits = match &named.node.value {
            Value::Object(entries) if entries.iter().any(|entry| entry.key == "container") => {
                edit::replace(document, text, &format!("{}/container", named.pointer), &json!(name))
            }
            Value::Object(_) => edit::insert(document, text, &named.pointer, "container", &json!(name)),
            _ => edit::replace(document, text, &named.pointer, &json!(format!("{path}/container/{name}"))),
        };
        let change = Change::Edits(edits?);
        let kind = if wrong { ActionKind::QuickFix } else { ActionKind::Rewrite };
        Some(Action { title: format!("Stand in for container `{name}`"), kind, preferred: false, repairs, change })
    };
    let others = own.iter().filter(|container| named.target.container.as_ref() != Some(&container.name));
    others.filter(|_| own.len() > 1 || wrong).filter_map(|container| pick(&container.name)).collect()
}
