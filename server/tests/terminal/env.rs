//! `mirrord env diff`, end to end: the real environment of a pod made of namespaces.

use crate::bench::Bench;

#[test]
fn the_pods_environment_is_compared_and_nothing_is_left() {
    let Some(bench) = Bench::with_pods() else { return };
    let config = bench.write("m.json", r#"{"feature": {"env": {"override": {"OWN": "x"}, "unset": "GONE"}}}"#);
    let command = |flags: &[&str]| {
        let arguments = [&["env", "diff", "--demo", "-f", &config][..], flags].concat();
        let output = bench.command(&arguments).env("GONE", "here").output().expect("it starts");
        crate::bench::said(&output)
    };
    let said = command(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    for line in
        ["+ DEMO_GREETING   -      ***  ***", "+ OWN             -      -    ***", "- GONE            ***    -    -"]
    {
        let words: Vec<_> = line.split_whitespace().collect();
        let is_there = |shown: &str| shown.split_whitespace().take(words.len()).eq(words.iter().copied());
        assert!(said.out.lines().any(is_there), "{line} in {}", said.out);
    }
    assert!(!said.out.contains("hello from") && !said.out.contains('\x1b'), "{}", said.out);
    assert!(said.err.contains("mirrord: "), "progress is told: {said:?}");

    let said = command(&["--show", "--json", "--all"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON and nothing else");
    let variables = json["variables"].as_array().expect("a list");
    let of = |name: &str| variables.iter().find(|variable| variable["name"] == name).expect("it is there");
    assert_eq!(of("DEMO_GREETING")["effective"]["value"], "hello from the pod's environment");
    assert_eq!((&of("HOME")["change"], &of("HOME")["source"]), (&"kept".into(), &"local".into()));
    bench.nothing_is_left();
}

#[test]
fn mistakes_are_told_with_an_exit_code() {
    let bench = Bench::bare();
    let config = bench.write("m.json", r#"{"feature": {"env": {"overide": {}}}}"#);
    let said = bench.run(&["env", "diff", "--demo", "-f", &config]);
    assert_ne!(said.code, 0, "{said:?}");
    let said = bench.run(&["env"]);
    assert_eq!(said.code, 2, "{said:?}");
}

#[test]
fn a_program_behind_a_wrapper_that_wipes_imports_for_itself() {
    let Some(bench) = Bench::with_pods() else { return };
    let show = "echo $DEMO_GREETING,$OWN,$GONE,$MINE";
    let run = |load: bool, words: &[&str]| {
        let env = serde_json::json!({"load_from_process": load, "override": {"OWN": "x"}, "unset": "GONE"});
        let config = bench.write("m.json", &serde_json::json!({"feature": {"env": env}}).to_string());
        let arguments = [&["demo", "-f", &config, "--"][..], words].concat();
        let said = crate::bench::said(&bench.command(&arguments).env("GONE", "here").output().expect("it starts"));
        assert_eq!(said.code, 0, "{said:?}");
        said.out
    };
    assert_eq!(run(false, &["env", "-i", "MINE=1", "/bin/sh", "-c", show]), ",,,1\n", "as with any wrapper");
    assert_eq!(run(true, &["env", "-i", "MINE=1", "/bin/sh", "-c", show]), "hello from the pod's environment,x,,1\n");
    assert_eq!(run(true, &["/bin/sh", "-c", show]), "hello from the pod's environment,x,,\n");
    // Nothing imports in a program that no library gets into: whoever starts it does.
    match std::process::Command::new("busybox").arg("true").output() {
        Ok(_) => {
            let expected = "hello from the pod's environment,x,,\n";
            assert_eq!(run(true, &["busybox", "sh", "-c", show]), expected);
            assert_eq!(run(true, &["./mirrord", "launch", "busybox", "sh", "-c", show]), expected);
        }
        Err(error) => println!("skipped in part: there is no busybox: {error}"),
    }
    // What a program hands to its child on purpose stands.
    let changed = format!("OWN=changed sh -c '{show}'");
    assert_eq!(run(true, &["/bin/sh", "-c", &changed]), "hello from the pod's environment,changed,,\n");
    bench.nothing_is_left();
}
