//! What stops `mirrord exec` before anything happens elsewhere.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::bench::{Bench, said};

/// Runs `exec` and expects this code and these words.
#[track_caller]
fn refused(bench: &Bench, arguments: &[&str], code: i32, words: &[&str]) {
    let said = bench.run(&[&["exec"], arguments].concat());
    assert_eq!(said.code, code, "{said:?}");
    for word in words {
        assert!(said.err.contains(word), "{word:?} in {said:?}");
    }
    assert_eq!(said.out, "", "nothing ran");
}

#[test]
fn a_configuration_with_mistakes_tells_all_of_them() {
    let bench = Bench::bare();
    let file = bench.write("m.json", "{ \"feature\": { \"networ\": 1, \"fs\": \"all\" } }");
    let words = ["m.json:1:16: error[unknown-key] /feature/networ", "m.json:1:35: error", "nothing was started"];
    refused(&bench, &["-f", &file, "--", "true"], 2, &words);
    refused(&bench, &["-f", "absent.json", "--", "true"], 2, &["cannot read the configuration absent.json"]);
    refused(&bench, &["-t", "pdo/x", "--", "true"], 2, &["/target/path: flag --target: `pdo`", "did you mean `pod`?"]);
}

#[test]
fn the_variable_names_a_file_and_the_flag_beats_it() {
    let bench = Bench::bare();
    let file = bench.write("m.json", "{ \"nonsense\": 1 }");
    let mut command = bench.command(&["exec", "--", "true"]);
    let by_variable = said(&command.env("MIRRORD_CONFIG_FILE", &file).output().expect("it starts"));
    assert!(by_variable.code == 2 && by_variable.err.contains("/nonsense"), "{by_variable:?}");
    let good = bench.write("good.json", "{}");
    let mut command = bench.command(&["exec", "-f", &good, "--", "no-such-program"]);
    let by_flag = said(&command.env("MIRRORD_CONFIG_FILE", &file).output().expect("it starts"));
    assert_eq!(by_flag.code, 127, "{by_flag:?}");
    fs::create_dir(bench.path(".mirrord")).expect("a folder");
    bench.write(".mirrord/mirrord.json", "{ \"elsewhere\": 1 }");
    refused(&bench, &["-f", "--", "true"], 2, &[".mirrord/mirrord.json:1:3", "/elsewhere"]);
    refused(&bench, &["--", "no-such-program"], 127, &[".mirrord/mirrord.json is here and is not read: -f reads it"]);
}

#[test]
fn a_launch_that_lacks_its_target_or_its_program_says_what_to_write() {
    let Some(bench) = Bench::whole() else { return };
    refused(
        &bench,
        &["--", "true"],
        1,
        &["no target", "`--target deploy/NAME`", "`mirrord targets` lists what there is"],
    );
    refused(&bench, &[], 2, &["mirrord exec [OPTIONS] -- PROGRAM"]);
    let empty = bench.write("empty", "");
    let mut command = bench.command(&["exec", "-t", "pod/x", "--", "true"]);
    let said = said(&command.env("KUBECONFIG", &empty).output().expect("it starts"));
    assert!(said.code == 1 && said.err.contains("the kubeconfig names no cluster; set KUBECONFIG"), "{said:?}");
}

#[test]
fn programs_that_cannot_run_are_found_out_first() {
    let bench = Bench::bare();
    refused(&bench, &["-t", "pod/x", "--", "no-such-program"], 127, &["program `no-such-program` not found in PATH"]);
    refused(&bench, &["-t", "pod/x", "--", "./absent"], 127, &["program `./absent` not found\n"]);
    let plain = bench.write("plain", "#!/bin/sh\n");
    refused(&bench, &["-t", "pod/x", "--", &plain], 126, &["it is not executable (chmod +x)"]);
    bench.write("script", "#!/no/such/interpreter\n");
    fs::set_permissions(bench.path("script"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    refused(&bench, &["-t", "pod/x", "--", "./script"], 126, &["`/no/such/interpreter` not found"]);
}

#[test]
fn a_session_in_a_session_is_refused() {
    let bench = Bench::bare();
    let mut command = bench.command(&["exec", "-t", "pod/x", "--", "true"]);
    let said = said(&command.env("MIRRORD_SESSION_SOCKET", "/x").output().expect("it starts"));
    assert!(said.code == 2 && said.err.contains("already a program of a session"), "{said:?}");
}

#[test]
fn a_missing_layer_says_where_it_belongs() {
    let bench = Bench::bare();
    refused(&bench, &["-t", "pod/x", "--", "true"], 1, &["libmirrord_layer.so is missing", "MIRRORD_LAYER_FILE"]);
    let mut command = bench.command(&["exec", "-t", "pod/x", "--", "true"]);
    let said = said(&command.env("MIRRORD_LAYER_FILE", "/absent.so").output().expect("it starts"));
    assert!(said.code == 1 && said.err.contains("MIRRORD_LAYER_FILE names /absent.so"), "{said:?}");
}

#[test]
fn no_kubeconfig_and_keys_without_effect_are_named() {
    let Some(bench) = Bench::whole() else { return };
    refused(&bench, &["-t", "pod/x", "--", "true"], 1, &["kubeconfig"]);
    let file = bench.write(
        "m.json",
        r#"{ "target": "pod/x", "feature": { "network": { "outgoing": { "unix_streams": "/run/x" } } } }"#,
    );
    let parts = &["`feature.network.outgoing.unix_streams`: this version does not do that yet"];
    refused(&bench, &["-f", &file, "--", "true"], 2, parts);
    let file = bench.write("m.json", r#"{ "target": "pod/x", "feature": { "network": { "ipv6": false } } }"#);
    let words = ["warning: `feature.network.ipv6` has no effect in this version: ", "kubeconfig"];
    refused(&bench, &["-f", &file, "--", "true"], 1, &words);
}
