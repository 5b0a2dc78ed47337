use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use config::{Overrides, Source};
use expect_test::{Expect, expect};

use super::*;

fn check(text: &str, questions: &[&str], expected: &Expect) {
    let loaded = config::load(Some(Source { name: "m.json", text }), &Overrides::default());
    let config = loaded.config.clone().unwrap_or_else(|| panic!("{:?}", loaded.problems));
    let environment = BTreeMap::from([("HOME".into(), "/home/me".into())]);
    let here = Here { environment: &environment, working_directory: Path::new("/work/api") };
    let mut lines = String::new();
    for question in questions {
        let Explanation { question, rulings } = explain(&config, &loaded, &here, &Question::guess(question));
        writeln!(lines, "{question:?}").expect("a String takes everything");
        for Ruling { act, outcome, because, pointer, written } in rulings {
            let from = pointer.map(|pointer| format!(" [{pointer} by {}]", written.as_deref().unwrap_or("default")));
            let from = from.unwrap_or_default();
            writeln!(lines, "  {}: {}: {because}{from}", act.as_str(), outcome.as_str()).expect("as above");
        }
    }
    expected.assert_eq(&lines);
}

#[test]
fn paths_name_the_pattern_the_default_or_the_mode() {
    check(
        r#"{"feature": {"fs": {"read_only": ["^/etc/shop", "^/opt/x"], "not_found": "secret", "local": "\\.env$"}}}"#,
        &[
            "/etc/shop/a",
            "/opt/x",
            "/data/secret",
            "/app/.env",
            "/usr/bin/x",
            "/data/x",
            "~/.kube/config",
            "./x",
            "relative/x",
            "/work/lib/x",
        ],
        &expect![[r#"
            Path("/etc/shop/a")
              read: remote: matches pattern 1 of feature.fs.read_only, `^/etc/shop` [/feature/fs/read_only/0 by file]
              write: local: matches pattern 1 of feature.fs.read_only, `^/etc/shop` [/feature/fs/read_only/0 by file]
            Path("/opt/x")
              read: remote: matches pattern 2 of feature.fs.read_only, `^/opt/x` [/feature/fs/read_only/1 by file]
              write: local: matches pattern 2 of feature.fs.read_only, `^/opt/x` [/feature/fs/read_only/1 by file]
            Path("/data/secret")
              read: not found: matches pattern 1 of feature.fs.not_found, `secret` [/feature/fs/not_found/0 by file]
              write: not found: matches pattern 1 of feature.fs.not_found, `secret` [/feature/fs/not_found/0 by file]
            Path("/app/.env")
              read: local: matches pattern 1 of feature.fs.local, `\.env$` [/feature/fs/local/0 by file]
              write: local: matches pattern 1 of feature.fs.local, `\.env$` [/feature/fs/local/0 by file]
            Path("/usr/bin/x")
              read: local: by default: a folder of this machine's system
              write: local: by default: a folder of this machine's system
            Path("/data/x")
              read: remote: no pattern matches, and feature.fs.mode is `read`, as by default [/feature/fs/mode by default]
              write: local: no pattern matches, and feature.fs.mode is `read`, as by default [/feature/fs/mode by default]
            Path("~/.kube/config")
              read: not found: by default: local cloud credentials are hidden
              write: not found: by default: local cloud credentials are hidden
            Path("./x")
              read: local: by default: in the working directory
              write: local: by default: in the working directory
            Path("relative/x")
              read: local: a relative path
              write: local: a relative path
            Path("/work/lib/x")
              read: remote: no pattern matches, and feature.fs.mode is `read`, as by default; local if the target has no folder `/work`, which the working directory is in [/feature/fs/mode by default]
              write: local: no pattern matches, and feature.fs.mode is `read`, as by default [/feature/fs/mode by default]
        "#]],
    );
    check(
        r#"{"feature": {"fs": "local"}}"#,
        &["/data/x", "/etc/hosts"],
        &expect![[r#"
        Path("/data/x")
          read: local: no pattern matches, and feature.fs.mode is `local` [/feature/fs/mode by file]
          write: local: no pattern matches, and feature.fs.mode is `local` [/feature/fs/mode by file]
        Path("/etc/hosts")
          read: remote: by default: resolv.conf and hosts belong to whoever resolves names (feature.network.dns)
          write: local: no pattern matches, and feature.fs.mode is `local` [/feature/fs/mode by file]
    "#]],
    );
}

#[test]
fn rewritten_paths_say_what_they_become() {
    check(
        r#"{"feature": {"fs": {"mapping": {"^/home/me/app": "/srv/app", "^/old/": "/usr/"}}}}"#,
        &["/home/me/app/x", "/old/x"],
        &expect![[r#"
            Path("/home/me/app/x")
              read: remote: becomes `/srv/app/x` by pattern 1 of feature.fs.mapping, `^/home/me/app`; no pattern matches, and feature.fs.mode is `read`, as by default [/feature/fs/mode by default]
              write: local: becomes `/srv/app/x` by pattern 1 of feature.fs.mapping, `^/home/me/app`; no pattern matches, and feature.fs.mode is `read`, as by default [/feature/fs/mode by default]
            Path("/old/x")
              read: local: becomes `/usr/x` by pattern 2 of feature.fs.mapping, `^/old/`; by default: a folder of this machine's system [/feature/fs/mapping/^~1old~1 by file]
              write: local: becomes `/usr/x` by pattern 2 of feature.fs.mapping, `^/old/`; by default: a folder of this machine's system [/feature/fs/mapping/^~1old~1 by file]
        "#]],
    );
}

#[test]
fn hosts_are_resolved_and_connected_to() {
    check(
        "{}",
        &["db", "10.0.0.1:80", "localhost:80", "[::1]:80", "db.shop.svc:5432"],
        &expect![[r#"
        Host("db")
          resolve: remote: `feature.network.dns` says so [/feature/network/dns by default]
          connect: remote: `feature.network.outgoing` says so [/feature/network/outgoing by default]
          udp: local: UDP leaves from this machine in this version
        Host("10.0.0.1:80")
          connect: remote: `feature.network.outgoing` says so [/feature/network/outgoing by default]
          udp: local: UDP leaves from this machine in this version
        Host("localhost:80")
          resolve: remote: `feature.network.dns` says so [/feature/network/dns by default]
          connect: depends: a loopback address: the program's own listener if it has one there, else the pod's loopback
          udp: local: UDP leaves from this machine in this version
        Host("[::1]:80")
          connect: depends: a loopback address: the program's own listener if it has one there, else the pod's loopback
          udp: local: UDP leaves from this machine in this version
        Host("db.shop.svc:5432")
          resolve: remote: `feature.network.dns` says so [/feature/network/dns by default]
          connect: remote: `feature.network.outgoing` says so [/feature/network/outgoing by default]
          udp: local: UDP leaves from this machine in this version
    "#]],
    );
    check(
        r#"{"feature": {"network": {"dns": false, "outgoing": {"tcp": false}}}}"#,
        &["db"],
        &expect![[r#"
        Host("db")
          resolve: local: `feature.network.dns` says so [/feature/network/dns by file]
          connect: local: `feature.network.outgoing.tcp` says so [/feature/network/outgoing/tcp by file]
          udp: local: UDP leaves from this machine in this version
    "#]],
    );
}

#[test]
fn filters_name_their_entries() {
    check(
        r#"{"feature": {"network": {"dns": {"filter": {"local": "intern"}}, "outgoing": {"filter": {"remote": ["10.0.0.0/8:80", "db"]}}}}}"#,
        &["db", "intern", "10.1.1.1:80", "10.1.1.1:81"],
        &expect![[r#"
            Host("db")
              resolve: remote: no entry of feature.network.dns.filter.local matches [/feature/network/dns/filter/local by file]
              connect: remote: matches entry 2 of feature.network.outgoing.filter.remote, `db` [/feature/network/outgoing/filter/remote/1 by file]
              udp: local: UDP leaves from this machine in this version
            Host("intern")
              resolve: local: matches entry 1 of feature.network.dns.filter.local, `intern` [/feature/network/dns/filter/local/0 by file]
              connect: local: no entry of feature.network.outgoing.filter.remote matches [/feature/network/outgoing/filter/remote by file]
              udp: local: UDP leaves from this machine in this version
            Host("10.1.1.1:80")
              connect: remote: matches entry 1 of feature.network.outgoing.filter.remote, `10.0.0.0/8:80` [/feature/network/outgoing/filter/remote/0 by file]
              udp: local: UDP leaves from this machine in this version
            Host("10.1.1.1:81")
              connect: depends: no entry of feature.network.outgoing.filter.remote matches, unless the address belongs to a name that is listed there [/feature/network/outgoing/filter by file]
        "#]],
    );
}

#[test]
fn ports_tell_what_arrives() {
    check(
        r#"{"target": "pod/x", "feature": {"network": {"incoming": {"mode": "steal", "port_mapping": [[8080, 80]], "ignore_ports": [9229], "ignore_localhost": true}}}}"#,
        &["8080", "9000", "9229"],
        &expect![[r#"
            Port(8080)
              listen: stolen: traffic is taken over from the target's port 80, by entry 1 of feature.network.incoming.port_mapping [/feature/network/incoming/port_mapping/0 by file]
              listen: local: bound to loopback: `feature.network.incoming.ignore_localhost` says so [/feature/network/incoming/ignore_localhost by file]
            Port(9000)
              listen: stolen: traffic is taken over from the target's port of the same number; feature.network.incoming.mode decides [/feature/network/incoming/mode by file]
              listen: local: bound to loopback: `feature.network.incoming.ignore_localhost` says so [/feature/network/incoming/ignore_localhost by file]
            Port(9229)
              listen: local: matches entry 1 of feature.network.incoming.ignore_ports, `9229` [/feature/network/incoming/ignore_ports/0 by file]
        "#]],
    );
    check(
        r#"{"feature": {"network": {"incoming": {"ports": [80]}}}}"#,
        &["80", "81", "0"],
        &expect![[r#"
            Port(80)
              listen: mirrored: traffic is copied from the target's port of the same number; feature.network.incoming.mode decides [/feature/network/incoming/mode by default]
            Port(81)
              listen: local: no entry of feature.network.incoming.ports matches [/feature/network/incoming/ports by file]
            Port(0)
              listen: local: the port was left to the kernel
        "#]],
    );
    check(
        r#"{"feature": {"network": {"incoming": "off"}}}"#,
        &["80"],
        &expect![[r#"
        Port(80)
          listen: local: `feature.network.incoming` says so [/feature/network/incoming by file]
    "#]],
    );
}

#[test]
fn variables_tell_their_sources() {
    check(
        r#"{"feature": {"env": {"exclude": "A_*;B", "override": {"C": "1"}, "unset": "d_*", "mapping": {"^E": "x"}}}}"#,
        &["A_X", "B", "C", "D_E", "E", "F", "PATH", "LANG"],
        &expect![[r#"
            Env("A_X")
              variable: local: matches pattern 1 of feature.env.exclude, `A_*` [/feature/env/exclude/0 by file]
            Env("B")
              variable: local: matches pattern 2 of feature.env.exclude, `B` [/feature/env/exclude/1 by file]
            Env("C")
              variable: set: feature.env.override gives the value [/feature/env/override/C by file]
              variable: remote: no pattern speaks against the import; the local value counts if the target has none
            Env("D_E")
              variable: removed: matches pattern 1 of feature.env.unset, `d_*` [/feature/env/unset/0 by file]
              variable: remote: no pattern speaks against the import; the local value counts if the target has none
            Env("E")
              variable: set: an imported value is replaced by pattern 1 of feature.env.mapping, `^E` [/feature/env/mapping/^E by file]
              variable: remote: no pattern speaks against the import; the local value counts if the target has none
            Env("F")
              variable: remote: no pattern speaks against the import; the local value counts if the target has none
            Env("PATH")
              variable: local: by default: `PATH` describes the target's machine; feature.env.include brings it back
            Env("LANG")
              variable: depends: the target's if the pod's specification sets it; by default what the image says of itself, `LANG`, stays away, unless feature.env.include brings it back
        "#]],
    );
    check(
        r#"{"feature": {"env": {"include": ["PATH", "X*"]}}}"#,
        &["PATH", "X1", "Y", "LD_PRELOAD"],
        &expect![[r#"
        Env("PATH")
          variable: remote: matches pattern 1 of feature.env.include, `PATH` [/feature/env/include/0 by file]
        Env("X1")
          variable: remote: matches pattern 2 of feature.env.include, `X*` [/feature/env/include/1 by file]
        Env("Y")
          variable: local: no pattern of feature.env.include matches [/feature/env/include by file]
        Env("LD_PRELOAD")
          variable: local: by default: `LD_*` describes the target's machine; feature.env.include brings it back
    "#]],
    );
    check(
        r#"{"feature": {"env": false}}"#,
        &["A"],
        &expect![[r#"
        Env("A")
          variable: local: nothing is imported [/feature/env by file]
    "#]],
    );
}

#[test]
fn the_kind_of_a_question_shows_in_its_form() {
    let kind = |text: &str| format!("{:?}", Question::guess(text));
    assert_eq!(kind("/etc"), r#"Path("/etc")"#);
    assert_eq!(kind("a/b"), r#"Path("a/b")"#);
    assert_eq!(kind(":8080"), "Port(8080)");
    assert_eq!(kind("8080"), "Port(8080)");
    assert_eq!(kind("70000"), r#"Host("70000")"#);
    assert_eq!(kind("DATABASE_URL"), r#"Env("DATABASE_URL")"#);
    assert_eq!(kind("db:5432"), r#"Host("db:5432")"#);
    assert_eq!(kind("10.0.0.1"), r#"Host("10.0.0.1")"#);
}
