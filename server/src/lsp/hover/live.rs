//! What the cluster says about a value.

use config::document::{Document, Value, parts};
use config::feature::env;
use config::schema::{Meaning, Shape, Short};
use config::{Target, compile};
use session::live::{Detail, Port, State, View};

use super::is_about_value;
use crate::lsp::known;
use crate::lsp::tree::{self, Hit};

/// Most names that are listed.
const LIMIT: usize = 12;

/// Paragraphs about the value at a caret; none where nothing is known.
pub(super) fn tell(document: &Document, hit: &Hit<'_>, shape: &Shape, view: &View) -> Vec<String> {
    let is_target = matches!(hit.pointer.as_str(), "/target" | "/target/path");
    let mut parts = match (key_meaning(document, hit), meaning(shape)) {
        (Some((meaning, as_regex)), _) if hit.on_key => {
            let key = config_key(&hit.pointer);
            known_matches(meaning, as_regex, &key, document, view)
        }
        (_, Some(Meaning::TargetPath)) if is_target => target(document, view),
        (_, Some(Meaning::Name)) => target(document, view),
        (_, Some(meaning)) if is_about_value(hit) => value(meaning, &hit.node.value, shape, document, view),
        _ if is_target => target(document, view),
        _ => Vec::new(),
    };
    let is_live = !parts.is_empty() || meaning(shape).is_some_and(|meaning| meaning == Meaning::TargetPath);
    if let (State::Failed(why), true) = (&view.state, is_live) {
        parts.push(format!("The cluster cannot be asked: {why}"));
    }
    parts
}

fn meaning(shape: &Shape) -> Option<Meaning> {
    let number = || shape.integer.as_ref().and_then(|integer| integer.meaning);
    shape.text.as_ref().and_then(|text| text.meaning).or_else(number)
}

/// What the key itself refers to, where keys are free, and whether they are regular expressions.
fn key_meaning(document: &Document, hit: &Hit<'_>) -> Option<(Meaning, bool)> {
    let (object, _) = hit.pointer.rsplit_once('/')?;
    let form = tree::shape(document, object)?.object.as_ref()?;
    Some((form.key_meaning?, form.pattern_keys))
}

/// The last key of a pointer.
fn config_key(pointer: &str) -> String {
    parts(pointer).last().unwrap_or_default()
}

fn value(meaning: Meaning, value: &Value, shape: &Shape, document: &Document, view: &View) -> Vec<String> {
    match (meaning, value) {
        (Meaning::Namespace, Value::String(name)) => {
            is_known(name, view.namespaces.as_deref(), view.namespace.as_deref(), "namespace", "the cluster")
        }
        (Meaning::Context, Value::String(name)) => {
            is_known(name, view.contexts.as_deref(), view.context.as_deref(), "context", "the kubeconfig")
        }
        (Meaning::RemotePort | Meaning::LocalPort | Meaning::PortPair, Value::Number(number)) => {
            number.as_u64().map(|number| port(number, document, view)).unwrap_or_default()
        }
        (Meaning::Path, Value::String(pattern)) => known_matches(meaning, true, pattern, document, view),
        (Meaning::Variable, Value::String(patterns)) => {
            let patterns = patterns
                .split(';')
                .filter(|_| shape.short == Short::Names)
                .chain(Some(patterns.as_str()).filter(|_| shape.short != Short::Names));
            let names = patterns.map(str::trim).filter(|pattern| !pattern.is_empty());
            names.flat_map(|pattern| known_matches(meaning, false, pattern, document, view)).take(LIMIT).collect()
        }
        (Meaning::Destination, Value::String(entry)) => destination(entry, view),
        _ => Vec::new(),
    }
}

fn is_known(name: &str, names: Option<&[String]>, current: Option<&str>, what: &str, whose: &str) -> Vec<String> {
    let Some(names) = names else { return Vec::new() };
    if !names.iter().any(|known| known == name) {
        return vec![format!("There is no {what} `{name}` in {whose}.")];
    }
    let current = if current == Some(name) { ", the one in use" } else { "" };
    vec![format!("A {what} of {whose}{current}.")]
}

