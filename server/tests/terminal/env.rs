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
