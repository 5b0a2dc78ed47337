//! The port-forward's framing, against a WebSocket in the same process.

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;

type Kubelet = WebSocketStream<DuplexStream>;

const PORT: u16 = 0x4e21;

/// A forward, and the other end of its WebSocket, which holds at most `room` bytes.
async fn pair(room: usize) -> (Forward<DuplexStream>, Kubelet) {
    let (ours, theirs) = tokio::io::duplex(room);
    (Forward::over(ours, PORT).await, WebSocketStream::from_raw_socket(theirs, Role::Server, None).await)
}

fn binary(channel: u8, bytes: &[u8]) -> Message {
    Message::Binary([&[channel], bytes].concat().into())
}

async fn greet(kubelet: &mut Kubelet) {
    for channel in [DATA, ERROR] {
        kubelet.send(binary(channel, &PORT.to_le_bytes())).await.expect("an open socket");
    }
}

/// Data that arrives until there is none for now; answers nothing.
async fn message(kubelet: &mut Kubelet) -> Vec<u8> {
    match kubelet.next().await {
        Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
        other => panic!("not a message: {other:?}"),
    }
}

#[tokio::test]
async fn data_passes_without_ports_and_channels() {
    let (mut forward, mut kubelet) = pair(1 << 20).await;
    greet(&mut kubelet).await;
    kubelet.send(binary(DATA, b"hello")).await.expect("an open socket");
    let mut read = [0; 5];
    forward.read_exact(&mut read).await.expect("data");
    assert_eq!(&read, b"hello");
    forward.write_all(b"wor").await.expect("room");
    forward.write_all(b"ld").await.expect("room");
    forward.flush().await.expect("an open socket");
    assert_eq!(message(&mut kubelet).await, b"\0world", "one message for all that was written before a flush");
}

#[tokio::test]
async fn much_data_leaves_in_large_messages() {
    let (mut forward, mut kubelet) = pair(1 << 16).await;
    let sent: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let expected = sent.clone();
    let writing = async move {
        forward.write_all(&sent).await.expect("an open socket");
        forward.shutdown().await.expect("an open socket");
        forward
    };
    let reading = async {
        let (mut all, mut messages) = (Vec::new(), 0);
        while let Some(Ok(Message::Binary(bytes))) = kubelet.next().await {
            assert!(bytes.len() <= MESSAGE_LIMIT && bytes[0] == DATA);
            all.extend_from_slice(&bytes[1..]);
            messages += 1;
        }
        (all, messages)
    };
    let (_, (all, messages)) = tokio::join!(writing, reading);
    assert!(all == expected && messages <= 1_000_000 / MESSAGE_LIMIT + 1, "{messages} messages");
}

#[tokio::test]
async fn a_refusal_is_the_error_of_the_read() {
    let (mut forward, mut kubelet) = pair(1 << 16).await;
    greet(&mut kubelet).await;
    let text = b"error forwarding port 20001: dial tcp4 127.0.0.1:20001: connect: connection refused";
    kubelet.send(binary(ERROR, text)).await.expect("an open socket");
    let error = forward.read_u8().await.expect_err("refused");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(error.to_string().ends_with("connect: connection refused"), "{error}");
}

#[tokio::test]
async fn the_end_of_the_stream_and_a_cut_differ() {
    let (mut forward, mut kubelet) = pair(1 << 16).await;
    greet(&mut kubelet).await;
    kubelet.send(binary(DATA, b"last")).await.expect("an open socket");
    kubelet.close(None).await.expect("an open socket");
    let mut all = Vec::new();
    forward.read_to_end(&mut all).await.expect("a clean end");
    assert_eq!(all, b"last");

    let (mut forward, kubelet) = pair(1 << 16).await;
    drop(kubelet);
    let error = forward.read_u8().await.expect_err("cut");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn messages_that_are_none_are_errors() {
    for wrong in
        [binary(7, b"x"), Message::Binary(Bytes::new()), binary(DATA, &[1, 2]), binary(DATA, &[1]), Message::text("x")]
    {
        let (mut forward, mut kubelet) = pair(1 << 16).await;
        kubelet.send(wrong.clone()).await.expect("an open socket");
        let error = forward.read_u8().await.expect_err("nonsense");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{wrong:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_is_kept_alive() {
    let (mut forward, mut kubelet) = pair(1 << 16).await;
    greet(&mut kubelet).await;
    let pings = async {
        let mut pings = 0;
        while pings < 3 {
            if let Some(Ok(Message::Ping(_))) = kubelet.next().await {
                pings += 1;
            }
        }
    };
    let begun = tokio::time::Instant::now();
    tokio::select! {
        read = forward.read_u8() => panic!("nothing was sent: {read:?}"),
        () = pings => {}
    }
    assert_eq!(begun.elapsed(), 3 * KEEP_ALIVE);
}

#[tokio::test]
async fn reading_and_writing_do_not_wait_for_each_other() {
    let (forward, mut kubelet) = pair(1 << 12).await;
    greet(&mut kubelet).await;
    let (mut reader, mut writer) = tokio::io::split(forward);
    // Echo, with both directions full all the time.
    let echo = async {
        while let Some(Ok(message)) = kubelet.next().await {
            if message.is_binary() && kubelet.send(message).await.is_err() {
                break;
            }
        }
    };
    let sent = vec![7_u8; 600_000];
    let write = async {
        for part in sent.chunks(1_000) {
            writer.write_all(part).await.expect("an open socket");
            writer.flush().await.expect("an open socket");
        }
    };
    let mut all = vec![0; sent.len()];
    let read = reader.read_exact(&mut all);
    let both = async { tokio::join!(write, read) };
    tokio::select! {
        ((), read) = both => drop(read.expect("all of it")),
        () = echo => panic!("the socket ended"),
    }
    assert!(all == sent);
}
