use proptest::prelude::*;

use super::*;

/// Feeds segments written as `offset:text`, `!` behind the text for FIN, offsets from the first byte; gives what comes
/// out after each, separated by `|`.
fn check(first: u32, segments: &str, expected: &str) {
    let mut assembler = Assembler::after_syn(first.wrapping_sub(1));
    let now = Instant::now();
    let steps = segments.split_ascii_whitespace().map(|segment| {
        let (offset, text) = segment.split_once(':').expect("offset:text");
        let offset: i32 = offset.parse().expect("a number");
        let segment = Segment {
            sequence: first.wrapping_add_signed(offset),
            payload: Bytes::copy_from_slice(text.trim_end_matches('!').as_bytes()),
            fin: text.ends_with('!'),
        };
        let mut out = Vec::new();
        assembler.push(segment, now, &mut out).expect("small");
        let end = if assembler.is_finished() { "." } else { "" };
        String::from_utf8(out.concat()).expect("text") + end
    });
    let got: Vec<String> = steps.collect();
    assert_eq!(got.join("|"), expected, "{segments}");
}

#[test]
fn segments_are_put_in_order() {
    for first in [1, 0, u32::MAX, u32::MAX - 3, 1 << 31] {
        check(first, "0:abc 3:def 6:!", "abc|def|.");
        check(first, "3:def 0:abc", "|abcdef");
        check(first, "0:abc 0:abc 1:bcd", "abc||d");
        check(first, "6:ghi 3:def 3:xxx 0:abc 9:!", "|||abcdefghi|.");
        check(first, "4:e 2:cdefg 0:ab", "||abcdefg");
        check(first, "2:cd 0:abXXef 6:g!", "|abcdef|g.");
        check(first, "0:ab! 2:junk", "ab.|junk.");
        check(first, "3:d! 0:abc 0:abc", "|abcd.|.");
        check(first, "-1:_ 0:a", "|a");
        check(first, "-5:____ 0:a", "|a");
        check(first, "0: 0:a 1:", "|a|");
    }
}

#[test]
fn a_segment_that_never_comes_breaks_the_connection() {
    let start = Instant::now();
    let mut assembler = Assembler::after_syn(0);
    let segment = |sequence, len| Segment { sequence, payload: vec![0; len].into(), fin: false };
    let mut out = Vec::new();
    assembler.push(segment(11, 5), start, &mut out).expect("small");
    assert!(assembler.has_gap());
    assert_eq!(assembler.check(start + GAP_DEADLINE), Ok(()));
    assert_eq!(assembler.check(start + GAP_DEADLINE * 2), Err(Broken::Gap));
    assembler.push(segment(1, 10), start, &mut out).expect("small");
    assert!(!assembler.has_gap());
    assert_eq!(assembler.check(start + GAP_DEADLINE * 2), Ok(()));
    let too_much = u32::try_from(HELD_LIMIT).expect("fits") / 65_000 + 1;
    let ended = (1..=too_much).find_map(|at| assembler.push(segment(at * 65_000, 65_000), start, &mut out).err());
    assert_eq!(ended, Some(Broken::Overfull));
}

#[test]
fn many_tiny_segments_break_the_connection() {
    let mut assembler = Assembler::after_syn(0);
    let now = Instant::now();
    let ended = (1..10_000).find_map(|at: u32| {
        let segment = Segment { sequence: 1 + 2 * at, payload: Bytes::from_static(b"x"), fin: false };
        assembler.push(segment, now, &mut Vec::new()).err()
    });
    assert_eq!(ended, Some(Broken::Overfull));
}

proptest! {
    /// However the pieces of a stream are cut, overlapped, repeated and shuffled: the stream comes out.
    #[test]
    fn any_order_gives_the_stream(
        first in any::<u32>(),
        stream in prop::collection::vec(any::<u8>(), 1..2000),
        cuts in prop::collection::vec((0_usize..2000, 1_usize..300), 0..60),
        seed in any::<u64>(),
    ) {
        let len = stream.len();
        let mut pieces: Vec<(usize, usize)> = (0..len).step_by(100).map(|at| (at, (at + 100).min(len))).collect();
        pieces.extend(cuts.into_iter().map(|(at, size)| (at % len, (at % len + size).min(len))));
        // A small shuffle that proptest can shrink.
        let mut state = seed | 1;
        for at in (1..pieces.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            pieces.swap(at, usize::try_from(state >> 33).expect("64-bit") % (at + 1));
        }
        let mut assembler = Assembler::after_syn(first.wrapping_sub(1));
        let now = Instant::now();
        let mut out = Vec::new();
        for (from, to) in pieces {
            let segment = Segment {
                sequence: first.wrapping_add(u32::try_from(from).expect("small")),
                payload: Bytes::copy_from_slice(&stream[from..to]),
                fin: to == len,
            };
            assembler.push(segment, now, &mut out).expect("small");
        }
        prop_assert_eq!(out.concat(), stream);
        prop_assert!(assembler.is_finished());
        prop_assert!(!assembler.has_gap());
        prop_assert_eq!(assembler.held_bytes, 0);
    }

    /// Nothing that arrives makes it panic or hold more than its bounds allow.
    #[test]
    fn hostile_segments_are_survived(
        segments in prop::collection::vec((any::<u32>(), 0_usize..3000, any::<bool>()), 0..200),
    ) {
        let mut assembler = Assembler::after_syn(0);
        let now = Instant::now();
        for (sequence, len, fin) in segments {
            if assembler.push(Segment { sequence, payload: vec![7; len].into(), fin }, now, &mut Vec::new()).is_err() {
                break;
            }
            prop_assert!(assembler.held_bytes <= HELD_LIMIT);
        }
    }
}
