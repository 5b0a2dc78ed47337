//! `ext`, as far as it comes without a cluster: every failure is a line that plugins read.

use serde_json::Value;

use crate::bench::Bench;

/// The failure's message and help.
fn failure(bench: &Bench, arguments: &[&str]) -> (String, String) {
    let said = bench.run(&[&["ext"], arguments].concat());
    assert_eq!(said.code, 1, "{said:?}");
    let lines: Vec<&str> = said.err.lines().filter_map(|line| line.strip_prefix("Error: ")).collect();
    let [line] = lines[..] else { panic!("one line begins with `Error: `: {said:?}") };
    let failure: Value = serde_json::from_str(line).expect("JSON behind it");
    for line in said.out.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(line["type"].is_string(), "{line}");
    }
    let text = |key: &str| failure[key].as_str().unwrap_or_default().to_owned();
    (text("message"), text("help"))
}

#[test]
fn failures_are_one_line_of_json() {
    let Some(bench) = Bench::whole() else { return };
    bench.write("bad.json", "{\n  \"nonsense\": 1\n}");
    let (message, help) = failure(&bench, &["-f", "bad.json"]);
    assert!(message.contains("has errors") && help.starts_with("bad.json:2:3: error[unknown-key]"), "{message} {help}");
    let (message, _) = failure(&bench, &["-f", "absent.json"]);
    assert!(message.contains("absent.json"), "{message}");
    let (message, _) = failure(&bench, &["-t", "pod/x"]);
    assert!(message.contains("kubeconfig"), "{message}");
    let (message, _) = failure(&bench, &[]);
    assert!(message.contains("no target"), "{message}");
    let (message, help) = failure(&bench, &["-t", "pdo/x"]);
    assert!(message.contains("has errors") && help.contains("did you mean `pod`?"), "{message} {help}");
}
