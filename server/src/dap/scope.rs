//! The `mirrord` scope of the variables view: what a session shows of itself, as variables that nobody can change.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use session::view::{self, Latency, State, Traffic, View};

/// What it is called among the adapter's scopes.
const NAME: &str = "mirrord";

/// References of ours: the first is the scope's, the next are those of its folders.
const REFERENCES: i64 = 6;

/// References lie below this: the protocol's limit.
const END: i64 = 1 << 31;

/// Our references are the last ones of a window of this size. Adapters count from 1 upwards, as a rule.
const WINDOW: i64 = 1 << 24;

/// Windows, from the end downwards.
const WINDOWS: u32 = 64;

/// Which references are ours and which the adapter's. A window in which the adapter was seen is given up.
#[derive(Debug, Default)]
pub(super) struct References {
    given_up: u64,
}

/// A folder of the scope, or the scope itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folder {
    /// The scope.
    Scope,
    /// Variables of the target.
    Environment,
    /// Open connections to the cluster.
    Connections,
    /// Connections that have arrived at the target.
    Requests,
    /// Files of the target.
    Files,
    /// The connection to the agent.
    Link,
}

const FOLDERS: [Folder; 6] =
    [Folder::Scope, Folder::Environment, Folder::Connections, Folder::Requests, Folder::Files, Folder::Link];

impl References {
    /// Takes note of every reference in an adapter's answer or event.
    pub(super) fn note(&mut self, body: &Value) {
        match body {
            Value::Array(items) => items.iter().for_each(|item| self.note(item)),
            Value::Object(fields) => {
                if let Some(reference) = fields.get("variablesReference").and_then(Value::as_i64)
                    && let Some(window) = window(reference)
                {
                    self.given_up |= 1 << window;
                }
                fields
                    .values()
                    .filter(|value| value.is_object() || value.is_array())
                    .for_each(|value| self.note(value));
            }
            _ => {}
        }
    }

    /// The first of ours; none when the adapter is everywhere.
    fn base(&self) -> Option<i64> {
        let window = self.given_up.trailing_ones();
        (window < WINDOWS).then(|| END - i64::from(window) * WINDOW - REFERENCES)
    }

    /// What of ours a request asks for.
    pub(super) fn asked(&self, arguments: &Value) -> Option<Folder> {
        let number = arguments["variablesReference"].as_i64()?.checked_sub(self.base()?)?;
        FOLDERS.get(usize::try_from(number).ok()?).copied()
    }

    /// Adds our scope to the adapter's answer to `scopes`.
    pub(super) fn add_scope(&self, body: &mut Value) {
        if let (Some(base), Some(scopes)) = (self.base(), body["scopes"].as_array_mut()) {
            // Expensive: it is not unfolded before somebody wants to see it.
            scopes.push(json!({"name": NAME, "variablesReference": base, "expensive": true}));
        }
    }

    /// The answer to `variables`.
    pub(super) fn variables(&self, folder: Folder, view: &View) -> Value {
        let rows = match folder {
            Folder::Scope => return json!({"variables": self.top(view)}),
            Folder::Environment => environment(view),
            Folder::Connections => connections(view),
            Folder::Requests => requests(view),
            Folder::Files => files(view),
            Folder::Link => link(view),
        };
        json!({"variables": distinct(rows).into_iter().map(|(name, value)| variable(&name, &value, 0)).collect::<Vec<_>>()})
    }

    fn top(&self, view: &View) -> Vec<Value> {
        let state = match &view.reason {
            Some(reason) => format!("{} ({reason})", state(view.state)),
            None => state(view.state).to_owned(),
        };
        let open = view.requests.iter().filter(|request| request.open).count();
        let latency = view.latency.map(|it| format!("{}, ", time(it.median_micros))).unwrap_or_default();
        let connections =
            u64::try_from(view.connections.len()).unwrap_or(u64::MAX).saturating_add(view.more_connections);
        let folders = [
            (Folder::Environment, "Environment", count(view.environment.len(), "variable")),
            (Folder::Connections, "Connections", format!("{connections} open")),
            (Folder::Requests, "Requests", format!("{} lately, {open} open", view.requests.len())),
            (Folder::Files, "Files", format!("{} opened", view.files.len())),
            (Folder::Link, "Link", format!("{latency}{} round trips", view.round_trips)),
        ];
        let session = format!("{}, {state}", view.session);
        let told = [variable("Target", &view.target, 0), variable("Session", &session, 0)];
        let base = self.base().unwrap_or_default();
        let folders = folders.into_iter().map(|(folder, name, value)| {
            let number = FOLDERS.iter().position(|it| *it == folder).and_then(|number| i64::try_from(number).ok());
            variable(name, &value, base + number.expect("every folder is in the table"))
        });
        told.into_iter().chain(folders).collect()
    }
}

