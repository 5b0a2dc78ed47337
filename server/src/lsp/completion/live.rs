//! What the cluster has for a place of the language.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use config::Kind;
use config::document::Document;
use config::schema::Meaning;
use serde_json::Value as Json;
use session::live::{Port, ServiceDetail, TargetItem, View};

use super::{Form, Idea, ItemKind, LIMIT, Write};
use crate::lsp::known;

/// Whether the cluster, or the kubeconfig, can have values of this meaning.
pub(super) fn is_live(meaning: Meaning) -> bool {
    match meaning {
        Meaning::TargetPath
        | Meaning::Name
        | Meaning::Namespace
        | Meaning::Context
        | Meaning::RemotePort
        | Meaning::LocalPort
        | Meaning::PortPair
        | Meaning::Path
        | Meaning::Variable
        | Meaning::Container
        | Meaning::Destination => true,
        Meaning::Regex
        | Meaning::JsonPath
        | Meaning::Jq
        | Meaning::File
        | Meaning::SocketAddress
        | Meaning::Quantity => false,
    }
}

/// The values for `pointer`, best first. `typed` is what stands in front of the caret: where there are many values,
/// only those that it could become are returned.
pub(super) fn values(meaning: Meaning, pointer: &str, document: &Document, view: &View, typed: &str) -> Vec<Idea> {
    match meaning {
        Meaning::TargetPath => paths(document, view, typed),
        Meaning::Name => object_names(pointer, document, view, typed),
        Meaning::Namespace => {
            let current = view.namespace.iter().cloned().collect::<Vec<_>>();
            choices(view.namespaces.as_deref().unwrap_or(&current), view.namespace.as_deref(), "namespace", typed)
        }
        Meaning::Context => {
            choices(view.contexts.as_deref().unwrap_or_default(), view.context.as_deref(), "context", typed)
        }
        Meaning::RemotePort | Meaning::LocalPort | Meaning::PortPair => ports(document, view),
        Meaning::Path | Meaning::Variable => {
            let names = names(meaning, meaning == Meaning::Path, document, view);
            names.into_iter().map(|(name, detail)| text(name).detail(detail)).collect()
        }
        Meaning::Destination => destinations(view, typed),
        Meaning::Container => {
            containers(document, view).into_iter().map(|(name, detail)| text(name).detail(detail)).collect()
        }
        Meaning::Regex
        | Meaning::JsonPath
        | Meaning::Jq
        | Meaning::File
        | Meaning::SocketAddress
        | Meaning::Quantity => Vec::new(),
    }
}

/// Names for free keys and patterns, with where each comes from: variables, or mounts as patterns over paths.
pub(super) fn names(meaning: Meaning, as_regex: bool, document: &Document, view: &View) -> Vec<(String, String)> {
    let Some(container) = known::container(document, view) else { return Vec::new() };
    match meaning {
        Meaning::Variable => {
            let name = |name: &String| if as_regex { format!("^{name}$") } else { name.clone() };
            container.env.iter().map(|(key, source)| (name(key), source.clone())).collect()
        }
        Meaning::Path => {
            let pattern = |path: &String| format!("^{}(/|$)", escape_regex(path.trim_end_matches('/')));
            container.mounts.iter().map(|path| (pattern(path), "volume mount".to_owned())).collect()
        }
        _ => Vec::new(),
    }
}

fn text(value: impl Into<String>) -> Idea {
    let value = value.into();
    let write = Write::Value(Form::Value(Json::from(value.as_str())));
    Idea::new(value, ItemKind::Live, write)
}

/// Target paths; with `/container/` typed, the containers of the target that is named.
fn paths(document: &Document, view: &View, typed: &str) -> Vec<Idea> {
    if let Some((path, _)) = typed.rsplit_once("/container/") {
        return containers(document, view)
            .into_iter()
            .map(|(name, detail)| text(format!("{path}/container/{name}")).detail(detail))
            .collect();
    }
    let mut ideas = best(
        view,
        typed,
        |_| true,
        |item, label| {
            // Writing to a `String` cannot fail.
            let _: std::fmt::Result = write!(label, "{}/{}", item.kind, item.name);
        },
    )
    .into_iter()
    .flat_map(|(item, path)| {
        let several = if item.containers.len() > 1 { &item.containers[..] } else { &[] };
        let inner: Vec<_> = several
            .iter()
            .map(|container| text(format!("{path}/container/{container}")).detail(format!("container {container}")))
            .collect();
        std::iter::once(text(path).detail(known::readiness(item))).chain(inner)
    })
    .collect::<Vec<_>>();
    let labels = view.labels.as_deref().unwrap_or_default().iter();
    let labels = labels.map(|item| (format!("label/{}", item.label), item.pods));
    let labels = labels.filter(|(path, _)| rank(path, typed).is_some()).take(LIMIT);
    ideas.extend(labels.map(|(path, pods)| text(path).detail(format!("{pods} pods"))));
    if !ideas.is_empty() {
        ideas.push(text("targetless").detail("nobody: an agent of its own"));
    }
    ideas
}

/// Names in the object form of a target.
fn object_names(pointer: &str, document: &Document, view: &View, typed: &str) -> Vec<Idea> {
    let key = pointer.rsplit('/').next().unwrap_or_default();
    if key == "container" {
        return containers(document, view).into_iter().map(|(name, detail)| text(name).detail(detail)).collect();
    }
    let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.key() == key) else { return Vec::new() };
    let names = best(view, typed, |item| item.kind == kind, |item, label| label.push_str(&item.name));
    names.into_iter().map(|(item, name)| text(name).detail(known::readiness(item))).collect()
}

