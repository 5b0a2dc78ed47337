//! Two ends of a link in one process: what one sends the other receives, whatever goes wrong in between.

use std::time::Duration;

use link::{Accept, CloseReason, Identity, Link, Role, Stream, tls};
use protocol::{
    Errno,
    control::StreamHead,
    frame::{Header, Kind, WINDOW_TO_AGENT},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn head() -> StreamHead {
    StreamHead::Operation(vec![1, 2, 3])
}

/// A session's and an agent's end over an in-memory pipe.
fn pair() -> ((Link, Accept), (Link, Accept)) {
    let (left, right) = tokio::io::duplex(64 * 1024);
    (Link::start(left, Role::Session, b"session".to_vec()), Link::start(right, Role::Agent, b"agent".to_vec()))
}

async fn stream_pair(session: &Link, agent: &mut Accept) -> (Stream, Stream) {
    let ours = session.open(&head()).expect("open link");
    let (theirs_head, theirs) = agent.next().await.expect("the stream arrives");
    assert_eq!(theirs_head, head());
    (ours, theirs)
}

#[tokio::test]
async fn tls_lets_only_the_pinned_keys_in() {
    let (session, agent, stranger) = (Identity::generate(), Identity::generate(), Identity::generate());
    let (session, agent, stranger) = (session.expect("key"), agent.expect("key"), stranger.expect("key"));
    for (client, allowed, pinned, works) in [
        (&session, &session, None, true),
        (&session, &session, Some(&agent), true),
        (&stranger, &session, None, false),
        (&session, &session, Some(&stranger), false),
    ] {
        let (left, right) = tokio::io::duplex(64 * 1024);
        let accept = tls::accept(right, &agent, allowed.public_key());
        let connect = async {
            let (mut stream, key) = tls::connect(left, client, pinned.map(Identity::public_key)).await?;
            assert_eq!(&key, agent.public_key());
            // In TLS 1.3 the client is done before the server has judged it: only a byte of the server's tells.
            stream.read_u8().await.map_err(tls::Error::Handshake)?;
            Ok::<_, tls::Error>(())
        };
        let accept = async {
            let mut stream = accept.await?;
            stream.write_u8(1).await.map_err(tls::Error::Handshake)?;
            stream.flush().await.map_err(tls::Error::Handshake)?;
            Ok::<_, tls::Error>(stream)
        };
        let (connected, accepted) = tokio::join!(connect, accept);
        assert_eq!(connected.is_ok() && accepted.is_ok(), works, "{connected:?} {:?}", accepted.err());
    }
}

#[tokio::test]
async fn greetings_and_messages_arrive() {
    let ((session, mut from_agent), (_agent, mut from_session)) = pair();
    assert_eq!(from_session.peer_hello().await, Ok(b"session".to_vec()));
    assert_eq!(from_agent.peer_hello().await, Ok(b"agent".to_vec()));
    let (mut ours, mut theirs) = stream_pair(&session, &mut from_session).await;
    ours.write_message(&"question".to_owned()).await.expect("sent");
    assert_eq!(theirs.read_message::<String>().await.expect("received"), "question");
    assert_eq!(session.counters().opened, 1);
}

#[tokio::test]
async fn bulk_passes_both_ways_and_half_close_is_kept() {
    const LEN: usize = 8 * 1024 * 1024; // many windows
    let ((session, _a), (_b, mut from_session)) = pair();
    let (mut ours, mut theirs) = stream_pair(&session, &mut from_session).await;
    let echo = async {
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).await.expect("read");
        theirs.write_all(&all).await.expect("write");
        theirs.shutdown().await.expect("finish");
        drop(theirs);
    };
    let bytes: Vec<u8> = (0..LEN).map(|i| u8::try_from(i % 251).expect("small")).collect();
    let ask = async {
        ours.write_all(&bytes).await.expect("write");
        ours.shutdown().await.expect("finish");
        let mut answer = Vec::new();
        ours.read_to_end(&mut answer).await.expect("read");
        answer
    };
    let ((), answer) = tokio::join!(echo, ask);
    assert!(answer == bytes);
}

#[tokio::test]
async fn a_reader_that_sleeps_stops_only_its_own_stream() {
    let ((session, _a), (_b, mut from_session)) = pair();
    let (mut slow, _unread) = stream_pair(&session, &mut from_session).await;
    let (mut quick, mut read) = stream_pair(&session, &mut from_session).await;
    let flood = vec![0; 4 * WINDOW_TO_AGENT as usize];
    let stuck = tokio::time::timeout(Duration::from_millis(200), slow.write_all(&flood)).await;
    assert!(stuck.is_err(), "the window holds the writer back");
    quick.write_message(&7_u32).await.expect("sent");
    assert_eq!(read.read_message::<u32>().await.expect("received"), 7);
}

