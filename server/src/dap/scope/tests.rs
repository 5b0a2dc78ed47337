use std::fmt::Write as _;

use super::*;
use expect_test::expect;
use session::view::{By, Connection, File, Port, Request, Variable};

fn view() -> View {
    let connection = |seconds| Connection { remote: "10.96.0.1:5432".into(), seconds };
    let variable = |name: &str, imported| Variable { name: name.into(), value: "db".into(), imported };
    View {
        session: "0a1b2c3d".into(),
        by: By::Debug,
        target: "pod/api-1/container/api in namespace shop".into(),
        state: State::Degraded,
        reason: Some("silence".into()),
        round_trips: 812,
        latency: Some(Latency { median_micros: 1234, p99_micros: 9876, slowest_micros: 40_567 }),
        ports: vec![Port { port: 80, local: ([127, 0, 0, 1], 8080).into(), mode: Traffic::Steal, filter: None }],
        requests: vec![Request {
            port: 80,
            peer: ([10, 0, 0, 7], 4).into(),
            mode: Traffic::Mirror,
            seconds_ago: 3,
            open: true,
        }],
        connections: vec![connection(1), connection(2)],
        more_connections: 5,
        files: vec![File { path: "/etc/app".into(), writes: false, seconds_ago: 1, times: 2 }],
        environment: vec![variable("DB", true), variable("PATH", false)],
        ..View::default()
    }
}

#[test]
fn a_view_is_shown_as_variables() {
    let references = References::default();
    let mut body = json!({"scopes": [{"name": "Locals", "variablesReference": 7}]});
    references.add_scope(&mut body);
    let mut text = format!("{}\n", body["scopes"][1]);
    let base = body["scopes"][1]["variablesReference"].as_i64().unwrap();
    for reference in base..base + REFERENCES {
        let folder = references.asked(&json!({"variablesReference": reference})).unwrap();
        writeln!(text, "{folder:?}").unwrap();
        for variable in references.variables(folder, &view())["variables"].as_array().unwrap() {
            let reference = variable["variablesReference"].as_i64().unwrap();
            let reference = if reference == 0 { String::new() } else { format!(" -> {}", reference - base) };
            writeln!(text, "  {} = {}{reference}", variable["name"], variable["value"]).unwrap();
        }
    }
    expect![[r#"
        {"name":"mirrord","variablesReference":2147483642,"expensive":true}
        Scope
          "Target" = "pod/api-1/container/api in namespace shop"
          "Session" = "0a1b2c3d, in trouble: remote operations wait (silence)"
          "Environment" = "2 variables" -> 1
          "Connections" = "7 open" -> 2
          "Requests" = "1 lately, 1 open" -> 3
          "Files" = "1 opened" -> 4
          "Link" = "1.2 ms, 812 round trips" -> 5
        Environment
          "DB" = "db"
          "PATH" = "db (not given to the program)"
        Connections
          "10.96.0.1:5432" = "open for 1 s"
          "10.96.0.1:5432 (2)" = "open for 2 s"
          "more" = "5"
        Requests
          "port 80" = "goes to 127.0.0.1:8080"
          "10.0.0.7:4 to port 80" = "mirrored 3 s ago, open"
        Files
          "/etc/app" = "read, opened 2 times, last 1 s ago"
        Link
          "median" = "1.2 ms"
          "99 of 100 within" = "9.8 ms"
          "slowest" = "40.5 ms"
          "round trips" = "812"
          "sent" = "0 bytes"
          "received" = "0 bytes"
          "processes" = "0"
          "up for" = "0 s"
    "#]]
    .assert_eq(&text);
}

#[test]
fn an_adapter_keeps_its_own_references() {
    let mut references = References::default();
    let ours = |references: &References| {
        let mut body = json!({"scopes": []});
        references.add_scope(&mut body);
        body["scopes"][0]["variablesReference"].as_i64()
    };
    let asks = |references: &References, reference: i64| references.asked(&json!({"variablesReference": reference}));
    let first = ours(&references).unwrap();
    assert!(first + REFERENCES <= END, "{first} is beyond the protocol's limit");
    assert_eq!((asks(&references, first - 1), asks(&references, first + REFERENCES)), (None, None));
    // References that are far away, too large or none at all change nothing.
    for far in [0, 1, 1 << 29, END, END + 1, i64::MAX, i64::MIN] {
        references.note(&json!({"result": "1", "variablesReference": far}));
    }
    assert_eq!(ours(&references), Some(first));
    references.note(&json!({"variables": [{"deep": [{"variablesReference": first}]}]}));
    let second = ours(&references).unwrap();
    assert_eq!(asks(&references, first), None, "it is the adapter's");
    assert_eq!(asks(&references, second), Some(Folder::Scope));
    // One that is everywhere leaves no room.
    for window in 0..i64::from(WINDOWS) {
        references.note(&json!({"variablesReference": END - 1 - window * WINDOW}));
    }
    assert_eq!((ours(&references), asks(&references, second)), (None, None));
}
