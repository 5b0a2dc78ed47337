//! What a program can stand in for, listed: for programs in the formats that they know, for people as a table.

use std::path::PathBuf;

use config::{Config, Kind, Overrides, Target};
use serde_json::{Value, json};
use session::{
    cluster::{Cluster, ConnectOptions},
    targets::{self, Hidden, TargetEntry, TargetList, TargetQuery},
};

use crate::{
    cli,
    exec::Failure,
    exit,
    settings::{self, Settings},
    terminal,
};

/// What both commands are told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Namespace; else the configuration's, else the context's
    #[arg(short, long)]
    namespace: Option<String>,
    /// Kinds to list: deployment, pod, service…; may be repeated
    #[arg(short = 't', long = "type", value_name = "KIND", value_parser = kind)]
    kinds: Vec<Kind>,
    /// Configuration file, for how to reach the cluster
    #[arg(short = 'f', long, value_name = "PATH", num_args = 0..=1, default_missing_value = settings::DEFAULT_FILE)]
    config_file: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long)]
    context: Option<String>,
}

/// Variable that narrows the kinds: a JSON array of names.
const KINDS_VARIABLE: &str = "MIRRORD_LS_TARGET_TYPES";
/// Variable that asks for the longer of the two formats.
const RICH_VARIABLE: &str = "MIRRORD_LS_RICH_OUTPUT";

fn kind(name: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.map(Kind::as_str).join(", ");
    Kind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| format!("one of {}", known()))
}

/// `mirrord ls`: JSON that plugins read.
pub(crate) fn ls(arguments: Arguments) -> u8 {
    let rich = std::env::var(RICH_VARIABLE).is_ok_and(|value| value == "true");
    show(arguments, |list| format!("{}\n", if rich { rich_list(list) } else { plain_list(list) }))
}

/// `mirrord targets`: a table, or everything that is known as JSON.
pub(crate) fn targets(arguments: Arguments, as_json: bool) -> u8 {
    show(arguments, |list| {
        if as_json {
            return format!("{}\n", json!(list));
        }
        for Hidden { kind, reason } in &list.hidden {
            tracing::debug!(kind, reason, "not listed");
        }
        table(list)
    })
}

fn show(arguments: Arguments, render: impl FnOnce(&TargetList) -> String) -> u8 {
    let runtime = match cli::runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let listed = runtime.block_on(list(arguments));
    runtime.shutdown_background(); // a credential plugin may still wait for a login
    match listed {
        Ok(list) => {
            terminal::print(&render(&list));
            0
        }
        Err(failure) => failure.tell(),
    }
}

async fn list(arguments: Arguments) -> Result<TargetList, Failure> {
    let Arguments { namespace, mut kinds, config_file, context } = arguments;
    let flags = context.map(|context| ("/kube_context".to_owned(), json!(context))).into_iter().collect();
    // The user is about to choose a target: that there is none yet is no mistake.
    let overrides = Overrides { target_pending: true, ..settings::overrides_here(flags) };
    let settings = Settings::load(settings::chosen_file(config_file).as_deref(), &overrides)
        .map_err(|error| Failure::new(exit::USAGE, &error))?;
    let Some(config) = &settings.loaded.config else {
        settings.complain();
        return Err(Failure::new(exit::USAGE, &"the configuration has errors"));
    };
    if kinds.is_empty() {
        kinds = kinds_of_variable().map_err(|error| Failure::new(exit::USAGE, &error))?;
    }
    let of_target = config.target.as_ref().and_then(|Target { namespace, .. }| namespace.clone());
    let query = TargetQuery { namespace: namespace.or(of_target), kinds };
    ask(&connect_options(config), &query).await.map_err(|error| Failure::new(exit::FAILURE, &error))
}

/// Asks a cluster; the error is a sentence for the user.
pub(crate) async fn ask(options: &ConnectOptions, query: &TargetQuery) -> Result<TargetList, String> {
    let cluster = Cluster::connect(options).await.map_err(|error| error.to_string())?;
    targets::list(&cluster, query).await.map_err(|error| error.to_string())
}

