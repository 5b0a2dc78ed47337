use link::{Accept, Stream};
use protocol::{
    control::StreamHead,
    incoming::{Incoming, Mode, Verdict},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::*;
use crate::{
    incoming::session_pair::session,
    namespace::{Outside, POD, ask, in_pod, original_program},
};

fn mirror() -> Mirror {
    Mirror::new(CancellationToken::new())
}

/// The next copy that arrives, accepted.
async fn next_copy(arriving: &mut Accept) -> (Incoming, Stream) {
    let (head, mut stream) = arriving.next().await.expect("the session lives");
    let StreamHead::Incoming(incoming) = head else { panic!("not a connection: {head:?}") };
    assert_eq!(incoming.mode, Mode::Mirror);
    stream.write_message(&Verdict::Accepted).await.expect("open");
    (incoming, stream)
}

async fn copied(arriving: &mut Accept) -> (SocketAddr, String) {
    let (incoming, mut stream) = next_copy(arriving).await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("ends with FIN");
    (incoming.local, text)
}

#[test]
fn traffic_from_inside_and_outside_is_copied_once_and_the_target_serves() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        original_program("[::]:8080", &mut tasks).await;
        let outside = Outside::join();
        let (mirror, mut session) = (mirror(), session("ada@laptop"));
        let subscription = mirror.subscribe(8080, session.subscriber.clone()).expect("permitted");
        for (address, text) in [
            ("127.0.0.1:8080", "loopback".to_owned()),
            ("[::1]:8080", "v6".to_owned()),
            ("127.0.0.1:8080", "x".repeat(500_000)),
        ] {
            let to: SocketAddr = address.parse().expect("an address");
            let (answer, copy) = tokio::join!(ask(to, &text), copied(&mut session.arriving));
            assert_eq!(answer, format!("original: {text}"));
            assert!(copy == (to, text), "the copy differs: {} bytes", copy.1.len());
        }
        let pod: SocketAddr = format!("{POD}:8080").parse().expect("an address");
        let (answer, copy) = tokio::join!(outside.ask(pod, "from outside"), copied(&mut session.arriving));
        assert_eq!((answer.as_str(), copy), ("original: from outside", (pod, "from outside".to_owned())));

        // Another port, and the same one after the subscription, are nobody's business.
        original_program("127.0.0.1:8081", &mut tasks).await;
        assert_eq!(ask("127.0.0.1:8081".parse().expect("an address"), "other").await, "original: other");
        drop(subscription);
        assert_eq!(ask(pod, "later").await, "original: later");
        let quiet = tokio::time::timeout(Duration::from_millis(200), session.arriving.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    });
}

#[test]
fn several_sessions_and_ports_are_served() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        let ports: Vec<u16> = (9000..9064).collect();
        for port in [9000, 9063] {
            original_program(&format!("127.0.0.1:{port}"), &mut tasks).await;
        }
        let (mirror, mut one, mut two) = (mirror(), session("one"), session("two"));
        let _all: Vec<Subscription> =
            ports.iter().map(|port| mirror.subscribe(*port, one.subscriber.clone()).expect("permitted")).collect();
        let _second = mirror.subscribe(9063, two.subscriber.clone()).expect("permitted");
        assert!(mirror.subscribe(9064, one.subscriber.clone()).is_err(), "one port too many");
        for port in [9000, 9063] {
            let to = SocketAddr::new([127, 0, 0, 1].into(), port);
            let (_, copy) = tokio::join!(ask(to, "a"), copied(&mut one.arriving));
            assert_eq!(copy, (to, "a".to_owned()));
        }
        assert_eq!(copied(&mut two.arriving).await.1, "a");
    });
}

#[test]
fn resets_of_either_side_and_refused_connections_are_told_apart() {
    in_pod(|| async {
        let listener = TcpListener::bind("127.0.0.1:8080").await.expect("free");
        let (mirror, mut session) = (mirror(), session("ada@laptop"));
        let _both = [8080, 8082].map(|port| mirror.subscribe(port, session.subscriber.clone()).expect("permitted"));
        // Nobody listens on 8082: there is no connection to copy.
        assert_eq!(ask("127.0.0.1:8082".parse().expect("an address"), "x").await, "ConnectionRefused");
        for by_client in [true, false] {
            let mut client = TcpStream::connect("127.0.0.1:8080").await.expect("listens");
            let (server, _) = listener.accept().await.expect("accepts");
            client.write_all(b"hello").await.expect("open");
            let (incoming, mut copy) = next_copy(&mut session.arriving).await;
            assert_eq!(incoming.port, 8080);
            let mut hello = [0; 5];
            copy.read_exact(&mut hello).await.expect("copied");
            let (first, _second) = if by_client { (client, server) } else { (server, client) };
            crate::relay::reset(&first);
            drop(first);
            let error = copy.read(&mut hello).await.expect_err("reset");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "by client: {by_client}");
        }
    });
}

#[test]
fn connections_from_before_the_subscription_are_not_copied() {
    in_pod(|| async {
        let listener = TcpListener::bind("127.0.0.1:8080").await.expect("free");
        let mut old = TcpStream::connect("127.0.0.1:8080").await.expect("listens");
        let _server = listener.accept().await.expect("accepts");
        let (mirror, mut session) = (mirror(), session("ada@laptop"));
        let _subscription = mirror.subscribe(8080, session.subscriber.clone()).expect("permitted");
        old.write_all(b"from the middle").await.expect("open");
        let quiet = tokio::time::timeout(Duration::from_millis(200), session.arriving.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    });
}

#[test]
fn a_slow_session_loses_the_copy_and_the_target_notices_nothing() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        let original = original_program("127.0.0.1:8080", &mut tasks).await;
        let (mirror, mut session) = (mirror(), session("ada@laptop"));
        let _subscription = mirror.subscribe(8080, session.subscriber.clone()).expect("permitted");
        let text = "y".repeat(12 * 1024 * 1024);
        let (answer, (_, mut copy)) = tokio::join!(ask(original, &text), next_copy(&mut session.arriving));
        assert_eq!(answer.len(), text.len() + "original: ".len());
        let mut read = Vec::new();
        let error = copy.read_to_end(&mut read).await.expect_err("reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(read.len() < text.len());
        assert!(read.iter().all(|byte| *byte == b'y'));
    });
}