/// The window of a reference; none below them all.
fn window(reference: i64) -> Option<u32> {
    let from_end = (0..END).contains(&reference).then(|| END - 1 - reference)?;
    u32::try_from(from_end / WINDOW).ok().filter(|window| *window < WINDOWS)
}

fn variable(name: &str, value: &str, reference: i64) -> Value {
    let hint = json!({"attributes": ["readOnly"]});
    json!({"name": name, "value": value, "variablesReference": reference, "presentationHint": hint})
}

type Rows = Vec<(String, String)>;

fn environment(view: &View) -> Rows {
    let row = |view::Variable { name, value, imported }: &view::Variable| {
        let aside = if *imported { "" } else { " (not given to the program)" };
        (name.clone(), format!("{value}{aside}"))
    };
    view.environment.iter().map(row).collect()
}

fn connections(view: &View) -> Rows {
    let row =
        |view::Connection { remote, seconds }: &view::Connection| (remote.clone(), format!("open for {seconds} s"));
    let more = (view.more_connections > 0).then(|| ("more".to_owned(), view.more_connections.to_string()));
    view.connections.iter().map(row).chain(more).collect()
}

fn requests(view: &View) -> Rows {
    let ports = view.ports.iter().map(|view::Port { port, local, mode, filter }| {
        let means = match mode {
            Traffic::Mirror => "copied to",
            Traffic::Steal => "goes to",
        };
        let which = filter.as_ref().map_or_else(String::new, |filter| format!(", requests that match {filter}"));
        (format!("port {port}"), format!("{means} {local}{which}"))
    });
    let requests = view.requests.iter().map(|view::Request { port, peer, mode, seconds_ago, open }| {
        let mode = match mode {
            Traffic::Mirror => "mirrored",
            Traffic::Steal => "stolen",
        };
        let open = if *open { ", open" } else { "" };
        (format!("{peer} to port {port}"), format!("{mode} {seconds_ago} s ago{open}"))
    });
    ports.chain(requests).collect()
}

fn files(view: &View) -> Rows {
    let row = |view::File { path, writes, seconds_ago, times }: &view::File| {
        let kind = if *writes { "written" } else { "read" };
        (path.clone(), format!("{kind}, opened {}, last {seconds_ago} s ago", count_of(*times, "time")))
    };
    view.files.iter().map(row).collect()
}

fn link(view: &View) -> Rows {
    let latency = view.latency.map(|Latency { median_micros, p99_micros, slowest_micros }| {
        let times = [("median", median_micros), ("99 of 100 within", p99_micros), ("slowest", slowest_micros)];
        times.map(|(name, micros)| (name.to_owned(), time(micros)))
    });
    let counters = [
        ("round trips", view.round_trips.to_string()),
        ("sent", format!("{} bytes", view.sent_bytes)),
        ("received", format!("{} bytes", view.received_bytes)),
        ("processes", view.programs.to_string()),
        ("up for", format!("{} s", view.seconds)),
    ];
    latency.into_iter().flatten().chain(counters.map(|(name, value)| (name.to_owned(), value))).collect()
}

fn state(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        State::Connected => "connected",
        State::Degraded => "in trouble: remote operations wait",
        State::Lost => "lost",
        State::Stopped => "stopped",
    }
}

/// `1.2 ms`
fn time(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

fn count(number: usize, what: &str) -> String {
    count_of(u64::try_from(number).unwrap_or(u64::MAX), what)
}

fn count_of(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Editors remember what is unfolded by its name: no two rows may share one.
fn distinct(rows: Rows) -> Rows {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut distinct = Vec::with_capacity(rows.len());
    for (name, value) in rows {
        let times = seen.entry(name.clone()).or_default();
        *times += 1;
        distinct.push((if *times == 1 { name } else { format!("{name} ({times})") }, value));
    }
    distinct
}

#[cfg(test)]
mod tests;