fn connect_options(config: &Config) -> ConnectOptions {
    ConnectOptions {
        kubeconfig: config.kubeconfig.clone(),
        context: config.kube_context.clone(),
        accept_invalid_certificates: config.accept_invalid_certificates,
        use_proxy: config.use_proxy,
        namespace: None,
    }
}

fn kinds_of_variable() -> Result<Vec<Kind>, String> {
    let Ok(text) = std::env::var(KINDS_VARIABLE) else { return Ok(Vec::new()) };
    let names: Vec<String> = serde_json::from_str(&text)
        .map_err(|error| format!("{KINDS_VARIABLE} is not a JSON array of names: {error}"))?;
    // `targetless` needs no cluster, and names of later versions are not ours to refuse.
    Ok(names.iter().filter_map(|name| kind(name).ok()).collect())
}

fn plain_list(list: &TargetList) -> Value {
    list.paths().collect()
}

fn rich_list(list: &TargetList) -> Value {
    let targets = list.targets.iter().map(|entry| json!({"path": entry.path, "available": entry.available}));
    json!({
        "targets": targets.collect::<Value>(),
        "current_namespace": list.current_namespace,
        "namespaces": list.namespaces,
    })
}

fn table(list: &TargetList) -> String {
    let mut rows = vec![["TARGET", "READY", "CONTAINERS", ""].map(str::to_owned)];
    rows.extend(list.targets.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second, third) = (width(0), width(1), width(2));
    let context = list.context.as_ref().map(|context| format!(", context {context}")).unwrap_or_default();
    let mut text = terminal::harmless(&format!("namespace {}{context}", list.current_namespace)) + "\n";
    if list.targets.is_empty() {
        return text + "nothing to stand in for\n";
    }
    for [target, ready, containers, reason] in &rows {
        let line = format!("{target:<first$}  {ready:<second$}  {containers:<third$}  {reason}");
        text.push_str(&terminal::harmless(line.trim_end()));
        text.push('\n');
    }
    text
}

fn row(entry: &TargetEntry) -> [String; 4] {
    let ready = match (entry.ready, entry.desired) {
        (Some(ready), Some(desired)) => format!("{ready}/{desired}"),
        (Some(ready), None) => ready.to_string(),
        (None, _) => "-".to_owned(),
    };
    [entry.path.clone(), ready, entry.containers.join(", "), entry.reason.clone().unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn list() -> TargetList {
        let entry = |path: &str, ready, desired, containers: &[&str], reason: Option<&str>| TargetEntry {
            path: path.to_owned(),
            kind: "deployment",
            name: "x".to_owned(),
            namespace: "shop".to_owned(),
            available: reason.is_none(),
            containers: containers.iter().map(|&name| name.to_owned()).collect(),
            ready,
            desired,
            reason: reason.map(str::to_owned),
        };
        TargetList {
            targets: vec![
                entry("deployment/api", Some(2), Some(3), &["app", "side"], None),
                entry("pod/api-1", Some(0), Some(1), &["app"], Some("waits:\x1b[2J")),
                entry("service/api", None, None, &[], None),
            ],
            namespaces: vec!["default".into(), "shop".into()],
            current_namespace: "shop".into(),
            context: Some("kind".into()),
            hidden: Vec::new(),
        }
    }

    #[test]
    fn people_get_a_table() {
        expect![[r"
            namespace shop, context kind
            TARGET          READY  CONTAINERS
            deployment/api  2/3    app, side
            pod/api-1       0/1    app         waits:\u{1b}[2J
            service/api     -
        "]]
        .assert_eq(&table(&list()));
    }

    #[test]
    fn plugins_get_what_they_know() {
        expect![[r#"["deployment/api","service/api"]"#]].assert_eq(&plain_list(&list()).to_string());
        expect![[r#"{"targets":[{"path":"deployment/api","available":true},{"path":"pod/api-1","available":false},{"path":"service/api","available":true}],"current_namespace":"shop","namespaces":["default","shop"]}"#]]
            .assert_eq(&rich_list(&list()).to_string());
    }
}
