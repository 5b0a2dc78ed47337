use clap::{CommandFactory, Parser};
use config::schema::{Flag, Shape};
use expect_test::{Expect, expect};

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    flags: LaunchFlags,
}

fn check(arguments: &str, expected: &Expect) {
    let line = Line::try_parse_from(["mirrord"].into_iter().chain(arguments.split_whitespace()));
    let shown = match line {
        Ok(Line { flags }) => {
            let file = flags.core.config_file.as_ref().map(|file| format!("file {}\n", file.display()));
            let keys = flags.keys().into_iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", value?)));
            file.into_iter().chain(keys).collect()
        }
        Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    expected.assert_eq(&shown);
}

#[test]
fn each_flag_sets_its_key() {
    check(
        "-t pod/x -n ns --context c -c --steal --no-outgoing -x A;B -s C_* --no-remote-dns --fs-mode local",
        &expect![[r#"
            /target/path = "pod/x"
            /target/namespace = "ns"
            /kube_context = "c"
            /accept_invalid_certificates = true
            /feature/fs/mode = "local"
            /feature/env/exclude = ["A","B"]
            /feature/env/include = ["C_*"]
            /feature/network/dns/enabled = false
            /feature/network/incoming/mode = "steal"
            /feature/network/outgoing/tcp = false
            /feature/network/outgoing/udp = false
        "#]],
    );
    check(
        "-a ns -l debug -i img:1 --agent-ttl 3 --agent-startup-timeout 9 -e -k me --skip-processes git \
         --env-file e --no-telemetry --disable-version-check",
        &expect![[r#"
            /feature/env/env_file = "e"
            /skip_processes = ["git"]
            /key = "me"
            /agent/namespace = "ns"
            /agent/log_level = "debug"
            /agent/image = "img:1"
            /agent/ttl = 3
            /agent/startup_timeout = 9
            /agent/ephemeral = true
            /telemetry = false
        "#]],
    );
}

/// Flags that set no key.
const OTHERS: [&str; 3] = ["--config-file", "--disable-version-check", "--help"];

/// Every flag that the language names, with its key.
fn of_language(shape: &Shape, pointer: &str, all: &mut Vec<(String, Flag)>) {
    all.extend(shape.flags.iter().map(|flag| (pointer.to_owned(), flag.clone())));
    for (key, shape) in shape.object.iter().flat_map(|object| &object.keys) {
        of_language(shape, &format!("{pointer}/{key}"), all);
    }
}

#[test]
fn the_command_line_and_the_language_name_the_same_flags() {
    let mut named = Vec::new();
    of_language(config::schema::language(), "", &mut named);
    assert!(named.len() > 15, "{named:?}");
    for (pointer, Flag { long, short, value }) in &named {
        let argument = match (value, pointer.as_str()) {
            (Some(_), _) => long.clone(),
            (None, "/feature/fs/mode") => format!("{long}=local"),
            (None, "/accept_invalid_certificates") => format!("{long}=true"),
            (None, _) => format!("{long}=7"),
        };
        let line = Line::try_parse_from(["mirrord", &argument]).unwrap_or_else(|error| panic!("{error}"));
        let set = line.flags.keys().into_iter().find_map(|(key, value)| (key == pointer).then_some(value?));
        let set = set.unwrap_or_else(|| panic!("{long} does not set {pointer}"));
        assert!(value.as_ref().is_none_or(|value| *value == set), "{long}: {set}");
        let arguments = Line::command();
        let argument = arguments.get_arguments().find(|argument| argument.get_long() == long.strip_prefix("--"));
        assert_eq!(argument.and_then(clap::Arg::get_short), *short, "{long}");
    }
    let mut command = Line::command();
    command.build();
    for argument in command.get_arguments() {
        let long = format!("--{}", argument.get_long().expect("each flag has a long name"));
        let known = OTHERS.contains(&long.as_str()) || named.iter().any(|(_, flag)| flag.long == long);
        assert!(known, "{long} is no flag of the language");
    }
}

#[test]
fn a_bare_f_means_the_usual_file() {
    check(
        "-f",
        &expect![[r"
        file .mirrord/mirrord.json
    "]],
    );
    check(
        "-f x.json -c=false --no-tcp-outgoing",
        &expect![[r"
        file x.json
        /accept_invalid_certificates = false
        /feature/network/outgoing/tcp = false
    "]],
    );
}

#[test]
fn what_is_not_a_value_is_refused() {
    check("--fs-mode all", &expect!["error: invalid value 'all' for '--fs-mode <MODE>'"]);
    check(
        "--agent-ttl soon",
        &expect!["error: invalid value 'soon' for '--agent-ttl <SECONDS>': invalid digit found in string"],
    );
}
