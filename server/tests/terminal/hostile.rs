//! A pod that means harm: names and links that would do something to a terminal, or lead out of the pod.

use std::{io::Write, process::Stdio};

use crate::bench::{Bench, Said, said, wait_for};

/// Every file is the pod's.
const CONFIG: &str = r#"{ "feature": { "fs": { "mode": "write", "read_write": ["^/"] } } }"#;

/// A title for the terminal, a colour, a line of ours that is none, eight-bit control, a change of direction.
const NAMES: [&str; 4] =
    ["\u{1b}]0;title\u{7}", "\u{1b}[31mred\nmirrord: error: not really", "\u{9b}2J", "\u{202e}txt"];

/// Makes the folder on a small file system of the pod, and looks at it.
fn look(bench: &Bench, words: &[&str], fuse: &str, mode: &str) -> Said {
    bench.write("mirrord.json", CONFIG);
    let arguments = [&["demo", "-f", "mirrord.json", "--"], words].concat();
    let mut command = bench.command(&arguments);
    command.env("MIRRORD_FUSE", fuse).env("MIRRORD_PROGRESS_MODE", mode);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    wait_for(&mut child, "ready\n");
    bench.in_pod(&["mount", "-t", "tmpfs", "-o", "size=64k", "none", "/srv"]);
    for name in NAMES {
        bench.in_pod(&["mkdir", &format!("/srv/{name}")]);
    }
    let up = "../".repeat(40);
    let secret = bench.path("secret").display().to_string();
    bench.in_pod(&["ln", "-s", &format!("{up}{secret}"), "/srv/up"]);
    bench.in_pod(&["ln", "-s", &secret, "/srv/absolute"]);
    bench.in_pod(&["ln", "-s", &format!("/proc/self/root/{up}{secret}"), "/srv/around"]);
    bench.in_pod(&["ln", "-s", "\u{1b}]0;target\u{7}", "/srv/text"]);
    child.stdin.as_mut().expect("piped").write_all(b"\n").expect("it reads");
    let said = said(&child.wait_with_output().expect("it ends"));
    bench.nothing_is_left();
    said
}

fn hexadecimal(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[track_caller]
fn harms_nobody(bench: &Bench, said: &Said) {
    assert_eq!(said.code, 0, "{said:?}");
    // The program gets every byte as it is …
    for name in NAMES {
        assert!(said.out.contains(&format!("name {}\n", hexadecimal(name))), "{name:?}: {said:?}");
    }
    assert!(said.out.contains(&format!("link {}\n", hexadecimal("\u{1b}]0;target\u{7}"))), "{said:?}");
    // … whom links lead nowhere but in the pod …
    for link in ["up", "absolute", "around"] {
        // ELOOP: links of procfs are not followed.
        let nowhere = ["ENOENT", "ELOOP"].map(|errno| format!("{link}: {errno}\n"));
        assert!(nowhere.iter().any(|line| said.out.contains(line)), "{link}: {said:?}");
    }
    assert!(bench.path("secret").exists());
    // … and the terminal gets none of them.
    let obeyed = |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
    assert_eq!(said.err.find(obeyed), None, "{:?}", said.err);
    assert!(!said.err.contains("\nmirrord: error: not really"), "{}", said.err);
}

#[test]
fn names_and_links_of_the_pod_harm_nobody() {
    for flags in [&[][..], &["-static"]] {
        let Some(bench) = Bench::with_pods().filter(|bench| bench.build("faults/hostile.c", "hostile", flags)) else {
            return;
        };
        bench.write("secret", "on this machine");
        for (fuse, mode) in [("1", "simple"), ("0", "simple"), ("0", "json")] {
            let said = look(&bench, &["./hostile", "/srv"], fuse, mode);
            harms_nobody(&bench, &said);
            // They are spoken of.
            assert!(said.err.contains("[31mred"), "{fuse} {mode}: {}", said.err);
        }
    }
}
