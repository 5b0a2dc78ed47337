//! HTTP/1: each request finds its program, and everything of it and of its answer arrives.

use super::*;
use protocol::incoming::SubscribeError;

/// Runs `test` with a pod whose port ada's program filters.
fn with_ada<F: Future<Output = ()> + 'static>(test: fn(Pod) -> F) {
    in_pod(move || async move {
        let mut pod = Pod::new("0.0.0.0:8080").await;
        let _ada = pod.developer("ada", header("^x-user: ada$")).await;
        test(pod).await;
    });
}

#[test]
fn requests_of_one_connection_go_where_they_belong() {
    with_ada(|pod| async move {
        let mut client = pod.client().await;
        for round in 0..3 {
            let path = format!("/{round}");
            assert_eq!(client.ask(&get(&path, "")).await, format!("200 OK: original GET {path}"));
            assert_eq!(client.ask(&get(&path, ADA)).await, format!("200 OK: ada GET {path}"));
            assert_eq!(client.ask(&get(&path, "x-USER: ADA\r\n")).await, format!("200 OK: ada GET {path}"));
            assert_eq!(client.ask(&get(&path, BOB)).await, format!("200 OK: original GET {path}"));
        }
        // Sent at once, answered in order.
        client.send(&[get("/a", ADA), get("/b", ""), get("/c", ADA)].concat()).await;
        assert_eq!(client.answer().await, "200 OK: ada GET /a");
        assert_eq!(client.answer().await, "200 OK: original GET /b");
        assert_eq!(client.answer().await, "200 OK: ada GET /c");
    });
}

#[test]
fn bodies_and_trailers_arrive_on_both_sides() {
    with_ada(|pod| async move {
        let mut client = pod.client().await;
        for (who, name) in [("", "original"), (ADA, "ada")] {
            let long = "x".repeat(1_000_000);
            let length = format!("POST /l HTTP/1.1\r\nHost: pod\r\n{who}Content-Length: {}\r\n\r\n{long}", long.len());
            assert_eq!(client.ask(&length).await, format!("200 OK: {name} POST /l 1000000 bytes"));
            let chunked = format!(
                "PUT /c HTTP/1.1\r\nHost: pod\r\n{who}Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n\
                 3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 5\r\n\r\n"
            );
            assert_eq!(client.ask(&chunked).await, format!(r#"200 OK: {name} PUT /c abcde {{"x-sum": "5"}}"#));
            client.send(&get("/t", &format!("{who}TE: trailers\r\n"))).await;
            let head = client.until("\r\n\r\n").await;
            assert!(head.contains("transfer-encoding: chunked"), "{head}");
            let body = client.until("\r\n\r\n").await;
            assert!(
                body.contains(&format!("{name} GET /t\n")) && body.contains(&format!("\r\n0\r\nx-end: {name}\r\n")),
                "{body}"
            );
            client.send(&format!("HEAD /h HTTP/1.1\r\nHost: pod\r\n{who}\r\n")).await;
            let head = client.until("\r\n\r\n").await;
            assert!(head.contains(&format!("content-length: {}\r\n", name.len() + 9)), "{head}");
            client.send(&get("/empty", who)).await;
            assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 204 No Content\r\n"));
            let expecting =
                format!("POST /e HTTP/1.1\r\nHost: pod\r\n{who}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
            client.send(&expecting).await;
            assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
            assert_eq!(client.ask("ok").await, format!("200 OK: {name} POST /e ok"));
        }
        client.send("GET /old HTTP/1.0\r\nX-User: ada\r\n\r\n").await;
        let end = client.end().await;
        assert!(end.starts_with("HTTP/1.0 200 OK\r\n") && end.ends_with("ada GET /old\nclosed"), "{end}");
    });
}

#[test]
fn a_client_that_half_closes_is_answered() {
    with_ada(|pod| async move {
        for (who, name) in [("", "original"), (ADA, "ada")] {
            let mut client = pod.client().await;
            client.send(&get("/h", who)).await;
            client.tcp.shutdown().await.expect("open");
            assert_eq!(client.answer().await, format!("200 OK: {name} GET /h"));
        }
    });
}

#[test]
fn heads_reach_the_original_program_as_the_client_wrote_them() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:8081").await.expect("free");
        tasks.spawn(async move {
            let (mut tcp, _) = listener.accept().await.expect("accepts");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                assert_ne!(tcp.read_buf(&mut head).await.expect("open"), 0);
            }
            let answer =
                [b"HTTP/1.1 299 Very Well\r\nX-CASE: Kept\r\nConnection: close\r\n\r\n", head.as_slice()].concat();
            tcp.write_all(&answer).await.expect("open");
        });
        let mut pod = Pod::new("127.0.0.1:8080").await;
        pod.original.set_port(8081);
        let _ada = pod.developer("ada", header("^x-user: ada$")).await;
        let mut client = pod.client().await;
        let request =
            "GET /a?b=c%20d HTTP/1.1\r\nhOST: pod:8081\r\nX-cAsE: One\r\nUser-AGENT: me\r\nAccept: */*\r\n\r\n";
        client.send(request).await;
        let answer = client.end().await;
        let expected = "HTTP/1.1 299 Very Well\r\nX-CASE: Kept\r\nConnection: close\r\n";
        assert!(answer.starts_with(expected), "{answer}");
        assert!(answer.contains(request), "{answer}");
        assert!(!answer.to_lowercase().contains("date:"), "{answer}");
    });
}

