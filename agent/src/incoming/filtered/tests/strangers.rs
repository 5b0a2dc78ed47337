//! What is no HTTP, or none that we can read, is the original program's from the first byte on.

use std::time::Instant;

use super::*;
use crate::namespace::{ask, original_program};

/// An original program that echoes, and ada's filter, which would match everything.
async fn echoing() -> (Pod, Developer) {
    let mut pod = Pod::new("127.0.0.1:8081").await;
    pod.original = original_program("127.0.0.1:8080", &mut pod.tasks).await;
    let ada = pod.developer("ada", header("")).await;
    (pod, ada)
}

/// An original program that treats its first connection so, and ada's filter as above.
async fn playing<F>(game: impl FnOnce(TcpStream) -> F + Send + 'static) -> (Pod, Developer)
where
    F: Future<Output = ()> + Send,
{
    let mut pod = Pod::new("127.0.0.1:8081").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await.expect("free");
    pod.original = listener.local_addr().expect("bound");
    pod.tasks.spawn(async move {
        let (tcp, _) = listener.accept().await.expect("accepts");
        game(tcp).await;
    });
    let ada = pod.developer("ada", header("")).await;
    (pod, ada)
}

#[test]
fn other_protocols_and_unreadable_requests_go_to_the_original_program_whole() {
    in_pod(|| async {
        let (pod, _ada) = echoing().await;
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(100_000));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
        for text in [
            "\u{16}\u{3}\u{1}hello",
            "EHLO example.org\r\n",
            "*1\r\n$4\r\nPING\r\n",
            "ruok",
            "",
            "GET",
            "GET / HTTP/1.1\r\nfolded: a\r\n b\r\n\r\n",
            "GET / HTTP/7.7\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nXX",
            &endless,
            &many,
        ] {
            let begun = Instant::now();
            assert_eq!(ask(pod.original, text).await, format!("original: {text}"));
            assert!(begun.elapsed() < Duration::from_millis(400), "{text:.40}: {:?}", begun.elapsed());
        }
    });
}

#[test]
fn a_word_that_may_be_a_method_is_waited_for_no_longer_than_silence() {
    in_pod(|| async {
        let (pod, _ada) = playing(|mut tcp| async move {
            let mut word = [0; 4];
            tcp.read_exact(&mut word).await.expect("open");
            assert_eq!(&word, b"ruok");
            tcp.write_all(b"imok\n").await.expect("open");
        })
        .await;
        let mut client = pod.client().await;
        let begun = Instant::now();
        client.send("ruok").await; // and waits, without having finished
        assert_eq!(client.until("\n").await, "imok\n");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    });
}

#[test]
fn a_server_that_speaks_first_is_heard() {
    in_pod(|| async {
        let (pod, _ada) = playing(|mut tcp| async move {
            tcp.write_all(b"220 welcome\n").await.expect("open");
            let mut word = [0; 4];
            tcp.read_exact(&mut word).await.expect("open");
            tcp.write_all(&[&word[..], b"\n"].concat()).await.expect("open");
        })
        .await;
        let mut client = pod.client().await;
        let begun = Instant::now();
        assert_eq!(client.until("\n").await, "220 welcome\n");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        // Even if what follows looks like HTTP.
        client.send("GET ").await;
        assert_eq!(client.until("\n").await, "GET \n");
    });
}

#[test]
fn a_client_that_connects_long_before_it_asks_is_filtered_all_the_same() {
    in_pod(|| async {
        let mut pod = Pod::new("0.0.0.0:8080").await;
        let _ada = pod.developer("ada", header("^x-user: ada$")).await;
        let mut client = pod.client().await;
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(client.ask(&get("/a", ADA)).await, "200 OK: ada GET /a");
        assert_eq!(client.ask(&get("/o", "")).await, "200 OK: original GET /o");
        // A head in pieces, and one that is typed.
        for piece in ["GE", "T /slow HTTP/1.1\r\nHo", "st: pod\r\nX-User: ada\r\n"] {
            client.send(piece).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(client.ask("\r\n").await, "200 OK: ada GET /slow");
    });
}

#[test]
fn a_second_request_that_cannot_be_read_ends_the_connection() {
    in_pod(|| async {
        let mut pod = Pod::new("0.0.0.0:8080").await;
        let _ada = pod.developer("ada", header("^x-user: ada$")).await;
        let mut client = pod.client().await;
        assert_eq!(client.ask(&get("/a", ADA)).await, "200 OK: ada GET /a");
        client.send("nonsense\r\n\r\n").await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
    });
}

#[test]
fn where_nobody_listens_the_client_sees_a_reset() {
    in_pod(|| async {
        let mut pod = Pod::new("127.0.0.1:8081").await;
        pod.original.set_port(8080);
        let _ada = pod.developer("ada", header("^x-user: ada$")).await;
        let mut client = pod.client().await;
        // The very first version of a service has nobody behind it.
        assert_eq!(client.ask(&get("/a", ADA)).await, "200 OK: ada GET /a");
        client.send(&get("/b", "")).await;
        assert_eq!(client.end().await, "ConnectionReset");
    });
}
