//! What passes, and how it is numbered.

use expect_test::expect;
use serde_json::{Value, json};

use super::{Plan, editor::Editor, fake_adapter::Manners};

#[tokio::test(start_paused = true)]
async fn messages_pass_in_order_and_numbers_are_translated() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true"}), true).await;
    let first = editor.request("evaluate", json!({"expression": "1"})).await;
    let second = editor.request("evaluate", json!({"expression": "2"})).await;
    assert_eq!(editor.response(first).await["body"]["result"], "1");
    assert_eq!(editor.response(second).await["body"]["result"], "2");
    let ended = editor.disconnect().await;
    let numbers: Vec<i64> = ended.received.iter().map(|message| message["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<_>>(), "numbers to the editor grow by one");
    let numbers: Vec<i64> = ended.spy.seen().iter().filter_map(|message| message["seq"].as_i64()).collect();
    assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<_>>(), "numbers to the adapter grow by one");
    expect![[r#"
        ok initialize
        console "mirrord: connecting to the cluster\n"
        event initialized
        ok launch
        ok configurationDone
        event process
        ok evaluate
        ok evaluate
        ok disconnect"#]]
    .assert_eq(&ended.log());
    expect!["initialize launch configurationDone evaluate evaluate disconnect (end of input)"]
        .assert_eq(&ended.spy.names().join(" "));
    assert_eq!(ended.result, "ok");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_knows_passes_untouched() {
    let mut editor = Editor::new(Manners::Talkative, Plan::Starts);
    editor.debug(json!({"program": "/bin/true", "unknown": {"z": [1, {"a": null}], "b": 1.5}}), true).await;
    let custom = editor.ask("vendor/custom", json!({"deep": {"z": 1, "a": null}})).await;
    assert_eq!(custom["success"], true);
    editor.send(json!({"type": "event", "event": "fromTheEditor", "body": 1})).await;
    editor.ask("vendor/large", json!({"n": 9_007_199_254_740_993_i64})).await;
    let ended = editor.disconnect().await;
    let telegram = ended.received.iter().find(|message| message["type"] == "telegram").unwrap();
    assert_eq!((&telegram["text"], &telegram["odd"]), (&json!("stop"), &json!([1, null])));
    assert_eq!(ended.spy.request("launch")["arguments"]["unknown"].to_string(), r#"{"z":[1,{"a":null}],"b":1.5}"#);
    assert_eq!(ended.spy.request("vendor/custom")["arguments"].to_string(), r#"{"deep":{"z":1,"a":null}}"#);
    assert_eq!(ended.spy.request("vendor/large")["arguments"]["n"], 9_007_199_254_740_993_i64);
    assert!(ended.spy.names().contains(&"fromTheEditor".to_owned()), "{:?}", ended.spy.names());
    // The early messages come before the launch's, and what differs in capabilities is told.
    let capabilities = ended.received.iter().find(|message| message["event"] == "capabilities").unwrap();
    assert_eq!(capabilities["body"]["capabilities"]["supportsSteppingBack"], true);
    assert_eq!(capabilities["body"]["capabilities"]["supportsSetVariable"], false);
    expect![[r#"
        ok initialize
        console "mirrord: connecting to the cluster\n"
        event early
        other {"type":"telegram","text":"stop","odd":[1,null],"seq":4}
        event capabilities
        event initialized
        ok launch
        ok configurationDone
        event process
        ok vendor/custom
        ok vendor/large
        ok disconnect"#]]
    .assert_eq(&ended.log());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_does_not_reach_the_adapter_and_is_told_of_once() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.send(json!({"type": "telegram", "text": "\u{1b}[31mstop"})).await;
    editor.debug(json!({"program": "/bin/true"}), true).await;
    for odd in [json!({"what": "is this"}), json!([1]), json!("x"), json!({"type": "request"})] {
        editor.send(odd).await;
    }
    editor.ask("threads", json!({})).await;
    let ended = editor.disconnect().await;
    expect!["initialize launch configurationDone threads disconnect (end of input)"]
        .assert_eq(&ended.spy.names().join(" "));
    let log = ended.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("no request, response or event")).collect();
    expect![[r#"console "mirrord: the editor sent a message that is no request, response or event; such are not passed on to the debug adapter: {\"type\":\"telegram\",\"text\":\"\\u001b[31mstop\",\"seq\":1}\n""#]].assert_eq(&told.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn requests_of_the_adapter_reach_the_editor_and_back() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true"}), true).await;
    let run = json!({"command": "runInTerminal", "arguments": {"args": ["x"], "cwd": "/", "env": {}}});
    editor.request("ask back", run.clone()).await;
    let asked = editor.wait("runInTerminal", |m| m["command"] == "runInTerminal").await;
    assert_eq!(asked["arguments"], run["arguments"], "debugpy's launcher gets the variables by another way");
    let body = json!({"processId": 5});
    editor.send(json!({"type": "response", "request_seq": asked["seq"], "success": true, "command": "runInTerminal", "body": body})).await;

    let child = json!({"request": "attach", "configuration": {"connect": {"port": 1}}});
    editor.request("ask back", json!({"command": "startDebugging", "arguments": child})).await;
    let asked = editor.wait("startDebugging", |m| m["command"] == "startDebugging").await;
    expect![[r#"{"connect":{"port":1},"adapter":"debugpy","mirrord":{"child":{"control":""}}}"#]]
        .assert_eq(&asked["arguments"]["configuration"].to_string());

    let ended = editor.disconnect().await;
    let answer = ended.spy.seen().into_iter().find(|m| m["type"] == "response").expect("the answer came back");
    assert!(answer["request_seq"].as_i64().unwrap() > 1000, "numbered as the adapter did: {answer}");
    assert_eq!(answer["body"]["processId"], 5);
}

#[tokio::test(start_paused = true)]
async fn cancel_names_the_request_by_the_adapters_number() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true", "mirrord": false}), true).await;
    // Ahead in the editor's numbers: the fake has seen one message less than these.
    editor.send(json!({"type": "response", "request_seq": 999, "command": "nobody asked"})).await;
    let slow = editor.request("slow", json!({})).await;
    editor.ask("cancel", json!({"requestId": slow})).await;
    editor.ask("cancel", json!({"requestId": 12345})).await;
    let ended = editor.disconnect().await;
    let cancels: Vec<Value> = ended.spy.seen().into_iter().filter(|m| m["command"] == "cancel").collect();
    assert_eq!(cancels[0]["arguments"]["requestId"], ended.spy.request("slow")["seq"]);
    assert_ne!(cancels[0]["arguments"]["requestId"], slow);
    assert_eq!(cancels[1]["arguments"]["requestId"], 0);
}

#[tokio::test(start_paused = true)]
async fn messages_before_the_launch_wait_for_the_adapter() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.initialize(json!({})).await;
    let early = editor.request("setBreakpoints", json!({"breakpoints": []})).await;
    editor.request("launch", json!({"program": "/bin/true"})).await;
    editor.response(early).await;
    assert_eq!(editor.spy.names(), ["initialize", "launch", "setBreakpoints"]);
    assert_eq!(editor.disconnect().await.result, "ok");
}
