use link::Accept;
use protocol::{
    control::StreamHead,
    incoming::{Incoming, Mode, Verdict},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

use super::*;
use crate::{
    incoming::session_pair::{Session, session},
    namespace::{Outside, POD, ask, in_pod, original_program},
    target::{Search, Target},
};

/// The local program: gives this verdict for every connection, and answers with its address and what the client sent.
fn local_program(mut arriving: Accept, verdict: Option<Verdict>, tasks: &mut JoinSet<()>) {
    tasks.spawn(async move {
        let mut held = Vec::new();
        while let Some((head, mut stream)) = arriving.next().await {
            let StreamHead::Incoming(Incoming { port, mode: Mode::Steal, local, .. }) = head else {
                panic!("not a stolen connection: {head:?}");
            };
            assert_eq!(port, local.port());
            match verdict {
                None => held.push(stream),
                Some(verdict) => {
                    stream.write_message(&verdict).await.expect("open");
                    let mut question = String::new();
                    if verdict == Verdict::Accepted {
                        stream.read_to_string(&mut question).await.expect("open");
                        stream
                            .write_all(format!("stolen at {}: {question}", local.ip()).as_bytes())
                            .await
                            .expect("open");
                        stream.shutdown().await.expect("open");
                    }
                }
            }
        }
    });
}

/// Runs a test with each means of stealing.
fn with_each_means<F: Future<Output = ()> + 'static>(test: fn(Choice, Stealer) -> F) {
    for choice in [Choice::Best, Choice::NftablesOnly] {
        in_pod(move || async move {
            let end = CancellationToken::new();
            test(choice, Stealer::new(choice, Insiders::Nobody, end.clone())).await;
            end.cancel();
        });
    }
}

fn means(choice: Choice) -> Means {
    match choice {
        Choice::Best => Means::SkLookup,
        Choice::NftablesOnly => Means::Nftables,
    }
}

#[test]
fn connections_come_to_the_session_and_go_back_with_the_subscription() {
    with_each_means(|choice, stealer| async move {
        let mut tasks = JoinSet::new();
        let original = original_program("[::]:8080", &mut tasks).await;
        let outside = Outside::join();
        let (v4, v6, pod) = ("127.0.0.1:8080", "[::1]:8080", format!("{POD}:8080"));
        let [v4, v6, pod] = [v4, v6, &pod].map(|text| text.parse::<SocketAddr>().expect("an address"));
        assert_eq!(ask(v4, "a").await, "original: a");

        let Session { subscriber, program: _program, arriving } = session("ada@laptop");
        local_program(arriving, Some(Verdict::Accepted), &mut tasks);
        let subscription = stealer.subscribe(original.port(), subscriber).await.expect("permitted");
        assert_eq!(subscription.means(), means(choice));
        assert_eq!(ask(v4, "b").await, "stolen at 127.0.0.1: b");
        assert_eq!(ask(v6, "c").await, "stolen at ::1: c");
        assert_eq!(ask(pod, "d").await, format!("stolen at {POD}: d"));
        assert_eq!(outside.ask(pod, "e").await, format!("stolen at {POD}: e"));

        let other = session("bob@desk");
        let refused = stealer.subscribe(original.port(), other.subscriber).await;
        assert_eq!(refused.map(drop), Err(SubscribeError::Taken { owner: "ada@laptop".to_owned(), filtered: false }));

        drop(subscription);
        assert_eq!(ask(v4, "f").await, "original: f");
        assert_eq!(ask(v6, "g").await, "original: g");
        assert_eq!(outside.ask(pod, "h").await, "original: h");
    });
}

#[test]
fn what_the_session_does_not_take_goes_to_the_original_program() {
    with_each_means(|_, stealer| async move {
        for at in ["0.0.0.0:8081", "[::1]:8082", "127.0.0.1:8083", "127.5.5.5:8084"] {
            let mut tasks = JoinSet::new();
            let original = original_program(at, &mut tasks).await;
            let to = SocketAddr::new(
                if original.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { original.ip() },
                original.port(),
            );
            let declining = session("declines");
            local_program(declining.arriving, Some(Verdict::PassThrough), &mut tasks);
            let subscription = stealer.subscribe(original.port(), declining.subscriber).await.expect("permitted");
            assert_eq!(ask(to, "declined").await, "original: declined", "{at}");
            // More than is kept for a replay: the rest waits in the kernel.
            let long = "x".repeat(300_000);
            assert_eq!(ask(to, &long).await.len(), long.len() + "original: ".len(), "{at}");
            drop(subscription);

            let dying = session("dies");
            local_program(dying.arriving, None, &mut tasks);
            let subscription = stealer.subscribe(original.port(), dying.subscriber.clone()).await.expect("permitted");
            let (answer, ()) = tokio::join!(ask(to, "orphan"), async {
                tokio::time::sleep(Duration::from_millis(50)).await; // the session holds the connection now
                dying.subscriber.ended.cancel();
            });
            assert_eq!(answer, "original: orphan", "{at}");
            dying.program.abort();
            assert_eq!(ask(to, "dead link").await, "original: dead link", "{at}");
            drop(subscription);
        }
    });
}

