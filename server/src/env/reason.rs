//! In words: who has set a variable, and which rule has the last word about it.

use config::{
    Env,
    feature::env::{ImportRule, Origin, account::Entry, account::Source},
};

/// Who has set a variable of the pod.
pub(super) fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Spec => "pod specification".to_owned(),
        Origin::Field => "pod specification (downward API)".to_owned(),
        Origin::ConfigMap(name) => format!("configmap/{name}"),
        Origin::Secret(name) => format!("secret/{name}"),
        Origin::Bulk(objects) => format!("{} or image", objects.join(", ")),
        Origin::Kubernetes => "Kubernetes".to_owned(),
        Origin::Image => "image".to_owned(),
        Origin::Unknown => "pod".to_owned(),
    }
}

/// Where what the program gets comes from, and why.
pub(super) fn of(env: &Env, entry: &Entry) -> String {
    let from = entry.remote.as_ref().map(|variable| origin(&variable.origin));
    let listed = |key: &str, patterns: &[String], number: usize| {
        format!("feature.env.{key} `{}`", patterns.get(number).map_or("", String::as_str))
    };
    let list = |patterns: &Option<Vec<String>>| patterns.clone().unwrap_or_default();
    let ours = match entry.source {
        Source::Override => "feature.env.override".to_owned(),
        Source::Unset(number) => format!("removed by {}", listed("unset", &env.unset, number)),
        Source::File => format!("`{}`, feature.env.env_file", env.env_file.as_deref().unwrap_or_default()),
        Source::Mapping(number) => {
            let pattern = env.mapping.0.get(number).map_or("", |rewrite| &rewrite.pattern);
            format!("feature.env.mapping `{pattern}`")
        }
        Source::Local | Source::Remote => {
            return match (from, entry.source) {
                (None, _) => "this machine".to_owned(),
                (Some(from), Source::Local) => format!("left out: {} ({from})", why_left_out(env, entry)),
                (Some(from), _) => match entry.rule {
                    Some(ImportRule::Included(number)) => {
                        format!("{from}; {}", listed("include", &list(&env.include), number))
                    }
                    _ => from,
                },
            };
        }
    };
    match from {
        Some(from) => format!("{ours}, instead of {from}"),
        None => ours,
    }
}

fn why_left_out(env: &Env, entry: &Entry) -> String {
    match entry.rule {
        Some(ImportRule::NotIncluded) => "feature.env.include does not name it".to_owned(),
        Some(ImportRule::Excluded(number)) => {
            let pattern = env.exclude.iter().flatten().nth(number).map_or("", String::as_str);
            format!("feature.env.exclude `{pattern}`")
        }
        Some(ImportRule::ExcludedByDefault(pattern)) => format!("by default, `{pattern}` belongs to the machine"),
        Some(ImportRule::Plumbing(pattern)) => format!("by default, `{pattern}` belongs to the image"),
        Some(ImportRule::Off) => "feature.env is false".to_owned(),
        Some(ImportRule::Included(_) | ImportRule::Default) | None => "not imported".to_owned(),
    }
}
