//! What goes wrong while the program runs.

use std::time::Duration;

use expect_test::expect;
use serde_json::json;

use super::{Plan, editor::Editor, fake_adapter::Manners};

#[tokio::test(start_paused = true)]
async fn a_program_without_our_layer_is_ended() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true"}), false).await;
    let open = editor.request("slow", json!({})).await;
    assert_eq!(editor.response(open).await["success"], false);
    editor.event("terminated").await;
    let ended = editor.disconnect().await;
    assert!(ended.result.starts_with("error: the program runs without mirrord"), "{}", ended.result);
    assert_eq!(ended.notes, "start [], stop");
    assert_eq!(ended.spy.names().last().map(String::as_str), Some("(end of input)"));
}

#[tokio::test(start_paused = true)]
async fn a_restarted_program_has_to_load_our_layer_again() {
    for reports in [true, false] {
        let mut editor = Editor::new(Manners::Good, Plan::Starts);
        editor.debug(json!({"program": "/bin/true"}), true).await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        editor.session.forget_report();
        assert_eq!(editor.ask("restart", json!({})).await["success"], true);
        if reports {
            editor.session.report();
            tokio::time::sleep(Duration::from_secs(20)).await;
        } else {
            editor.event("terminated").await;
        }
        let ended = editor.disconnect().await;
        assert_eq!(ended.result.starts_with("error: the program runs without mirrord"), !reports, "{}", ended.result);
    }
}

