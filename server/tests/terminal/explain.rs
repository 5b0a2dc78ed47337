//! `explain`: local or remote, and where it says so.

use expect_test::{Expect, expect};

use crate::bench::Bench;

fn check(bench: &Bench, arguments: &[&str], expected: &Expect) {
    let said = bench.run(&[&["explain"], arguments].concat());
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    expected.assert_eq(&said.out);
}

#[test]
fn the_rule_is_named_with_its_place() {
    let bench = Bench::bare();
    bench.write(
        "m.json",
        "{\n  \"feature\": {\n    \"fs\": {\n      \"read_only\": [\n        \"^/etc/shop\",\n        \"^/opt/x\"\n      ]\n    }\n  }\n}\n",
    );
    check(
        &bench,
        &["/opt/x/y", "-f", "m.json"],
        &expect![[r#"
        read     remote    matches pattern 2 of feature.fs.read_only, `^/opt/x` (m.json:6:9)
        write    local     matches pattern 2 of feature.fs.read_only, `^/opt/x` (m.json:6:9)
    "#]],
    );
    check(
        &bench,
        &["/data/x"],
        &expect![[r#"
        read     remote    no pattern matches, and feature.fs.mode is `read`, as by default
        write    local     no pattern matches, and feature.fs.mode is `read`, as by default
    "#]],
    );
    check(
        &bench,
        &["db:5432"],
        &expect![[r#"
        resolve  remote    `feature.network.dns` says so
        connect  remote    `feature.network.outgoing` says so
        udp      local     UDP leaves from this machine in this version
    "#]],
    );
    check(
        &bench,
        &["PATH"],
        &expect![[r#"
        variable local     by default: `PATH` describes the target's machine; feature.env.include brings it back
    "#]],
    );
    check(
        &bench,
        &["--env", "lower_case"],
        &expect![[r#"
        variable remote    no pattern speaks against the import; the local value counts if the target has none
    "#]],
    );
    check(
        &bench,
        &["--host", "8080"],
        &expect![[r#"
        resolve  remote    `feature.network.dns` says so
        connect  remote    `feature.network.outgoing` says so
        udp      local     UDP leaves from this machine in this version
    "#]],
    );
    check(
        &bench,
        &["8080", "--json"],
        &expect![[r#"
        {
          "question": {
            "port": 8080
          },
          "rulings": [
            {
              "act": "listen",
              "outcome": "mirrored",
              "because": "traffic is copied from the target's port of the same number; feature.network.incoming.mode decides",
              "pointer": "/feature/network/incoming/mode",
              "written": null
            }
          ]
        }
    "#]],
    );
}

#[test]
fn a_configuration_with_errors_explains_nothing() {
    let bench = Bench::bare();
    bench.write("m.json", "{ \"nonsense\": 1 }");
    let said = bench.run(&["explain", "/x", "-f", "m.json"]);
    assert!(said.code == 2 && said.err.contains("m.json:1:3: error[unknown-key]"), "{said:?}");
    assert_eq!(bench.run(&["explain"]).code, 2);
    assert_eq!(bench.run(&["explain", "/x", "--env", "X"]).code, 2);
}
