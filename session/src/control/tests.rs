use std::os::unix::ffi::OsStringExt as _;

use super::*;

#[tokio::test]
async fn lines_have_an_end_and_a_limit() {
    for (text, expected) in [
        ("{}\n{}\n", Ok(Some("{}"))),
        ("", Ok(None)),
        ("{}", Err(io::ErrorKind::InvalidData)),
        ("123456789", Err(io::ErrorKind::InvalidData)),
    ] {
        let read = read_line(&mut BufReader::new(text.as_bytes()), 8).await;
        let read = read.map(|line| line.map(|line| String::from_utf8(line).unwrap())).map_err(|error| error.kind());
        assert_eq!(read, expected.map(|line| line.map(str::to_owned)), "{text:?}");
    }
}

#[test]
fn every_request_and_answer_is_read_as_it_was_written() {
    let requests = [
        (Request::View { environment: true }, r#"{"view":{"environment":true}}"#),
        (Request::Join { debugger: Some(7) }, r#"{"join":{"debugger":7}}"#),
        (Request::Launch("a".to_owned()), r#"{"launch":"a"}"#),
        (Request::Standing(true), r#"{"standing":true}"#),
        (Request::Stop, r#""stop""#),
    ];
    for (request, text) in requests {
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
        assert_eq!(serde_json::from_str::<Request>(text).unwrap(), request);
    }
    // What another version does not send is empty, what it sends beyond that is left alone.
    let answer: Answer = serde_json::from_str(r#"{"view":{"session":"a","colour":"blue"}}"#).unwrap();
    assert_eq!(answer, Answer::View(Box::new(View { session: "a".to_owned(), ..View::default() })));
}

#[test]
fn bytes_that_are_no_text_survive_a_join() {
    let odd = OsString::from_vec(vec![b'a', 255, b'\n', b'"']);
    let injection = Injection { set: [(odd.clone(), odd.clone())].into(), unset: vec![odd] };
    let text = serde_json::to_string(&Joined::from(&injection)).unwrap();
    assert_eq!(serde_json::from_str::<Joined>(&text).unwrap().injection().unwrap(), injection);
}

#[test]
fn a_join_that_no_session_would_send_is_refused() {
    for (name, value) in [("%", "YQ=="), ("YQ==", "%"), ("YQA=", "YQ=="), ("YQ==", "AA==")] {
        let joined = Joined { set: [(name.to_owned(), value.to_owned())].into(), unset: Vec::new() };
        assert_eq!(joined.injection().unwrap_err().kind(), io::ErrorKind::InvalidData, "{name} {value}");
    }
}

#[tokio::test]
async fn what_killed_sessions_left_is_skipped_and_removed_when_it_is_old() {
    let runtime = tempfile::tempdir().unwrap();
    let environment = BTreeMap::from([("XDG_RUNTIME_DIR".into(), runtime.path().into())]);
    let old = std::time::SystemTime::now() - std::time::Duration::from_mins(1);
    for (name, age) in [("mirrord-00old", Some(old)), ("mirrord-00new", None)] {
        let folder = runtime.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        drop(listen(&folder).unwrap());
        if let Some(age) = age {
            std::fs::File::open(&folder).unwrap().set_modified(age).unwrap();
        }
    }
    std::fs::create_dir(runtime.path().join("mirrord-other")).unwrap();
    let found = client::sessions(&environment).await;
    assert!(found.iter().all(|view| !view.session.starts_with("00")), "{found:?}");
    let left = |name: &str| runtime.path().join(name).exists();
    assert_eq!((left("mirrord-00old"), left("mirrord-00new"), left("mirrord-other")), (false, true, true));
    let missing = client::Client::to("00", &environment).await.unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    assert!(missing.to_string().starts_with("there is no session `00`"), "{missing}");
}

#[tokio::test]
async fn a_session_that_answers_nonsense_or_nothing_is_not_listed() {
    let runtime = tempfile::tempdir().unwrap();
    let environment = BTreeMap::from([("XDG_RUNTIME_DIR".into(), runtime.path().into())]);
    let answers =
        [&b"nonsense\n"[..], b"{\"done\":null}\n", b"", b"\"done\"\n", b"\xff\xfe\n", b"{\"view\":{\"ports\":7}}\n"];
    let mut sessions = tokio::task::JoinSet::new();
    for (number, answer) in answers.iter().enumerate() {
        let folder = runtime.path().join(format!("mirrord-00{number}"));
        std::fs::create_dir(&folder).unwrap();
        let (listener, answer) = (listen(&folder).unwrap(), answer.to_vec());
        sessions.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(&answer).await.unwrap();
            }
        });
    }
    let found = client::sessions(&environment).await;
    assert!(found.iter().all(|view| !view.session.starts_with("00")), "{found:?}");
}