/// Stopped at its entry, a program has loaded nothing yet; at a breakpoint it has.
#[tokio::test(start_paused = true)]
async fn a_program_that_is_held_at_its_entry_has_time_to_load_our_layer() {
    for (reason, reports, ends) in [("entry", true, false), ("entry", false, true), ("breakpoint", false, true)] {
        let mut editor = Editor::new(Manners::Good, Plan::Starts);
        editor.debug(json!({"program": "/bin/true", "stopOnEntry": true}), false).await;
        let stopped = json!({"reason": reason, "threadId": 1, "allThreadsStopped": true});
        editor.ask("tell", json!({"event": "stopped", "body": stopped})).await;
        if reason == "entry" {
            tokio::time::sleep(Duration::from_secs(20)).await;
            assert_eq!(editor.ask("threads", json!({})).await["success"], true, "{}", editor.log());
            editor.ask("continue", json!({"threadId": 1})).await;
        }
        if reports {
            editor.session.report();
        }
        if ends {
            editor.event("terminated").await;
        } else {
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        let ended = editor.disconnect().await;
        assert_eq!(ended.result.starts_with("error: the program runs without mirrord"), ends, "{}", ended.result);
    }
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_opens_slowly_takes_no_time_from_its_program() {
    for reports in [true, false] {
        let mut editor = Editor::new(Manners::Good, Plan::Starts);
        editor.debug(json!({"program": "/bin/true"}), false).await;
        let run = json!({"command": "runInTerminal", "arguments": {"args": ["x"], "cwd": "/"}});
        editor.request("ask back", run).await;
        let asked = editor.wait("runInTerminal", |m| m["command"] == "runInTerminal").await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(editor.ask("threads", json!({})).await["success"], true, "{}", editor.log());
        let answer =
            json!({"type": "response", "request_seq": asked["seq"], "success": true, "command": "runInTerminal"});
        editor.send(answer).await;
        if reports {
            editor.session.report();
            tokio::time::sleep(Duration::from_secs(20)).await;
        } else {
            editor.event("terminated").await;
        }
        let ended = editor.disconnect().await;
        assert_eq!(ended.result.starts_with("error: the program runs without mirrord"), !reports, "{}", ended.result);
    }
}

#[tokio::test(start_paused = true)]
async fn a_brief_program_without_our_layer_does_not_pass_for_one_with_it() {
    for reports in [true, false] {
        let mut editor = Editor::new(Manners::Brief, Plan::Starts);
        editor.debug(json!({"program": "/bin/true"}), reports).await;
        editor.event("terminated").await;
        let ended = editor.disconnect().await;
        assert_eq!(ended.log().contains("important \"mirrord: the program runs without mirrord"), !reports);
        assert_eq!(ended.result, "ok");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_program_ends_the_session_before_the_editor_leaves() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true"}), true).await;
    editor.ask("end program", json!({})).await;
    editor.event("terminated").await;
    editor.ask("threads", json!({})).await;
    assert_eq!(editor.session.notes(), ["start []", "stop"]);
    assert_eq!(editor.disconnect().await.result, "ok");
}

/// It is watched with what it starts, by the session: without that, it cannot even say how the program has ended.
#[tokio::test(start_paused = true)]
async fn the_session_of_a_watched_adapter_ends_after_the_adapter_has_been_left() {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("main.c"), folder.path().join("main"));
    std::fs::write(&source, "int main(void) { return 0; }").unwrap();
    let made = std::process::Command::new("cc").arg("-static").args([&source, &"-o".into(), &program]).status();
    if !made.is_ok_and(|status| status.success()) {
        return println!("skipped: cc makes no static programs here");
    }
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": program}), true).await;
    editor.ask("end program", json!({})).await;
    editor.event("terminated").await;
    editor.ask("threads", json!({})).await;
    assert_eq!(editor.session.notes(), ["start []", "take charge"]);
    let ended = editor.disconnect().await;
    assert_eq!((ended.result.as_str(), ended.notes.as_str()), ("ok", "start [], take charge, stop"), "{}", ended.log());
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_dies_takes_nothing_with_it_in_silence() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true"}), true).await;
    let (slow, die) = (editor.request("slow", json!({})).await, editor.request("die", json!({})).await);
    assert_eq!(editor.response(slow).await["message"], "the debug adapter debugpy ended unexpectedly");
    editor.response(die).await;
    let ended = editor.disconnect().await;
    expect![[r#"
        important "mirrord: the debug adapter debugpy ended unexpectedly\n"
        refused slow: the debug adapter debugpy ended unexpectedly
        refused die: the debug adapter debugpy ended unexpectedly
        event terminated
        ok disconnect"#]]
    .assert_eq(ended.log().split_once("event process\n").unwrap().1);
    assert_eq!(ended.result, "error: the debug adapter debugpy ended unexpectedly");
    assert_eq!(ended.notes, "start [], stop");
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_dies_or_lies_at_the_launch_refuses_it() {
    for (manners, reason) in [
        (Manners::Dying, "the debug adapter debugpy ended unexpectedly"),
        (
            Manners::Lying,
            "the messages of the debug adapter debugpy cannot be read: `Content-Length: many` is no header of a message (expected `Content-Length: <bytes>`)",
        ),
    ] {
        let mut editor = Editor::new(manners, Plan::Starts);
        editor.initialize(json!({})).await;
        assert_eq!(editor.ask("launch", json!({"program": "/bin/true"})).await["message"], reason);
        let ended = editor.disconnect().await;
        assert_eq!((ended.result, ended.notes), (format!("error: {reason}"), "start [], stop".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_answers_nothing_does_not_keep_the_editor() {
    let mut editor = Editor::new(Manners::Mute, Plan::Starts);
    editor.initialize(json!({})).await;
    let launch = editor.request("launch", json!({"program": "/bin/true"})).await;
    let disconnect = editor.request("disconnect", json!({})).await;
    editor.response(launch).await;
    assert_eq!(editor.response(disconnect).await["success"], true);
    assert_eq!(editor.ended().await.notes, "start [], stop");
}

#[tokio::test(start_paused = true)]
async fn an_editor_that_vanishes_ends_program_and_session() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true"}), true).await;
    editor.vanish().await;
    let ended = editor.ended().await;
    expect!["initialize launch configurationDone disconnect (end of input)"].assert_eq(&ended.spy.names().join(" "));
    assert_eq!(ended.spy.request("disconnect")["arguments"], json!({"terminateDebuggee": true}));
    assert_eq!((ended.notes.as_str(), ended.result.as_str()), ("start [], stop", "ok"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_ends_the_debug_session_with_its_reason() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true"}), true).await;
    editor.session.lose("the pod was\u{7} deleted");
    editor.event("terminated").await;
    let ended = editor.disconnect().await;
    assert!(ended.log().contains(r"important "), "{}", ended.log());
    assert!(ended.log().contains(r"the session is lost: the pod was\\u{7} deleted"), "{}", ended.log());
    assert_eq!(ended.result, "error: the session is lost: the pod was\u{7} deleted");
}

#[tokio::test(start_paused = true)]
async fn an_editor_that_does_not_speak_the_protocol_is_told_and_left() {
    for bytes in ["Content-Length: -5\r\n\r\n", "Content-Length: 99999999999\r\n\r\n", "Content-Length: 1\r\n\r\n?"] {
        let mut editor = Editor::new(Manners::Good, Plan::Starts);
        editor.debug(json!({"program": "/bin/true"}), true).await;
        editor.send_bytes(bytes.as_bytes()).await;
        let ended = editor.ended().await;
        assert!(ended.result.starts_with("error: the editor's messages cannot be read"), "{}", ended.result);
        assert!(ended.log().ends_with("\\n\"") && ended.log().contains("important"), "{}", ended.log());
        assert_eq!(ended.notes, "start [], stop");
    }
}

#[tokio::test(start_paused = true)]
async fn an_editor_that_stays_after_the_end_is_left() {
    let mut editor = Editor::new(Manners::Good, Plan::Fails("no"));
    editor.initialize(json!({})).await;
    editor.ask("launch", json!({"program": "/bin/true"})).await;
    assert_eq!(editor.ended().await.result, "ok");
}

#[tokio::test(start_paused = true)]
async fn messages_cannot_pile_up_while_nothing_starts() {
    let mut editor = Editor::new(Manners::Good, Plan::Hangs);
    editor.initialize(json!({})).await;
    editor.request("launch", json!({"program": "/bin/true"})).await;
    for _ in 0..1025 {
        editor.request("evaluate", json!({})).await;
    }
    editor.event("terminated").await;
    let ended = editor.disconnect().await;
    assert!(ended.result.contains("more than 1024 messages"), "{}", ended.result);
    assert_eq!(ended.notes, "start [], cancelled");
}

#[tokio::test(start_paused = true)]
async fn leaving_before_any_launch_is_quiet() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.initialize(json!({})).await;
    let ended = editor.disconnect().await;
    assert_eq!((ended.log().as_str(), ended.result.as_str()), ("ok initialize\nok disconnect", "ok"));
}