/// Containers of the target with their images, those of meshes last.
fn containers(document: &Document, view: &View) -> Vec<(String, String)> {
    if let Some(detail) = view.target.as_deref() {
        let mut containers: Vec<_> = detail.containers.iter().collect();
        containers
            .sort_by_key(|container| (container.mesh, Some(&container.name) != detail.default_container.as_ref()));
        return containers.into_iter().map(|container| (container.name.clone(), container.image.clone())).collect();
    }
    let named = known::target(document);
    let item = named.and_then(|named| known::item(&named.target, view));
    item.into_iter().flat_map(|item| item.containers.iter()).map(|name| (name.clone(), String::new())).collect()
}

/// The targets whose label could become what is typed, best first, at most [`LIMIT`] and one more.
fn best<'a>(
    view: &'a View,
    typed: &str,
    accept: impl Fn(&TargetItem) -> bool,
    write: impl Fn(&TargetItem, &mut String),
) -> Vec<(&'a TargetItem, String)> {
    let mut label = String::new();
    let mut ranked = Vec::new();
    for (index, item) in view.targets.as_deref().unwrap_or_default().iter().enumerate() {
        if accept(item) {
            label.clear();
            write(item, &mut label);
            if let Some(rank) = rank(&label, typed) {
                ranked.push((rank, index, item));
            }
        }
    }
    ranked.sort_unstable_by_key(|(rank, index, _)| (*rank, *index));
    ranked.truncate(LIMIT + 1);
    ranked
        .into_iter()
        .map(|(_, _, item)| {
            let mut label = String::new();
            write(item, &mut label);
            (item, label)
        })
        .collect()
}

/// How well `label` fits what is typed, smaller is better; `None` when it does not contain its characters in order.
fn rank(label: &str, typed: &str) -> Option<u8> {
    if typed.is_empty() {
        return Some(0);
    }
    let same = |a: u8, b: u8| a.eq_ignore_ascii_case(&b);
    let (label, typed) = (label.as_bytes(), typed.as_bytes());
    let is_at = |start: usize| {
        label.len() - start >= typed.len() && label[start..].iter().zip(typed).all(|(a, b)| same(*a, *b))
    };
    let name = label.iter().position(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    if is_at(0) || is_at(name) {
        return Some(0);
    }
    if (0..label.len()).any(is_at) {
        return Some(1);
    }
    let mut rest = label.iter();
    typed.iter().all(|wanted| rest.any(|byte| same(*byte, *wanted))).then_some(2)
}

fn choices(names: &[String], current: Option<&str>, what: &str, typed: &str) -> Vec<Idea> {
    let mut ranked: Vec<_> =
        names.iter().filter_map(|name| Some((rank(name, typed)?, Some(name.as_str()) != current, name))).collect();
    ranked.sort_by_key(|(rank, other, _)| (*rank, *other));
    ranked.truncate(LIMIT + 1);
    let detail = |other: bool| if other { what.to_owned() } else { format!("current {what}") };
    ranked.into_iter().map(|(_, other, name)| text(name.as_str()).detail(detail(other))).collect()
}

/// Declared ports: those of the container of the session first.
fn ports(document: &Document, view: &View) -> Vec<Idea> {
    let own = known::container(document, view).map(|container| &container.name);
    let mut found: BTreeMap<(bool, u16), String> = BTreeMap::new();
    for container in view.target.iter().flat_map(|detail| &detail.containers) {
        let other = Some(&container.name) != own;
        for port in container.ports.iter().filter(|port| port.protocol != "UDP" && port.protocol != "SCTP") {
            let Port { number, name, protocol } = port;
            let mut words: Vec<&str> = name.iter().map(String::as_str).collect();
            words.push(if protocol.is_empty() { "TCP" } else { protocol });
            let owner = format!("container {}", container.name);
            words.push(&owner);
            found.entry((other, *number)).or_insert_with(|| words.join(", "));
        }
    }
    let mut seen = Vec::new();
    let mut ideas = Vec::new();
    for ((_, number), detail) in found {
        if !seen.contains(&number) {
            seen.push(number);
            let write = Write::Value(Form::Value(number.into()));
            ideas.push(Idea::new(number.to_string(), ItemKind::Live, write).detail(detail));
        }
    }
    ideas
}

/// Services as entries of outgoing and dns filters.
fn destinations(view: &View, typed: &str) -> Vec<Idea> {
    let mut ideas = Vec::new();
    for service in view.services.as_deref().unwrap_or_default() {
        let ServiceDetail { name, namespace, ports } = service;
        let mut entries =
            vec![(name.clone(), "service".to_owned()), (format!("{name}.{namespace}"), "service".to_owned())];
        entries.extend(ports.iter().map(|port| {
            let words = [port.name.as_deref().unwrap_or_default(), port.protocol.as_str()];
            let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
            (format!("{name}:{}", port.number), format!("service, {}", words.join(", ")))
        }));
        let fitting = entries.into_iter().filter(|(entry, _)| rank(entry, typed).is_some());
        ideas.extend(fitting.map(|(entry, detail)| text(entry).detail(detail.trim_end_matches(", "))));
        if ideas.len() > LIMIT {
            break;
        }
    }
    ideas
}

/// `text` as a regular expression that matches itself.
fn escape_regex(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
