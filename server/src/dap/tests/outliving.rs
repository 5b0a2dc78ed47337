//! Debug sessions that outlive the one that has started their session.

use serde_json::json;
use tokio::time::{Duration, Instant, timeout};

use super::{Plan, editor::Editor, fake_adapter::Manners};

/// A debug session with a guest, and its program's end.
async fn ended_with_a_guest() -> Editor {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true"}), true).await;
    editor.session.guest(true);
    editor.ask("end program", json!({})).await;
    editor.event("terminated").await;
    editor.ask("threads", json!({})).await;
    assert_eq!(editor.session.notes(), ["start []"], "the guest still uses it");
    editor
}

/// Waits for the proxy's end, which must not come before `until` is over.
async fn stays(editor: Editor, until: impl Future<Output = ()>) -> String {
    let session = editor.session.clone();
    let ended = editor.ended();
    tokio::pin!(ended);
    assert!(timeout(Duration::from_secs(30), &mut ended).await.is_err(), "it ended with somebody in it");
    assert!(!session.notes().contains(&"stop".to_owned()), "{:?}", session.notes());
    until.await;
    let ended = ended.await;
    assert_eq!(ended.result, "ok");
    assert_eq!(ended.spy.names().last().map(String::as_str), Some("(end of input)"), "the adapter is closed");
    ended.notes
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_the_last_debug_session_in_it() {
    let mut editor = ended_with_a_guest().await;
    let session = editor.session.clone();
    session.guest(false);
    editor.ask("threads", json!({})).await;
    let began = Instant::now();
    while !session.notes().contains(&"stop".to_owned()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(1), "the traffic is given back at once: {:?}", began.elapsed());
    assert_eq!(editor.disconnect().await.notes, "start [], stop");
}

#[tokio::test(start_paused = true)]
async fn it_also_outlives_the_editors_connection_and_its_signals() {
    for leaves in ["disconnect", "vanish"] {
        let mut editor = ended_with_a_guest().await;
        let (session, stop) = (editor.session.clone(), editor.stop.clone());
        match leaves {
            "disconnect" => assert_eq!(editor.ask("disconnect", json!({})).await["success"], true),
            _ => editor.vanish().await,
        }
        let notes = stays(editor, async move {
            stop.cancel(); // as VS Code does with adapters that it has left
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert!(!session.notes().contains(&"stop".to_owned()));
            session.guest(false);
        });
        assert_eq!(notes.await, "start [], stop", "{leaves}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_ends_everything_ends_it() {
    for how in ["lost", "stopped elsewhere", "end"] {
        let mut editor = ended_with_a_guest().await;
        let (session, end) = (editor.session.clone(), editor.end.clone());
        editor.ask("disconnect", json!({})).await;
        let notes = stays(editor, async move {
            match how {
                "lost" => session.lose("the pod was deleted"),
                "stopped elsewhere" => session.want_stop("mirrord (process 7)"),
                _ => end.cancel(),
            }
        });
        assert_eq!(notes.await, "start [], stop", "{how}");
    }
    // A signal before the editor has left means what it says.
    let editor = ended_with_a_guest().await;
    editor.stop.cancel();
    assert_eq!(editor.ended().await.notes, "start [], stop");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_was_offered_a_debug_session_has_time_to_join() {
    for joins in [true, false] {
        let mut editor = Editor::new(Manners::Good, Plan::Starts);
        editor.debug(json!({"program": "/bin/true"}), true).await;
        let child = json!({"command": "startDebugging", "arguments": {"request": "attach", "configuration": {}}});
        editor.request("ask back", child).await;
        editor.wait("startDebugging", |message| message["command"] == "startDebugging").await;
        editor.ask("end program", json!({})).await;
        editor.event("terminated").await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let session = editor.session.clone();
        assert_eq!(session.notes(), ["start []"]);
        if joins {
            session.guest(true);
            tokio::time::sleep(Duration::from_mins(1)).await;
            assert_eq!(session.notes(), ["start []"]);
            session.guest(false);
        } else {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(session.notes(), ["start []", "stop"], "joins: {joins}");
        assert_eq!(editor.disconnect().await.result, "ok");
    }
}
