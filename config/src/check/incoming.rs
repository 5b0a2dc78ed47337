//! Rules of incoming traffic: ports and HTTP filters.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::Context;
use crate::compile::{Invalid, Language, problem as not_compiled};
use crate::feature::incoming::{Condition, Demand, HttpFilter, Incoming};
use crate::problem::{Code, Edit, Problem};
use crate::shape::MAX_ERRORS;
use crate::{Origin, is_at_or_below};

const INCOMING: &str = "/feature/network/incoming";
const HTTP_FILTER: &str = "/feature/network/incoming/http_filter";

pub(super) fn check(incoming: &Incoming, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let Incoming { ports, ignore_ports, port_mapping, listen_ports, http_filter, .. } = incoming;
    if ports.is_some() && !ignore_ports.is_empty() {
        let message = "`ports` and `ignore_ports` cannot be combined";
        problems
            .push(context.deletable(Code::PortsBoth, &format!("{INCOMING}/ignore_ports"), message).help("keep one"));
    }
    for (key, pairs) in [("port_mapping", port_mapping), ("listen_ports", listen_ports)] {
        twice(key, pairs, context, problems);
    }
    for (index, (local, remote)) in port_mapping.iter().enumerate() {
        if local == remote && problems.len() < MAX_ERRORS {
            let message = format!("port {local} is mapped to itself, which is so anyway");
            let pointer = format!("{INCOMING}/port_mapping/{index}");
            problems.push(context.deletable(Code::PortIdentity, &pointer, message).help("delete it"));
        }
    }
    if let Some(filter) = http_filter {
        http(filter, context, problems);
    }
}

fn twice(key: &str, pairs: &[(u16, u16)], context: &Context<'_>, problems: &mut Vec<Problem>) {
    let (mut asked, mut partners, mut both) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (index, pair @ (left, right)) in pairs.iter().enumerate() {
        let (known_left, known_right) = (!asked.insert(left), !partners.insert(right));
        let port = match (known_left, known_right) {
            (true, _) => left,
            (false, true) => right,
            (false, false) => {
                both.insert(pair);
                continue;
            }
        };
        if problems.len() >= MAX_ERRORS {
            break;
        }
        let message = format!("port {port} stands in `{key}` twice");
        let pointer = format!("{INCOMING}/{key}/{index}");
        // The same pair again can go; of two that differ, only the user knows which is meant.
        let problem = if both.insert(pair) {
            context.problem(Code::PortTwice, &pointer, message)
        } else {
            context.deletable(Code::PortTwice, &pointer, message)
        };
        problems.push(problem.help("each port has one partner"));
    }
}

fn http(filter: &HttpFilter, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let HttpFilter { all_of, any_of, .. } = filter;
    let pointer = |key: &str| format!("{HTTP_FILTER}/{key}");
    let used = used(filter);
    if let [_, (second, _), ..] = used.as_slice() {
        let names: Vec<_> = used.iter().map(|(key, _)| *key).collect();
        let message = format!("{} filters at once: {}", used.len(), names.join(", "));
        let problem = context.problem(Code::FilterSeveral, &pointer(second), message);
        let problem = problem.help("put the conditions into one `all_of`");
        problems.push(problem.repair("Wrap them in `all_of`", wrapped(filter, context)));
    }
    for (key, _) in used.iter().filter(|(_, text)| *text == Some("")) {
        let problem = context.deletable(Code::FilterEmpty, &pointer(key), "an empty filter");
        problems.push(problem.help("delete it"));
    }
    for (key, conditions) in [("all_of", all_of), ("any_of", any_of)] {
        let Some(conditions) = conditions else { continue };
        if conditions.is_empty() {
            let problem = context.deletable(Code::FilterEmpty, &pointer(key), "no condition");
            problems.push(problem.help("add one, or delete the key"));
        }
        for (index, condition) in conditions.iter().enumerate() {
            if problems.len() >= MAX_ERRORS {
                break;
            }
            let pointer = format!("{}/{index}", pointer(key));
            if is_empty(condition) {
                let problem = context.deletable(Code::FilterEmpty, &pointer, "an empty condition");
                problems.push(problem.help("delete it"));
            } else {
                program(condition, &pointer, context, problems);
            }
        }
    }
}

/// The filters that are written, with their text where they are one.
fn used(filter: &HttpFilter) -> Vec<(&'static str, Option<&str>)> {
    let HttpFilter {
        header_filter,
        header_filter_jq,
        path_filter,
        method_filter,
        body_filter,
        all_of,
        any_of,
        ports: _,
    } = filter;
    let texts = [
        ("header_filter", header_filter),
        ("header_filter_jq", header_filter_jq),
        ("path_filter", path_filter),
        ("method_filter", method_filter),
    ];
    let others = [("body_filter", body_filter.is_some()), ("all_of", all_of.is_some()), ("any_of", any_of.is_some())];
    let body = body_filter.as_ref().map(|body| body.query.as_str());
    let texts = texts.into_iter().filter_map(|(key, text)| Some((key, Some(text.as_deref()?))));
    let others = others.into_iter().filter(|(_, is_written)| *is_written);
    texts.chain(others.map(|(key, _)| (key, body.filter(|_| key == "body_filter")))).collect()
}

/// Edits that put all conditions into one `all_of`; `None` where that would not say the same, or lose a comment.
fn wrapped(filter: &HttpFilter, context: &Context<'_>) -> Option<Vec<Edit>> {
    let Demand::All(conditions) = filter.demand() else { return None };
    if filter.any_of.is_some() || !context.is_known(HTTP_FILTER) || conditions.iter().any(is_empty) {
        return None;
    }
    let file = context.file?;
    let mut object = Map::new();
    object.insert("all_of".to_owned(), serde_json::to_value(conditions).ok()?);
    if let Some(ports) = &filter.ports {
        object.insert("ports".to_owned(), ports.clone().into());
    }
    let edits = file.replace(HTTP_FILTER, &Json::Object(object))?;
    // Variables and flags may have added conditions, which are not to be written into the file.
    let from_file = |key: &crate::WrittenKey| key.origin == Origin::File || !is_at_or_below(&key.pointer, HTTP_FILTER);
    let is_ours = context.findings.written.iter().all(from_file);
    Some(edits).filter(|edits| is_ours && edits.iter().all(|edit| !file.holds_more(edit.span)))
}

/// Compiles what the keys of a condition alone do not tell apart: `query` is a JSONPath beside `body`, else jq.
fn program(condition: &Condition, pointer: &str, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let (code, name, query, language) = match condition {
        Condition::HeaderJq(query) => (Code::BadJq, "a jq program", query, Language::Jq),
        Condition::Body { query, matches: _ } => (Code::BadJsonPath, "a JSONPath", query, Language::JsonPath),
        Condition::Header(_) | Condition::Path(_) | Condition::Method(_) => return,
    };
    if let Some(Invalid { reason, at }) = not_compiled(language, query) {
        let message = format!("`{query}` is not {name}: {reason}");
        let mut problem = context.problem(code, &format!("{pointer}/query"), message);
        if let (Some(file), Some(at)) = (context.file, at) {
            problem.span = file.part(problem.span, query, &at);
        }
        problems.push(problem);
    }
}

fn is_empty(condition: &Condition) -> bool {
    match condition {
        Condition::Header(text) | Condition::HeaderJq(text) | Condition::Path(text) | Condition::Method(text) => {
            text.is_empty()
        }
        Condition::Body { query, matches: _ } => query.is_empty(),
    }
}