#[test]
fn accepted_connections_are_reset_when_the_session_is_lost() {
    with_each_means(|_, stealer| async move {
        let mut session = session("ada@laptop");
        let ended = session.subscriber.ended.clone();
        // Nobody listens: a developer may write the very first version of a service.
        let _subscription = stealer.subscribe(8090, session.subscriber).await.expect("permitted");
        let mut tcp = TcpStream::connect("127.0.0.1:8090").await.expect("we listen");
        let (_, mut stream) = session.arriving.next().await.expect("arrives");
        stream.write_message(&Verdict::Accepted).await.expect("open");
        stream.write_all(b"hello").await.expect("open");
        let mut hello = [0; 5];
        tcp.read_exact(&mut hello).await.expect("relayed");
        ended.cancel();
        let error = tcp.read(&mut hello).await.expect_err("reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn probes_stay_with_the_original_program() {
    with_each_means(|_, stealer| async move {
        let mut tasks = JoinSet::new();
        let original = original_program("127.0.0.1:8085", &mut tasks).await;
        let mut session = session("ada@laptop");
        session.subscriber.spared.any = true;
        local_program(session.arriving, Some(Verdict::Accepted), &mut tasks);
        let _subscription = stealer.subscribe(original.port(), session.subscriber).await.expect("permitted");
        let probe = "GET /healthz HTTP/1.1\r\nHost: pod\r\nUser-Agent: kube-probe/1.34\r\n\r\n";
        assert_eq!(ask(original, probe).await, format!("original: {probe}"));
        let request = "GET / HTTP/1.1\r\nHost: pod\r\n\r\n";
        assert_eq!(ask(original, request).await, format!("stolen at 127.0.0.1: {request}"));
        assert_eq!(ask(original, "GE").await, "stolen at 127.0.0.1: GE");
        assert_eq!(ask(original, "").await, "original: ");
    });
}

#[test]
fn a_container_that_asks_itself_gets_its_own_answer() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        let original = original_program("127.0.0.1:8089", &mut tasks).await;
        // Of this thread, whose network is the pod's.
        let pid = nix::unistd::gettid().as_raw().unsigned_abs();
        let target = Target::find(Search { pid, container: None }).expect("we exist");
        let end = CancellationToken::new();
        let stealer = Stealer::new(Choice::Best, Insiders::Of(Arc::new(target)), end.clone());
        let mut session = session("ada@laptop");
        session.subscriber.spared.any = true;
        local_program(session.arriving, Some(Verdict::Accepted), &mut tasks);
        let _subscription = stealer.subscribe(original.port(), session.subscriber).await.expect("permitted");
        let request = "GET / HTTP/1.1\r\nHost: pod\r\n\r\n";
        assert_eq!(ask(original, request).await, format!("original: {request}"));
        end.cancel();
    });
}

#[test]
fn the_agents_own_listeners_serve_nobody() {
    with_each_means(|_, stealer| async move {
        let session = session("ada@laptop");
        let _subscription = stealer.subscribe(8086, session.subscriber).await.expect("permitted");
        let port = {
            let state = stealer.shared.lock();
            let listeners = state.active.as_ref().expect("in force").steering.listeners();
            listeners.v4.local_addr().expect("bound").port()
        };
        let to = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        assert_eq!(ask(to, "let me in").await, "ConnectionReset");
    });
}

#[test]
fn a_second_agent_is_told_that_the_port_is_taken() {
    in_pod(|| async {
        let (first, second) = (session("first"), session("second"));
        let end = CancellationToken::new();
        let _held = Stealer::new(Choice::Best, Insiders::Nobody, end.clone())
            .subscribe(8087, first.subscriber)
            .await
            .expect("permitted");
        let rival = Stealer::new(Choice::Best, Insiders::Nobody, end.clone());
        let refused = rival.subscribe(8087, second.subscriber.clone()).await;
        assert_eq!(refused.map(drop), Err(SubscribeError::OtherAgent));
        assert!(rival.subscribe(8088, second.subscriber).await.is_ok());
    });
}