#[test]
fn upgraded_connections_are_raw_on_either_side() {
    with_ada(|pod| async move {
        for (who, name) in [("", "original"), (ADA, "ada")] {
            let mut client = pod.client().await;
            // The first of what follows may come along with the request.
            let upgrade = format!("{who}Connection: Upgrade\r\nUpgrade: words\r\n");
            client.send(&format!("{}hello", get("/ws", &upgrade))).await;
            let head = client.until("\r\n\r\n").await;
            assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
            assert_eq!(client.until("\n").await, format!("{name} heard hello\n"));
            client.send("GET /").await;
            assert_eq!(client.until("\n").await, format!("{name} heard GET /\n"));
            client.tcp.shutdown().await.expect("open");
            assert_eq!(client.end().await, "closed");
        }
    });
}

#[test]
fn answers_are_passed_on_while_they_are_made() {
    with_ada(|pod| async move {
        let mut clients = [(pod.client().await, "", "original"), (pod.client().await, ADA, "ada")];
        for (client, who, name) in &mut clients {
            client.send(&get("/endless", who)).await;
            client.until(&format!("{name} begins\n")).await;
        }
        pod.gate.open();
        for (client, ..) in &mut clients {
            client.until("the end\n").await;
        }
    });
}

#[test]
fn only_requests_of_the_program_that_stands_wait() {
    with_ada(|pod| async move {
        let mut waiting = pod.client().await;
        waiting.send(&get("/hang", ADA)).await;
        // An upload that nobody reads fills what is bounded, and no more.
        let mut uploading = pod.client().await;
        let upload = async {
            uploading
                .send(&format!("POST /stop-reading HTTP/1.1\r\nHost: pod\r\n{ADA}Content-Length: 8000000\r\n\r\n"))
                .await;
            uploading.send(&"x".repeat(8_000_000)).await;
        };
        let others = async {
            for round in 0..20 {
                let mut other = pod.client().await;
                assert_eq!(other.ask(&get("/o", BOB)).await, "200 OK: original GET /o", "{round}");
            }
            pod.gate.open();
        };
        tokio::join!(upload, others);
        assert_eq!(waiting.answer().await, "200 OK: ada GET /hang");
        assert_eq!(uploading.answer().await, "200 OK: ada POST /stop-reading 8000000 bytes");
    });
}

