//! `check` and `verify-config`: what is wrong with files, and with files that are hardly any.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    process::Stdio,
    time::{Duration, Instant},
};

use expect_test::expect;
use serde_json::Value;

use crate::bench::{Bench, said};

#[test]
fn problems_are_drawn_with_their_lines_and_counted() {
    let bench = Bench::bare();
    bench.write("bad.json", "{\n  \"targt\": \"pod/x\",\n  \"feature\": { \"fs\": 5 }\n}\n");
    bench.write("good.json", "{ \"target\": \"pod/x\" }\n");
    let told = bench.run(&["check", "bad.json", "good.json"]);
    assert_eq!(told.code, 1, "{told:?}");
    expect![[r#"
        error[unknown-key]: /targt: unknown key
         --> bad.json:2:3
          |
        2 |   "targt": "pod/x",
          |   ^^^^^^^
          |
          = help: did you mean `target`?
          = note: see docs/configuration.md#problem-unknown-key
        help: Rename to `target`
          |
        2 |   "target": "pod/x",
          |        +

        error[wrong-type]: /feature/fs: expected true, false, `local`, `localwithoverrides`, `read`, `write` or an object, found 5
         --> bad.json:3:22
          |
        3 |   "feature": { "fs": 5 }
          |                      ^
          |
          = note: see docs/configuration.md#problem-wrong-type

        bad.json: 2 errors
        good.json: no problems
    "#]].assert_eq(&told.out);
    assert_eq!(bench.run(&["check", "good.json"]).code, 0);
    assert!(bench.run(&["check"]).err.contains(".mirrord/mirrord.json"));
}

#[test]
fn warnings_are_no_failure() {
    let bench = Bench::bare();
    bench.write("m.json", r#"{ "feature": { "network": { "incoming": { "port_mapping": [[80, 80]] } } } }"#);
    let told = bench.run(&["check", "m.json"]);
    assert!(told.code == 0 && told.out.contains("warning[port-identity]"), "{told:?}");
}

#[test]
fn programs_get_one_array_with_edits() {
    let bench = Bench::bare();
    bench.write("a.json", "{\n  \"targt\": \"pod/x\"\n}");
    bench.write("b.json", "{ \"nonsense\": 1 }");
    let told = bench.run(&["check", "--json", "a.json", "b.json"]);
    assert_eq!(told.code, 1);
    let problems: Value = serde_json::from_str(&told.out).expect("JSON");
    expect![[r#"
        {
          "start": 4,
          "end": 11,
          "line": 2,
          "column": 3,
          "end_line": 2,
          "end_column": 10,
          "file": "a.json",
          "severity": "error",
          "code": "unknown-key",
          "link": "docs/configuration.md#problem-unknown-key",
          "pointer": "/targt",
          "message": "unknown key",
          "help": "did you mean `target`?",
          "fix": {
            "title": "Rename to `target`",
            "edits": [
              {
                "start": 4,
                "end": 11,
                "line": 2,
                "column": 3,
                "end_line": 2,
                "end_column": 10,
                "text": "\"target\""
              }
            ]
          }
        }"#]]
    .assert_eq(&format!("{:#}", problems[0]));
    assert_eq!(problems[1]["file"], "b.json");
}

#[test]
fn certain_repairs_are_made_in_place() {
    let bench = Bench::bare();
    bench.write(
        "m.json",
        "{\n  // keep me\n  \"targt\": \"pod/x\",\n  \"agnet\": { \"ttl\": 3 },\n  \"zzzzzz\": 1\n}\n",
    );
    fs::set_permissions(bench.path("m.json"), fs::Permissions::from_mode(0o640)).expect("it is ours");
    let told = bench.run(&["check", "--fix", "m.json"]);
    assert_eq!(told.code, 1, "one problem has no repair: {told:?}");
    let text = fs::read_to_string(bench.path("m.json")).expect("it is there");
    assert_eq!(text, "{\n  // keep me\n  \"target\": \"pod/x\",\n  \"agent\": { \"ttl\": 3 },\n  \"zzzzzz\": 1\n}\n");
    assert_eq!(fs::metadata(bench.path("m.json")).expect("it is there").permissions().mode() & 0o777, 0o640);
    assert!(told.err.contains("m.json: 2 repaired"), "{told:?}");
    assert_eq!(bench.run(&["check", "--fix", "-"]).code, 2);
}

#[test]
fn what_is_hardly_a_file_is_told_and_not_stumbled_over() {
    let bench = Bench::bare();
    let check = |file: &str| bench.run(&["check", file]);
    bench.write("half.json", "{ \"feature\": { \"netw");
    assert!(check("half.json").out.contains("error[syntax]"));
    fs::write(bench.path("bytes.json"), b"{ \"target\": \"\xff\xfe\" }").expect("there is room");
    let told = check("bytes.json");
    assert!(told.code == 1 && told.out.contains("error[syntax]") && told.out.contains("bytes.json:1:14"), "{told:?}");
    let told = check("absent.json");
    assert!(told.code == 2 && told.err.contains("cannot read the configuration absent.json: No such file"), "{told:?}");
    fs::create_dir(bench.path("folder.json")).expect("a folder");
    let told = check("folder.json");
    assert!(told.code == 2 && told.err.contains("folder.json: Is a directory"), "{told:?}");
    bench.write("m.ini", "{}");
    let told = check("m.ini");
    assert!(told.code == 1 && told.out.contains("error[file-extension]"), "{told:?}");
    bench.write("deep.json", &"[".repeat(100_000));
    assert!(check("deep.json").out.contains("error[syntax]"));
    assert_eq!(bench.run(&["check", "--nonsense"]).code, 2);
    bench.write("template.json", "{\n  \"target\": \"pod/{{ nobody_knows }}\"\n}");
    let told = check("template.json");
    assert!(
        told.code == 1 && told.out.contains("error[template]") && told.out.contains("template.json:2:"),
        "{told:?}"
    );
    bench.write("m.yaml", "target: pod/x\nfeature:\n  networ: true\n");
    let told = check("m.yaml");
    assert!(told.code == 1 && told.out.contains("m.yaml:3:3") && told.out.contains("`network`"), "{told:?}");
    bench.write("m.toml", "target = \"pod/x\"\n[feature]\nnetwor = true\n");
    let told = check("m.toml");
    assert!(told.code == 1 && told.out.contains("m.toml:3:1") && told.out.contains("`network`"), "{told:?}");
    if !nix::unistd::geteuid().is_root() {
        fs::set_permissions(bench.path("m.toml"), fs::Permissions::from_mode(0o000)).expect("it is ours");
        assert!(check("m.toml").err.contains("Permission denied"));
    }
}

#[test]
fn templates_know_the_branch_and_the_key() {
    let bench = Bench::bare();
    fs::create_dir(bench.path(".git")).expect("a folder");
    bench.write(".git/HEAD", "ref: refs/heads/topic\n");
    bench.write(
        "m.json",
        r#"{ "target": "pod/{{ git_branch }}", "feature": { "env": { "override": { "K": "{{ key }}" } } } }"#,
    );
    let told = bench.run(&["verify-config", "--resolved", "m.json"]);
    let verdict: Value = serde_json::from_str(&told.out).expect("JSON");
    assert_eq!(verdict["config"]["path"]["pod"], "topic", "{verdict}");
    let key = verdict["resolved_config"]["feature"]["env"]["override"]["K"].as_str().expect("text");
    assert!(key.len() == 5 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
}

#[test]
fn large_files_are_read_and_huge_ones_refused() {
    let bench = Bench::bare();
    let entry = |number: usize| format!("\"V{number}\": \"{}\"", "x".repeat(10_000));
    let entries: Vec<String> = (0..1_000).map(entry).collect();
    bench.write(
        "large.json",
        &format!("{{ \"feature\": {{ \"env\": {{ \"override\": {{ {} }} }} }} }}", entries.join(", ")),
    );
    let start = Instant::now();
    let told = bench.run(&["check", "large.json"]);
    assert_eq!((told.code, told.out.as_str()), (0, "large.json: no problems\n"));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    bench.write("huge.json", &" ".repeat(17 << 20));
    let told = bench.run(&["check", "huge.json"]);
    assert!(told.code == 2 && told.err.contains("larger than 16 MiB"), "{told:?}");
}

#[test]
fn standard_input_is_a_file() {
    let bench = Bench::bare();
    let mut command = bench.command(&["check", "-"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("piped").write_all(b"{ \"nonsense\": 1 }").expect("it reads");
    let told = said(&child.wait_with_output().expect("it ends"));
    assert!(told.code == 1 && told.out.contains("--> -:1:3"), "{told:?}");
}

#[test]
fn verify_config_speaks_json_and_never_fails() {
    let bench = Bench::bare();
    bench.write("good.json", r#"{ "target": { "path": { "deployment": "d", "container": "c" }, "namespace": "n" } }"#);
    let told = bench.run(&["verify-config", "good.json"]);
    assert_eq!(told.code, 0);
    expect![[r#"
        {"type":"Success","config":{"path":{"deployment":"d","container":"c"},"namespace":"n"},"warnings":[],"compatible_target_types":["targetless","pod","deployment","rollout","job","cronjob","statefulset","service","replicaset"],"problems":[]}
    "#]].assert_eq(&told.out);
    bench.write("bad.json", r#"{ "nonsense": 1 }"#);
    let told = bench.run(&["verify-config", "--ide", "bad.json"]);
    assert_eq!(told.code, 0);
    let verdict: Value = serde_json::from_str(&told.out).expect("JSON");
    assert_eq!(verdict["type"], "Fail");
    assert!(verdict["errors"][0].as_str().is_some_and(|text| text.starts_with("bad.json:1:3: error[unknown-key]")));
    assert_eq!(verdict["problems"][0]["code"], "unknown-key");
    let told = bench.run(&["verify-config", "absent.json"]);
    assert!(told.code == 0 && told.out.contains("absent.json"), "{told:?}");
    let told = bench.run(&["verify-config", "--resolved", "good.json"]);
    let verdict: Value = serde_json::from_str(&told.out).expect("JSON");
    assert_eq!(verdict["resolved_config"]["feature"]["fs"]["mode"], "read");
}

#[test]
fn an_editor_still_asks_for_the_target() {
    let bench = Bench::bare();
    bench.write("m.json", r#"{ "feature": { "network": { "incoming": "steal" } } }"#);
    let kind = |arguments: &[&str]| {
        let verdict: Value = serde_json::from_str(&bench.run(arguments).out).expect("JSON");
        verdict["type"].as_str().expect("text").to_owned()
    };
    assert_eq!(kind(&["verify-config", "m.json"]), "Fail");
    assert_eq!(kind(&["verify-config", "--ide", "m.json"]), "Success");
}
