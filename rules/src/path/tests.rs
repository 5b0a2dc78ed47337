//! Cases as text: one line per path and access.

use expect_test::{Expect, expect};
use protocol::policy::{FileMode, FilePolicy};

use super::*;

const SERVER: Program<'_> = Program { executable: b"/app/server", started_as: b"", arguments: &[], directory: b"/" };

fn policy(mode: FileMode) -> FilePolicy {
    FilePolicy {
        mode,
        resolver_files_remote: true,
        home: b"/home/me".to_vec(),
        temporary: b"/scratch".to_vec(),
        working: b"/src/project".to_vec(),
        ..FilePolicy::default()
    }
}

fn check(policy: &FilePolicy, paths: &[&str], expected: &Expect) {
    let rules = PathRules::new(policy).of(&SERVER);
    let lines: Vec<String> = paths
        .iter()
        .map(|path| {
            let read = rules.decide(path.as_bytes(), Access::Read);
            let write = rules.decide(path.as_bytes(), Access::Write);
            assert_eq!(read.mapped, write.mapped, "{path}");
            let path = match &read.mapped {
                Some(Mapped { path: rewritten, rule }) => {
                    format!("{path} -> {} ({rule})", String::from_utf8_lossy(rewritten))
                }
                None => (*path).to_owned(),
            };
            if read == write {
                format!("{path}: {:?}, {}\n", read.place, read.why)
            } else {
                format!("{path}: read {:?}, {}; write {:?}, {}\n", read.place, read.why, write.place, write.why)
            }
        })
        .collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn mode_read_with_defaults() {
    check(
        &policy(FileMode::Read),
        &[
            "/data/x",
            "data/x",
            "/etc/passwd",
            "/etc/hosts",
            "/etc/./resolv.conf",
            "/etc/hostname",
            "/etc/ssl/certs/ca.pem",
            "/etc/ssl/certs",
            "/etcetera",
            "/var/run/secrets/token",
            "/run/x",
            "/",
            "/data/../etc/passwd",
            "/home/me/.kube/config",
            "/home/me/.kubernetes",
            "/src/project/a",
            "/src/projects",
            "/src",
            "/scratch/a",
            "/app/server",
            "/app/server2",
            "/app/lib.so",
            "/app/x.PY",
            "/app/.yarnrc.yml",
            "/app/node_modules/a/b",
            "/app/node_modules2/b",
        ],
        &expect![[r#"
            /data/x: read Remote, feature.fs.mode is `read`; write Local, feature.fs.mode is `read`
            data/x: Local, a relative path
            /etc/passwd: Local, by default: a folder of this machine's system
            /etc/hosts: read Remote, by default: resolv.conf and hosts belong to whoever resolves names (feature.network.dns); write Local, by default: resolv.conf and hosts belong to whoever resolves names (feature.network.dns)
            /etc/./resolv.conf: read Remote, by default: resolv.conf and hosts belong to whoever resolves names (feature.network.dns); write Local, by default: resolv.conf and hosts belong to whoever resolves names (feature.network.dns)
            /etc/hostname: read Remote, by default: the target's name and certificates are read; write Local, by default: a folder of this machine's system
            /etc/ssl/certs/ca.pem: read Remote, by default: the target's name and certificates are read; write Local, by default: a folder of this machine's system
            /etc/ssl/certs: read Remote, by default: the target's name and certificates are read; write Local, by default: a folder of this machine's system
            /etcetera: read Remote, feature.fs.mode is `read`; write Local, feature.fs.mode is `read`
            /var/run/secrets/token: read Remote, feature.fs.mode is `read`; write Local, feature.fs.mode is `read`
            /run/x: Local, by default: a folder of this machine's system
            /: Local, by default: a folder of this machine's system
            /data/../etc/passwd: Local, by default: a folder of this machine's system
            /home/me/.kube/config: NotFound, by default: local cloud credentials are hidden
            /home/me/.kubernetes: Local, by default: a folder of this machine's system
            /src/project/a: Local, by default: in the working directory
            /src/projects: read Remote, feature.fs.mode is `read`; write Local, feature.fs.mode is `read`
            /src: Local, by default: leads to the working directory
            /scratch/a: Local, by default: in the folder for temporary files
            /app/server: Local, by default: the program's own file
            /app/server2: read Remote, feature.fs.mode is `read`; write Local, feature.fs.mode is `read`
            /app/lib.so: Local, by default: code, or a tool's own file, by its ending
            /app/x.PY: Local, by default: code, or a tool's own file, by its ending
            /app/.yarnrc.yml: Local, by default: code, or a tool's own file, by its ending
            /app/node_modules/a/b: Local, by default: in `node_modules`
            /app/node_modules2/b: read Remote, feature.fs.mode is `read`; write Local, feature.fs.mode is `read`
        "#]],
    );
}

#[test]
fn a_programs_own_files_are_local_and_so_is_the_way_to_them() {
    let program = Program {
        executable: b"/tools/node/bin/node",
        started_as: b"bin/serve",
        arguments: &[b"--require=x.js", b"../shop/server.js", b"/data/orders.json", b"/models/./run.py"],
        directory: b"/code/tools",
    };
    let rules = PathRules::new(&policy(FileMode::Read)).of(&program);
    let places = |place: Place, paths: &[&str]| {
        for path in paths {
            assert_eq!(rules.decide(path.as_bytes(), Access::Read).place, place, "{path}");
        }
    };
    places(Place::Local, &["/tools/node/bin/node", "/tools/node/bin", "/tools", "/code/tools/bin/serve"]);
    places(Place::Local, &["/code", "/code/tools", "/code/tools/bin", "/code/shop", "/code/shop/server.js", "/models"]);
    // What else is there is the target's, and so is what the program is told to read.
    places(Place::Remote, &["/tools/node/lib", "/code/shop/a.json", "/code/shops", "/models/a", "/data", "/x"]);
    places(Place::Remote, &["/data/orders.json"]);
    // The rules of everybody know nothing of it, and the user's patterns come first.
    assert_eq!(PathRules::new(&policy(FileMode::Read)).decide(b"/code", Access::Read).place, Place::Remote);
    let read_only = FilePolicy { read_only: vec!["^/models".into()], ..policy(FileMode::Read) };
    assert_eq!(PathRules::new(&read_only).of(&program).decide(b"/models", Access::Read).place, Place::Remote);
}

#[test]
fn a_project_in_a_top_level_folder_that_the_target_does_not_have_is_seen_whole() {
    let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
    let policy = FilePolicy {
        target_root: names(&["app", "etc"]),
        working: b"/repos/shop/api".to_vec(),
        ..policy(FileMode::Write)
    };
    let program = Program { arguments: &[b"/tools/run.js", b"/app/x.js", b"/data/x"], ..SERVER };
    let check = |policy: &FilePolicy, path: &str, place| {
        let rules = PathRules::new(policy).of(&program);
        let places = [Access::Read, Access::Write].map(|access| rules.decide(path.as_bytes(), access).place);
        assert_eq!(places, [place, place], "{path}");
    };
    for path in ["/repos/shop/lib/a.json", "/repos/shop", "/repos/x", "/tools/data/x", "/tools/data"] {
        check(&policy, path, Place::Local);
    }
    // The target has one, or nothing of the program is there.
    for path in ["/app/data", "/data/x", "/data/y", "/repository/x", "/Repos/x", "/x"] {
        check(&policy, path, Place::Remote);
    }
    let listed = FilePolicy { read_write: vec!["^/repos/secrets".into()], ..policy.clone() };
    check(&listed, "/repos/secrets/x", Place::Remote);
    let launched = FilePolicy { launched: names(&["/build/x/../server"]), ..policy.clone() };
    check(&launched, "/build/server", Place::Local);
    check(&launched, "/build/server.dwp", Place::Local);
    check(&policy, "/build/server", Place::Remote);
    let unknown = FilePolicy { target_root: Vec::new(), ..policy };
    check(&unknown, "/repos/shop/lib/a.json", Place::Remote);
    let own_tree = |policy: &FilePolicy, path: &str| {
        let tree = PathRules::new(policy).own_tree(path.as_bytes()).map(String::from_utf8_lossy);
        tree.map(std::borrow::Cow::into_owned)
    };
    assert_eq!(own_tree(&unknown, "/repos/shop/lib/a.json").as_deref(), Some("repos"));
    for decided in ["/repos/shop/api/x", "/repos/a.py", "/app/data", "/repos"] {
        assert_eq!(own_tree(&unknown, decided), None, "{decided}");
    }
}

#[test]
fn paths_of_this_machine_go_around_folders_of_the_target() {
    let rules = PathRules::new(&policy(FileMode::Read)).of(&SERVER);
    let check = |path: &str, around: Option<&str>| {
        let found = rules.around_target(path.as_bytes());
        assert_eq!(found.as_deref(), around.map(str::as_bytes), "{path}");
    };
    check("/data/..", Some("/"));
    check("/data/../etc/passwd", Some("/etc/passwd"));
    check("/usr/../data/x/../../etc/", Some("/etc"));
    check("/etc/../usr/bin", None);
    check("/../etc/passwd", None);
    check("/..", None);
    check("/data/..x", None);
    check("/etc/passwd", None);
}

#[test]
fn lists_come_before_defaults_in_their_order() {
    let policy = FilePolicy {
        not_found: vec!["secret".into()],
        read_write: vec!["^/data/".into()],
        read_only: vec!["^/etc/foo".into(), "\\.(".into()],
        local: vec!["^/data/secret".into(), "^/srv".into(), "hosts$".into()],
        ..policy(FileMode::Read)
    };
    check(
        &policy,
        &["/data/a", "/DATA/a", "/data/secret", "/etc/foo/bar", "/etc/hosts", "/srv/x", "/other"],
        &expect![[r#"
            /data/a: Remote, matches feature.fs.read_write[0]
            /DATA/a: Remote, matches feature.fs.read_write[0]
            /data/secret: NotFound, matches feature.fs.not_found[0]
            /etc/foo/bar: read Remote, matches feature.fs.read_only[0]; write Local, matches feature.fs.read_only[0]
            /etc/hosts: Local, matches feature.fs.local[2]
            /srv/x: Local, matches feature.fs.local[1]
            /other: read Remote, feature.fs.mode is `read`; write Local, feature.fs.mode is `read`
        "#]],
    );
    expect![[r#"
        feature.fs.read_only[1]: regex parse error:
            \.(
              ^
        error: unclosed group"#]]
    .assert_eq(&PathRules::new(&policy).faults().join("\n"));
}

#[test]
fn mode_local_asks_neither_lists_nor_defaults() {
    let mut policy = FilePolicy { read_write: vec![".*".into()], ..policy(FileMode::Local) };
    let paths = &["/data/a", "/etc/hosts", "/etc/hostname", "/home/me/.kube/config"];
    check(
        &policy,
        paths,
        &expect![[r#"
        /data/a: Local, feature.fs.mode is `local`
        /etc/hosts: read Remote, by default: resolv.conf and hosts belong to whoever resolves names (feature.network.dns); write Local, feature.fs.mode is `local`
        /etc/hostname: Local, feature.fs.mode is `local`
        /home/me/.kube/config: Local, feature.fs.mode is `local`
    "#]],
    );
    policy.resolver_files_remote = false;
    check(
        &policy,
        &["/etc/hosts"],
        &expect![[r#"
        /etc/hosts: Local, feature.fs.mode is `local`
    "#]],
    );
}

#[test]
fn other_modes() {
    let paths = &["/data/a", "/etc/hosts", "/etc/hostname", "/home/me/.kube/config"];
    check(
        &policy(FileMode::LocalWithOverrides),
        paths,
        &expect![[r#"
        /data/a: Local, feature.fs.mode is `localwithoverrides`
        /etc/hosts: read Remote, by default: resolv.conf and hosts belong to whoever resolves names (feature.network.dns); write Local, by default: resolv.conf and hosts belong to whoever resolves names (feature.network.dns)
        /etc/hostname: read Remote, by default: the target's name and certificates are read; write Local, by default: a folder of this machine's system
        /home/me/.kube/config: NotFound, by default: local cloud credentials are hidden
    "#]],
    );
    check(
        &policy(FileMode::Write),
        paths,
        &expect![[r#"
        /data/a: Remote, feature.fs.mode is `write`
        /etc/hosts: read Remote, by default: resolv.conf and hosts belong to whoever resolves names (feature.network.dns); write Local, by default: resolv.conf and hosts belong to whoever resolves names (feature.network.dns)
        /etc/hostname: read Remote, by default: the target's name and certificates are read; write Local, by default: a folder of this machine's system
        /home/me/.kube/config: NotFound, by default: local cloud credentials are hidden
    "#]],
    );
    let without_dns = FilePolicy { resolver_files_remote: false, ..policy(FileMode::Read) };
    check(
        &without_dns,
        paths,
        &expect![[r#"
        /data/a: read Remote, feature.fs.mode is `read`; write Local, feature.fs.mode is `read`
        /etc/hosts: Local, by default: resolv.conf and hosts belong to whoever resolves names (feature.network.dns)
        /etc/hostname: read Remote, by default: the target's name and certificates are read; write Local, by default: a folder of this machine's system
        /home/me/.kube/config: NotFound, by default: local cloud credentials are hidden
    "#]],
    );
}

#[test]
fn the_first_rewrite_that_matches_counts_and_the_search_goes_on_with_its_result() {
    let policy = FilePolicy {
        mapping: [
            ("^/home/(me|you)/(.*)", "/srv/$1/$2"),
            ("^/srv/", "/never/"),
            ("/cache$", "/tmp/cache"),
            ("^/secrets", "/nowhere"),
            ("^/relative", "data"),
            ("(", "/broken"),
        ]
        .map(|(pattern, text)| (pattern.to_owned(), text.to_owned()))
        .to_vec(),
        not_found: vec!["^/nowhere".into()],
        ..policy(FileMode::Write)
    };
    check(
        &policy,
        &[
            "/home/me/a//b",
            "/HOME/You/b/",
            "/home/me/b/.",
            "/home/me/b/..",
            "/srv/x",
            "/data/cache",
            "/data/caches",
            "/secrets/../secrets/a",
            "/relative/a",
            "relative/a",
        ],
        &expect![[r#"
            /home/me/a//b -> /srv/me/a/b (0): Remote, feature.fs.mode is `write`
            /HOME/You/b/ -> /srv/You/b/ (0): Remote, feature.fs.mode is `write`
            /home/me/b/. -> /srv/me/b/. (0): Remote, feature.fs.mode is `write`
            /home/me/b/..: Local, by default: a folder of this machine's system
            /srv/x -> /never/x (1): Remote, feature.fs.mode is `write`
            /data/cache -> /data/tmp/cache (2): Remote, feature.fs.mode is `write`
            /data/caches: Remote, feature.fs.mode is `write`
            /secrets/../secrets/a -> /nowhere/a (3): NotFound, matches feature.fs.not_found[0]
            /relative/a -> data/a (4): Local, a relative path
            relative/a: Local, a relative path
        "#]],
    );
    let local = FilePolicy { mode: FileMode::Local, ..policy.clone() };
    check(
        &local,
        &["/home/me/a"],
        &expect![[r#"
        /home/me/a: Local, feature.fs.mode is `local`
    "#]],
    );
    assert_eq!(PathRules::new(&policy).faults().len(), 1);
}

#[test]
fn folders_of_the_target_lead_to_what_is_in_them() {
    let check = |policy: &FilePolicy, path: &str, read, write| {
        let rules = PathRules::new(policy);
        let place = |access| rules.decide_in(b"/data/rw", path.as_bytes(), access).place;
        assert_eq!((place(Access::Read), place(Access::Write)), (read, write), "{path}");
    };
    let reading = policy(FileMode::Read);
    check(&reading, "/data/rw/x.py", Place::Remote, Place::Local);
    check(&reading, "/data/rw/x", Place::Remote, Place::Local);
    check(&reading, "/data/rw/../../etc/passwd", Place::Remote, Place::Local);
    check(&policy(FileMode::Write), "/data/rw/x.py", Place::Remote, Place::Remote);
    let listed = FilePolicy {
        read_write: vec!["^/data/rw/".into()],
        not_found: vec!["hidden".into()],
        ..policy(FileMode::Read)
    };
    check(&listed, "/data/rw/x.py", Place::Remote, Place::Remote);
    check(&listed, "/data/rw/hidden", Place::NotFound, Place::NotFound);
    check(&listed, "/data/x", Place::Remote, Place::Local);
}

#[test]
fn without_patterns_no_regex_is_built() {
    let rules = PathRules::new(&policy(FileMode::Read));
    rules.decide(b"/data/x", Access::Read);
    assert!(!rules.shared.patterns.is_compiled());
}

#[test]
fn flags_tell_reading_from_writing() {
    assert_eq!(Access::of_open(libc::O_RDONLY | libc::O_CLOEXEC), Access::Read);
    assert_eq!(Access::of_open(libc::O_RDONLY | libc::O_DIRECTORY), Access::Read);
    assert_eq!(Access::of_open(libc::O_PATH), Access::Read);
    assert_eq!(Access::of_open(libc::O_RDONLY | libc::O_CREAT), Access::Write);
    assert_eq!(Access::of_open(libc::O_RDWR), Access::Write);
    assert_eq!(Access::of_open(libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL), Access::Write);
    assert_eq!(Access::of_open(libc::O_TMPFILE | libc::O_RDWR), Access::Write);
}

#[test]
fn what_is_written_here_and_read_in_the_target_is_told_where_the_user_can_change_it() {
    let read_only = FilePolicy { read_only: vec!["^/etc/app".to_owned()], ..policy(FileMode::Read) };
    let told = |policy: &FilePolicy, path: &str| {
        let why = PathRules::new(policy).of(&SERVER).written_here(path.as_bytes());
        why.map(|why| why.to_string())
    };
    assert_eq!(told(&read_only, "/app/data").as_deref(), Some("feature.fs.mode is `read`"));
    assert_eq!(told(&read_only, "/etc/app/x").as_deref(), Some("matches feature.fs.read_only[0]"));
    for same_side in ["/src/project/x", "/scratch/x", "/etc/passwd", "/dev/null", "/etc/hosts", "relative"] {
        assert_eq!(told(&read_only, same_side), None, "{same_side}");
    }
    assert_eq!(told(&policy(FileMode::Write), "/app/data"), None);
    assert_eq!(told(&policy(FileMode::Local), "/app/data"), None);
}