/// The state of the target.
fn target(document: &Document, view: &View) -> Vec<String> {
    let Some(named) = known::target(document) else { return Vec::new() };
    let place = |what: String| {
        let namespace = view.namespace.as_ref().map(|name| format!(" in namespace `{name}`")).unwrap_or_default();
        let context = view.context.as_ref().map(|name| format!(", context `{name}`")).unwrap_or_default();
        format!("{what}{namespace}{context}")
    };
    let path = Target { container: None, ..named.target.clone() }.to_string();
    if view.target_missing {
        return vec![place(format!("There is no `{path}`")) + "."];
    }
    let Some(detail) = view.target.as_deref().filter(|detail| detail.path == path) else {
        let item = known::item(&named.target, view).map(known::readiness).filter(|state| !state.is_empty());
        return item.map(|state| place(format!("`{path}`: {state},"))).into_iter().collect();
    };
    let Detail { pods, containers, default_container, path: _ } = detail;
    let mut parts = vec![place(format!("`{path}`: {} pods", pods.len()).replace(": 1 pods", ": 1 pod"))];
    let more = |count: usize| (count > LIMIT).then(|| format!("- … and {} more", count - LIMIT));
    let lines = pods.iter().take(LIMIT).map(|pod| match known::state(pod) {
        state if state.is_empty() => format!("- `{}`", pod.name),
        state => format!("- `{}`: {state}", pod.name),
    });
    parts.push(lines.chain(more(pods.len())).collect::<Vec<_>>().join("\n"));
    let chosen = named.target.container.as_ref().or(default_container.as_ref());
    let lines = containers.iter().take(LIMIT).map(|container| {
        let mark = if Some(&container.name) == chosen { ", the one to stand in for" } else { "" };
        let image = if container.image.is_empty() { String::new() } else { format!(": `{}`", container.image) };
        format!("- container `{}`{image}{mark}", container.name)
    });
    parts.push(lines.chain(more(containers.len())).collect::<Vec<_>>().join("\n"));
    parts
}

fn port(number: u64, document: &Document, view: &View) -> Vec<String> {
    let Some(container) = known::container(document, view).filter(|container| !container.ports.is_empty()) else {
        return Vec::new();
    };
    let name = &container.name;
    match container.ports.iter().find(|port| u64::from(port.number) == number) {
        Some(Port { name: Some(port), protocol, .. }) => {
            vec![format!("Port `{port}` ({protocol}) of container `{name}`.")]
        }
        Some(Port { protocol, .. }) => vec![format!("A port ({protocol}) of container `{name}`.")],
        None => {
            let ports: Vec<_> = container.ports.iter().take(LIMIT).map(|port| format!("`{}`", port.number)).collect();
            vec![format!("Container `{name}` does not declare this port; it declares {}.", ports.join(", "))]
        }
    }
}

/// The mounts or variables that a pattern matches.
fn known_matches(meaning: Meaning, as_regex: bool, pattern: &str, document: &Document, view: &View) -> Vec<String> {
    let Some(container) = known::container(document, view) else { return Vec::new() };
    let (what, names): (_, Vec<&String>) = match meaning {
        Meaning::Path => ("volume mounts", container.mounts.iter().collect()),
        Meaning::Variable => ("variables", container.env.keys().collect()),
        _ => return Vec::new(),
    };
    let regex = match (as_regex, meaning) {
        (true, Meaning::Path) => compile::regex_ignoring_case(pattern),
        _ => compile::regex(pattern),
    };
    let regex = regex.ok().filter(|_| as_regex);
    if names.is_empty() || as_regex && regex.is_none() {
        return Vec::new();
    }
    let fits = |name: &str| match &regex {
        // A mount is a folder: what lies in it has its path and more.
        Some(regex) if meaning == Meaning::Path => {
            regex.is_match(name).unwrap_or(false) || regex.is_match(&format!("{name}/")).unwrap_or(false)
        }
        Some(regex) => regex.is_match(name).unwrap_or(false),
        None => env::matches(pattern, name),
    };
    let found: Vec<_> = names.into_iter().filter(|name| fits(name)).collect();
    let owner = &container.name;
    if found.is_empty() {
        return vec![format!("`{pattern}` matches none of the known {what} of container `{owner}`.")];
    }
    if let (&[name], Some(source)) = (found.as_slice(), container.env.get(pattern)) {
        return vec![format!("`{name}` is a variable of container `{owner}`, from {source}.")];
    }
    let more = if found.len() > LIMIT { format!(" and {} more", found.len() - LIMIT) } else { String::new() };
    let names: Vec<_> = found.iter().take(LIMIT).map(|name| format!("`{name}`")).collect();
    vec![format!("`{pattern}` matches {}{more}, {what} of container `{owner}`.", names.join(", "))]
}

/// The service that an entry of a filter names.
fn destination(entry: &str, view: &View) -> Vec<String> {
    let host = entry.split_once("://").map_or(entry, |(_, rest)| rest);
    let host = host.split(':').next().unwrap_or_default();
    let services = view.services.as_deref().unwrap_or_default();
    let is_it = |name: &str, namespace: &str| {
        let rest = host.strip_prefix(name).unwrap_or("-");
        rest.is_empty() || rest.strip_prefix('.').is_some_and(|rest| rest.split('.').next() == Some(namespace))
    };
    let service = services.iter().find(|service| is_it(&service.name, &service.namespace));
    let tell = |service: &session::live::ServiceDetail| {
        let ports: Vec<_> = service.ports.iter().take(LIMIT).map(|port| format!("`{}`", port.number)).collect();
        let ports = if ports.is_empty() { String::new() } else { format!(", ports {}", ports.join(", ")) };
        format!("Service `{}` in namespace `{}`{ports}.", service.name, service.namespace)
    };
    service.map(tell).into_iter().collect()
}
