//! Bytes that no editor sends, in pieces that no pipe makes: reading ends in messages or in an error, and takes no memory
//! for what was only announced.

use bytes::BytesMut;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use tokio_util::codec::{Decoder as _, Encoder as _};

use super::{BODY_LIMIT, Frames, HEADER_LIMIT};

/// Memory beyond what has arrived: room for the next read, twice over as buffers grow.
const SLACK: usize = 2 * 64 * 1024;

/// What comes out of `input`, cut at `cuts`: messages, and how it ends.
fn read(input: &[u8], cuts: &[Index]) -> (Vec<Value>, Result<(), String>) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
    cuts.extend([0, input.len()]);
    cuts.sort_unstable();
    let (mut frames, mut buffer, mut messages) = (Frames::default(), BytesMut::new(), Vec::new());
    for piece in cuts.windows(2) {
        buffer.extend_from_slice(&input[piece[0]..piece[1]]);
        loop {
            match frames.decode(&mut buffer) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error.to_string())),
            }
        }
        let waiting = buffer.len();
        assert!(waiting < HEADER_LIMIT + BODY_LIMIT, "{waiting} bytes are kept");
        assert!(buffer.capacity() <= 2 * input.len() + SLACK, "{} bytes for {}", buffer.capacity(), input.len());
    }
    match frames.decode_eof(&mut buffer) {
        Ok(last) => messages.extend(last),
        Err(error) => return (messages, Err(error.to_string())),
    }
    (messages, Ok(()))
}

/// Pieces of frames, right and wrong, with a length that is as often as not another than that of what follows.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"Content-Length: ".to_vec()),
        Just(b"content-length:".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"{}".to_vec()),
        Just(b"Content-Length: 2\r\n\r\n[]".to_vec()),
        (0..40_u64).prop_map(|length| length.to_string().into_bytes()),
        any::<u64>().prop_map(|length| format!("Content-Length: {length}\r\n\r\n").into_bytes()),
        (0..=BODY_LIMIT).prop_map(|length| format!("Content-Length: {length}\r\n\r\n").into_bytes()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// A message as editors send them.
fn message() -> impl Strategy<Value = Value> {
    (any::<i64>(), any::<String>(), prop::collection::vec(any::<String>(), 0..4)).prop_map(
        |(seq, command, words)| json!({"seq": seq, "type": "request", "command": command, "arguments": words}),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused_however_they_arrive(
        input in prop_oneof![pieces(), any::<Vec<u8>>()],
        cuts in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let whole = read(&input, &[]);
        prop_assert_eq!(read(&input, &cuts), whole);
    }

    #[test]
    fn messages_are_read_as_they_were_written_however_they_arrive(
        messages in prop::collection::vec(message(), 0..6),
        cuts in prop::collection::vec(any::<Index>(), 0..24),
        cut_off in any::<Index>(),
    ) {
        let mut written = BytesMut::new();
        for message in &messages {
            Frames::default().encode(message, &mut written).expect("a message is JSON");
        }
        prop_assert_eq!(read(&written, &cuts), (messages.clone(), Ok(())));
        // A stream that ends too early gives the messages before its end, and no other.
        let (early, _) = read(&written[..cut_off.index(written.len() + 1)], &cuts);
        prop_assert_eq!(&messages[..early.len()], &early[..]);
    }
}

#[test]
fn a_length_alone_takes_no_memory() {
    let announced = format!("Content-Length: {BODY_LIMIT}\r\n\r\n");
    let (messages, ended) = read(announced.as_bytes(), &[]);
    assert_eq!((messages, ended), (Vec::new(), Err("the stream ended in the middle of a message".to_owned())));
}
