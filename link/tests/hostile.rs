//! What a hostile peer sends: any bytes, in any pieces, cut off, out of order. A link ends with a reason, panics never,
//! and holds no more memory than its windows allow.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use link::{CloseReason, Link, Role};
use proptest::prelude::*;
use protocol::{
    control::StreamHead,
    frame::{Header, Kind, PAYLOAD_LIMIT, WINDOW_TO_AGENT},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Memory in use, and the most that there was since it was last set.
struct Counting {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[global_allocator]
static MEMORY: Counting = Counting { now: AtomicUsize::new(0), most: AtomicUsize::new(0) };

#[expect(unsafe_code, reason = "counts what the system's allocator is asked for")]
// SAFETY: everything is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = self.now.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        self.most.fetch_max(now, Ordering::Relaxed);
        // SAFETY: our caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.now.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: our caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// What the link may hold for what these tests send; other tests run beside.
const MEMORY_LIMIT: usize = 16 * 1024 * 1024;

/// One frame, valid or not.
fn frame(kind: u8, stream: u32, len: u32, payload: &[u8]) -> Vec<u8> {
    [&[kind][..], &stream.to_le_bytes(), &len.to_le_bytes(), payload].concat()
}

fn valid(kind: Kind, stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(kind as u8, stream, u32::try_from(payload.len()).expect("small"), payload)
}

fn head() -> Vec<u8> {
    protocol::codec::encode(&StreamHead::Operation(vec![7; 20])).expect("small")
}

/// Frames that make sense, and some that do not.
fn some_frame() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        4 => (0_u32..4).prop_map(|number| valid(Kind::Open, 2 * number + 1, &head())),
        4 => (0_u32..8, bytes()).prop_map(|(stream, bytes)| valid(Kind::Data, stream, &bytes)),
        2 => (0_u32..8).prop_map(|stream| valid(Kind::Finish, stream, &[])),
        2 => (0_u32..8, any::<[u8; 4]>()).prop_map(|(stream, errno)| valid(Kind::Reset, stream, &errno)),
        2 => (0_u32..8, any::<[u8; 4]>()).prop_map(|(stream, grant)| valid(Kind::Credit, stream, &grant)),
        1 => any::<[u8; 8]>().prop_map(|number| valid(Kind::Ping, 0, &number)),
        1 => any::<[u8; 8]>().prop_map(|number| valid(Kind::Pong, 0, &number)),
        1 => bytes().prop_map(|reason| valid(Kind::Goodbye, 0, &reason)),
        1 => bytes().prop_map(|head| valid(Kind::Open, 9, &head)),
        1 => (any::<u8>(), any::<u32>(), any::<u32>(), bytes())
            .prop_map(|(kind, stream, len, bytes)| frame(kind, stream, len, &bytes)),
    ]
}

/// Feeds an agent's end in pieces, reads what its streams bring, and gives the reason of its end and what was read.
fn feed(bytes: &[u8], pieces: &[usize]) -> (CloseReason, Vec<(StreamHead, Vec<u8>)>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (mut left, right) = tokio::io::duplex(1024 * 1024);
        let (agent, mut accept) = Link::start(right, Role::Agent, Vec::new());
        let (mut rest, mut pieces) = (bytes, pieces.iter().cycle());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at((*pieces.next().expect("endless")).clamp(1, rest.len()));
            // It may have been cut off already.
            if left.write_all(piece).await.is_err() {
                break;
            }
            rest = behind;
            tokio::task::yield_now().await;
        }
        left.shutdown().await.expect("in memory");
        let mut read = Vec::new();
        let all = async {
            while let Some((head, mut stream)) = accept.next().await {
                let mut content = Vec::new();
                // It ends with the link at the latest.
                let _ = stream.read_to_end(&mut content).await;
                read.push((head, content));
            }
            agent.closed().await
        };
        let reason = tokio::time::timeout(Duration::from_secs(10), all).await.expect("no hang");
        (reason, read)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// The decoder itself: what it lets through may be allocated without further thought.
    #[test]
    fn a_header_that_is_let_through_is_within_bounds(mut bytes: [u8; 9], kind in 0_u8..12) {
        for bytes in [bytes, { bytes[0] = kind; bytes }, { bytes[7] = 0; bytes[8] = 0; bytes }] {
            if let Ok(header) = Header::decode(bytes) {
                prop_assert!(header.len as usize <= PAYLOAD_LIMIT);
                prop_assert_eq!(header.encode(), bytes);
            }
        }
    }

    /// In whatever pieces bytes arrive, they mean the same.
    #[test]
    fn splitting_changes_nothing(
        frames in proptest::collection::vec(some_frame(), 0..12),
        pieces in proptest::collection::vec(1_usize..40, 1..6),
        cut in 0_usize..200,
    ) {
        let mut bytes = [vec![valid(Kind::Hello, 0, b"x")], frames].concat().concat();
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        prop_assert_eq!(feed(&bytes, &pieces), feed(&bytes, &[usize::MAX]));
    }

    /// However wrong they are, they end in a reason, and in bounded memory.
    #[test]
    fn any_frames_end_in_a_reason(
        frames in proptest::collection::vec(some_frame(), 0..40),
        order in any::<prop::sample::Index>(),
        flipped in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        greets: bool,
    ) {
        let mut frames = frames;
        if !frames.is_empty() {
            let at = order.index(frames.len());
            frames.rotate_left(at);
        }
        if greets {
            frames.insert(0, valid(Kind::Hello, 0, b"x"));
        }
        let mut bytes = frames.concat();
        if let (Some((at, byte)), false) = (flipped, bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
        }
        let before = MEMORY.now.load(Ordering::Relaxed);
        MEMORY.most.store(before, Ordering::Relaxed);
        feed(&bytes, &[usize::MAX]);
        let used = MEMORY.most.load(Ordering::Relaxed).saturating_sub(before);
        prop_assert!(used < MEMORY_LIMIT, "{} bytes for {}", used, bytes.len());
    }
}

/// A window that is used up, on every stream that a peer cares to open: the link holds that, and is cut off beyond it.
#[test]
fn a_peer_cannot_fill_more_than_the_windows() {
    let mut bytes = valid(Kind::Hello, 0, b"x");
    bytes.extend(valid(Kind::Open, 1, &head()));
    let full = WINDOW_TO_AGENT as usize / PAYLOAD_LIMIT;
    for _ in 0..=full {
        bytes.extend(valid(Kind::Data, 1, &vec![0; PAYLOAD_LIMIT]));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let reason = runtime.block_on(async {
        let (mut left, right) = tokio::io::duplex(1024 * 1024);
        let (agent, mut accept) = Link::start(right, Role::Agent, Vec::new());
        left.write_all(&bytes).await.expect("room in the pipe");
        let unread = accept.next().await;
        let reason = tokio::time::timeout(Duration::from_secs(10), agent.closed()).await.expect("no hang");
        drop(unread);
        reason
    });
    assert!(matches!(&reason, CloseReason::Violation(what) if what.contains("window")), "{reason}");
}