#[test]
fn requests_in_flight_are_told_of_the_sessions_end_and_later_ones_are_the_targets() {
    in_pod(|| async move {
        let mut pod = Pod::new("0.0.0.0:8080").await;
        let ada = pod.developer("ada", header("^x-user: ada$")).await;
        let (mut waiting, mut idle, mut begun) = (pod.client().await, pod.client().await, pod.client().await);
        assert_eq!(idle.ask(&get("/", ADA)).await, "200 OK: ada GET /");
        waiting.send(&get("/hang", ADA)).await;
        begun.send(&get("/endless", ADA)).await;
        begun.until("ada begins\n").await;
        tokio::time::sleep(Duration::from_millis(100)).await; // the program has the request now
        ada.ended.cancel();
        let answer = waiting.answer().await;
        assert!(answer.starts_with("502 Bad Gateway: mirrord: ") && answer.contains("ada"), "{answer}");
        assert!(answer.contains("session ended"), "{answer}");
        // Half an answer must not look like a whole one.
        assert_eq!(begun.end().await.trim_start_matches("\r\n"), "ConnectionReset");
        drop(ada);
        for client in [&mut waiting, &mut idle] {
            assert_eq!(client.ask(&get("/later", ADA)).await, "200 OK: original GET /later");
        }
    });
}

#[test]
fn what_no_session_takes_is_the_targets() {
    in_pod(|| async {
        let mut pod = Pod::new("0.0.0.0:8080").await;
        let mut declining = session("declines");
        declining.subscriber.filter = Some(Arc::new(Filter::compile(header("^x-user: ada$")).expect("compiles")));
        let ended = declining.subscriber.ended.clone();
        let _subscription = pod.stealer.subscribe(8080, declining.subscriber).await.expect("permitted");
        let mut arriving = declining.arriving;
        pod.tasks.spawn(async move {
            let (_, mut stream) = arriving.next().await.expect("arrives");
            stream.write_message(&protocol::incoming::Verdict::PassThrough).await.expect("open");
            let _held = arriving.next().await.expect("arrives");
            std::future::pending::<()>().await;
        });
        let mut client = pod.client().await;
        let upload = format!("POST /u HTTP/1.1\r\nHost: pod\r\n{ADA}Content-Length: 2\r\n\r\nhi");
        assert_eq!(client.ask(&upload).await, "200 OK: original POST /u hi");
        // The session ends before it has said anything.
        client.send(&get("/v", ADA)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        ended.cancel();
        assert_eq!(client.answer().await, "200 OK: original GET /v");
    });
}

#[test]
fn the_oldest_filter_that_matches_wins_and_probes_are_nobodys() {
    in_pod(|| async {
        let mut pod = Pod::new("0.0.0.0:8080").await;
        let ada = pod.developer("ada", header("^x-user: ada$")).await;
        let mut client = pod.client().await;
        assert_eq!(client.ask(&get("/b", BOB)).await, "200 OK: original GET /b");
        // Connections that are there already learn of a new session.
        let _bob = pod.developer("bob", header("^x-user: (ada|bob)$")).await;
        assert_eq!(client.ask(&get("/a", ADA)).await, "200 OK: ada GET /a");
        assert_eq!(client.ask(&get("/b", BOB)).await, "200 OK: bob GET /b");
        drop(ada);
        assert_eq!(client.ask(&get("/a", ADA)).await, "200 OK: bob GET /a");

        let greedy = session("eve").subscriber;
        let refused = pod.stealer.subscribe(8080, greedy).await.map(drop);
        assert_eq!(refused, Err(SubscribeError::Taken { owner: "bob".to_owned(), filtered: true }));
        let _whole = pod.stealer.subscribe(8099, session("eve").subscriber).await.expect("permitted");
        let mut late = session("bob").subscriber;
        late.filter = Some(Arc::new(Filter::compile(header("x")).expect("compiles")));
        let refused = pod.stealer.subscribe(8099, late).await.map(drop);
        assert_eq!(refused, Err(SubscribeError::Taken { owner: "eve".to_owned(), filtered: false }));

        let mut sparing = session("kim");
        sparing.subscriber.filter = Some(Arc::new(Filter::compile(header("^host: pod$")).expect("compiles")));
        sparing.subscriber.spared.any = true;
        let Session { subscriber, program: _program, arriving } = sparing;
        let _kim = pod.stealer.subscribe(8080, subscriber).await.expect("permitted");
        serve_session(arriving, Named { name: "kim", gate: pod.gate.clone() }, &mut pod.tasks);
        assert_eq!(client.ask(&get("/k", "")).await, "200 OK: kim GET /k");
        let probe = get("/healthz", "User-Agent: kube-probe/1.34\r\n");
        assert_eq!(client.ask(&probe).await, "200 OK: original GET /healthz");
    });
}
