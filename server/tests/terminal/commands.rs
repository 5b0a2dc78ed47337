//! Commands that talk to nobody.

use expect_test::expect;

use crate::bench::Bench;

#[test]
fn commands_that_are_not_there_say_so() {
    let bench = Bench::bare();
    let said = bench.run(&["chaos", "list"]);
    assert_eq!(said.code, 2);
    expect![[r"
        mirrord: error: this version does not have the command `chaos` yet
    "]]
    .assert_eq(&said.err);
    let said = bench.run(&["exex"]);
    assert_eq!(said.code, 2);
    expect![[r"
        mirrord: error: there is no command `exex`; did you mean `exec`?
    "]]
    .assert_eq(&said.err);
    assert_eq!(bench.run(&[]).code, 2);
    assert_eq!(bench.run(&["--version"]).out, format!("mirrord {}\n", env!("CARGO_PKG_VERSION")));
    assert!(bench.run(&["completions", "bash"]).out.contains("verify-config"));
}

#[test]
fn check_tells_all_problems_with_their_places() {
    let bench = Bench::bare();
    bench.write("bad.json", "{\n  \"targt\": \"pod/x\",\n  \"feature\": { \"fs\": 5 }\n}\n");
    bench.write("good.json", "{ \"target\": \"pod/x\" }\n");
    let said = bench.run(&["check", "bad.json", "good.json"]);
    assert_eq!(said.code, 2, "{said:?}");
    let lines: Vec<_> = said.out.lines().collect();
    assert!(lines[0].starts_with("bad.json:2:3: error[unknown-key] /targt: "), "{said:?}");
    assert!(lines[0].contains("`target`"), "{said:?}");
    assert!(lines[1].starts_with("bad.json:3:"), "{said:?}");
    assert_eq!(lines.last(), Some(&"good.json: no problems"));
    assert_eq!(bench.run(&["check", "good.json"]).code, 0);
    assert!(bench.run(&["check"]).err.contains(".mirrord/mirrord.json"));
}

#[test]
fn verify_config_speaks_json_and_never_fails() {
    let bench = Bench::bare();
    bench.write("good.json", r#"{ "target": { "path": { "deployment": "d", "container": "c" }, "namespace": "n" } }"#);
    let said = bench.run(&["verify-config", "good.json"]);
    assert_eq!(said.code, 0);
    expect![[r#"
        {"type":"Success","config":{"path":{"deployment":"d","container":"c"},"namespace":"n"},"warnings":[],"compatible_target_types":["targetless","pod","deployment","rollout","job","cronjob","statefulset","service","replicaset"]}
    "#]]
    .assert_eq(&said.out);
    bench.write("bad.json", r#"{ "nonsense": 1 }"#);
    let said = bench.run(&["verify-config", "--ide", "bad.json"]);
    assert_eq!(said.code, 0);
    let verdict: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(verdict["type"], "Fail");
    assert!(verdict["errors"][0].as_str().is_some_and(|text| text.starts_with("bad.json:1:3: error[unknown-key]")));
    let said = bench.run(&["verify-config", "absent.json"]);
    assert!(said.code == 0 && said.out.contains("absent.json"), "{said:?}");
}

#[test]
fn the_schema_is_json() {
    let said = Bench::bare().run(&["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert!(schema["properties"]["feature"].is_object());
}
