use expect_test::{Expect, expect};

use super::*;

fn check(mode: Mode, spinner: bool, expected: &Expect) {
    let mut renderer = Renderer { mode, spinner, step: None };
    let events = [
        Event::Step(Step::Connecting),
        Event::Step(Step::WaitingForAgent { status: Some("pulling \x1b[31m".into()) }),
        Event::Warning("no way back".into()),
        Event::Step(Step::Ready { target: "pod/x".into(), reused_agent: false }),
        Event::Info("two\nlines".into()),
        Event::State(State::Degraded { reason: "silence".into() }),
    ];
    let shown: String = events.iter().flat_map(|event| renderer.render(event)).fold(String::new(), |all, output| {
        all + &match output {
            Output::Line(text) => text,
            Output::Spin(text) => format!("<spin {text}>\n"),
            Output::Still => "<still>\n".into(),
        }
    });
    expected.assert_eq(&shown);
}

#[test]
fn a_person_sees_a_spinner_and_then_what_matters() {
    check(
        Mode::Standard,
        true,
        &expect![[r"
            <spin connecting to the cluster>
            <spin waiting for the agent (pulling \u{1b}[31m)>
            mirrord: warning: no way back
            <still>
            mirrord: ready: pod/x
            mirrord: two
            mirrord: lines
            mirrord: warning: the link to the agent does not answer: silence
        "]],
    );
}

#[test]
fn a_log_file_gets_lines() {
    check(
        Mode::Simple,
        false,
        &expect![[r"
            <still>
            mirrord: connecting to the cluster
            <still>
            mirrord: waiting for the agent (pulling \u{1b}[31m)
            mirrord: warning: no way back
            <still>
            mirrord: ready: pod/x
            mirrord: two
            mirrord: lines
            mirrord: warning: the link to the agent does not answer: silence
        "]],
    );
}

#[test]
fn off_leaves_warnings() {
    check(
        Mode::Off,
        false,
        &expect![[r"
            <still>
            <still>
            mirrord: warning: no way back
            <still>
            mirrord: warning: the link to the agent does not answer: silence
        "]],
    );
}

#[test]
fn json_is_one_object_a_line() {
    check(
        Mode::Json,
        false,
        &expect![[r#"
            {"type":"NewTask","name":"connecting to the cluster","parent":"mirrord preparing to launch"}
            {"type":"FinishedTask","name":"connecting to the cluster","success":true,"message":null}
            {"type":"NewTask","name":"waiting for the agent (pulling \\u{1b}[31m)","parent":"mirrord preparing to launch"}
            {"type":"Warning","message":"no way back"}
            {"type":"FinishedTask","name":"waiting for the agent (pulling \\u{1b}[31m)","success":true,"message":null}
            {"type":"Info","message":"two\nlines"}
            {"type":"Warning","message":"the link to the agent does not answer: silence"}
        "#]],
    );
}

#[test]
fn the_variable_chooses() {
    let modes = [None, Some("std"), Some("dumb"), Some("simple"), Some("off"), Some("json"), Some("nonsense")];
    let chosen = modes.map(Mode::from_variable);

    assert_eq!(
        chosen,
        [Mode::Standard, Mode::Standard, Mode::Simple, Mode::Simple, Mode::Off, Mode::Json, Mode::Standard]
    );
}