#[tokio::test]
async fn resets_carry_their_errno_and_dropping_resets() {
    let ((session, _a), (_b, mut from_session)) = pair();
    let (mut ours, theirs) = stream_pair(&session, &mut from_session).await;
    theirs.reset(Errno::ECONNREFUSED);
    let error = ours.read_u8().await.expect_err("reset");
    assert_eq!(error.raw_os_error(), Some(111));
    let (mut ours, theirs) = stream_pair(&session, &mut from_session).await;
    drop(theirs);
    let error = ours.read_u8().await.expect_err("dropped");
    assert_eq!(error.raw_os_error(), Some(104));
}

#[tokio::test]
async fn whoever_works_for_a_stream_learns_that_it_was_reset() {
    let ((session, _a), (_b, mut from_session)) = pair();
    let (mut ours, mut theirs) = stream_pair(&session, &mut from_session).await;
    ours.shutdown().await.expect("finish");
    let early = tokio::time::timeout(Duration::from_millis(50), theirs.reset_by_peer()).await;
    assert!(early.is_err(), "finished is not reset");
    ours.reset(Errno::ETIMEDOUT);
    assert_eq!(theirs.reset_by_peer().await, Errno::ETIMEDOUT);
    let (_ours, mut theirs) = stream_pair(&session, &mut from_session).await;
    session.abort();
    assert_eq!(theirs.reset_by_peer().await, Errno(103), "the link is gone");
}

#[tokio::test]
async fn the_end_of_a_link_reaches_every_stream_with_its_reason() {
    let ((session, _a), (agent, mut from_session)) = pair();
    let (mut ours, _theirs) = stream_pair(&session, &mut from_session).await;
    agent.goodbye("time to go").await;
    assert_eq!(session.closed().await, CloseReason::Goodbye("time to go".to_owned()));
    ours.read_u8().await.expect_err("gone");
    assert!(session.open(&head()).is_err());
}

#[tokio::test]
async fn dropping_all_handles_closes_the_connection() {
    let ((session, accept), (agent, _b)) = pair();
    drop((session, accept));
    assert!(matches!(agent.closed().await, CloseReason::Broken(_)));
}

/// Bytes that no peer of ours sends.
#[tokio::test]
async fn a_peer_that_breaks_the_protocol_is_cut_off() {
    let frame = |kind, stream, payload: &[u8]| {
        let len = u32::try_from(payload.len()).expect("small");
        [&Header { kind, stream, len }.encode()[..], payload].concat()
    };
    let hello = frame(Kind::Hello, 0, b"x");
    let open = frame(Kind::Open, 1, &protocol::codec::encode(&head()).expect("small"));
    for (name, bytes) in [
        ("no greeting", frame(Kind::Ping, 0, &[0; 8])),
        ("unknown kind", [&hello[..], &[200; 9]].concat()),
        ("even stream", [&hello[..], &frame(Kind::Open, 2, b"")].concat()),
        ("nonsense head", [&hello[..], &frame(Kind::Open, 1, &[255; 20])].concat()),
        ("stream twice", [&hello[..], &open, &open].concat()),
        ("data after end", [&hello[..], &open, &frame(Kind::Finish, 1, b""), &frame(Kind::Data, 1, b"x")].concat()),
        (
            "beyond the window",
            [
                &hello[..],
                &open,
                &frame(Kind::Data, 1, &vec![0; 64 * 1024]).repeat(WINDOW_TO_AGENT as usize / 65_536 + 1),
            ]
            .concat(),
        ),
        ("endless credit", [&hello[..], &open, &frame(Kind::Credit, 1, &u32::MAX.to_le_bytes()).repeat(2)].concat()),
    ] {
        let (mut left, right) = tokio::io::duplex(4 * 1024 * 1024);
        let (agent, mut accept) = Link::start(right, Role::Agent, Vec::new());
        left.write_all(&bytes).await.expect("room in the pipe");
        let keep = async {
            let mut streams = Vec::new();
            while let Some(stream) = accept.next().await {
                streams.push(stream);
            }
        };
        let (reason, ()) = tokio::join!(agent.closed(), keep);
        assert!(matches!(reason, CloseReason::Violation(_)), "{name}: {reason}");
    }
}

proptest::proptest! {
    /// Whatever arrives, the link neither panics nor hangs once the connection ends.
    #[test]
    fn any_bytes_end_in_a_reason(bytes: Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (mut left, right) = tokio::io::duplex(1024 * 1024);
            let (agent, _accept) = Link::start(right, Role::Agent, Vec::new());
            left.write_all(&bytes).await.expect("room in the pipe");
            drop(left);
            tokio::time::timeout(Duration::from_secs(5), agent.closed()).await.expect("no hang");
        });
    }
}
