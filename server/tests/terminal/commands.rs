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
    let said = bench.run(&[]);
    assert!(said.code == 2 && said.err.contains("mirrord demo  ") && said.err.contains("-- PROGRAM  "), "{said:?}");
    assert_eq!(bench.run(&["--version"]).out, format!("mirrord {}\n", env!("CARGO_PKG_VERSION")));
    assert!(bench.run(&["completions", "bash"]).out.contains("verify-config"));
}

#[test]
fn commands_of_the_original_are_known_by_name() {
    let bench = Bench::bare();
    for command in ["container", "port-forward", "operator", "db-branches", "qs", "preview", "up", "vpn", "ci"] {
        let said = bench.run(&[command, "--whatever"]);
        assert!(said.code == 2 && said.err.contains(&format!("the command `{command}`")), "{said:?}");
    }
    let help = bench.run(&["help"]).out;
    for shown in ["exec", "targets", "sessions", "check", "explain", "schema", "completions"] {
        assert!(help.contains(&format!("\n  {shown} ")), "{shown}: {help}");
    }
    for hidden in ["verify-config", "ext ", "  ls ", "container"] {
        assert!(!help.contains(hidden), "{hidden}: {help}");
    }
}

#[test]
fn the_schema_is_json() {
    let said = Bench::bare().run(&["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert!(schema["properties"]["feature"].is_object());
}
