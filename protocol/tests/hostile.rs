//! Bytes that no peer of ours sends: decoding ends in an error, or in a value that means the same bytes.

use mirrord_protocol::{
    Errno,
    codec::{self, MESSAGE_LIMIT},
    control::{Hello, StreamHead, Welcome},
    file::{Entry, Opened},
    operation::Operation,
};
use proptest::prelude::*;

/// Decodes bytes as a message; what is let through survives another journey.
fn check<T: codec::Decode<()> + codec::Encode + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(message) = codec::decode::<T>(bytes) {
        let again = codec::encode(&message).expect("it has just arrived");
        assert!(again.len() <= bytes.len(), "{message:?}: an encoding of our own is the shortest");
        assert_eq!(codec::decode::<T>(&again).expect("our own encoding"), message);
    }
}

fn check_all(bytes: &[u8]) {
    check::<Operation>(bytes);
    check::<StreamHead>(bytes);
    check::<Hello>(bytes);
    check::<Welcome>(bytes);
    check::<Result<Opened, Errno>>(bytes);
    let mut rest = bytes;
    let mut left = rest.len();
    while Entry::take_from(&mut rest).is_some() {
        assert!(rest.len() < left, "a listing ends");
        left = rest.len();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes: Vec<u8>) {
        check_all(&bytes);
    }

    /// Beginnings that look like operations, with lengths from nowhere.
    #[test]
    fn lengths_do_not_lead_to_allocations(kind in 0_u8..40, len: u64, rest in proptest::collection::vec(any::<u8>(), 0..80)) {
        // Variable-length integers: 253 says that eight bytes follow.
        check_all(&[&[kind, 253][..], &len.to_le_bytes(), &rest].concat());
        check_all(&[&[kind, 0, 253][..], &len.to_le_bytes(), &rest].concat());
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_memory_is_asked_for() {
    for len in [MESSAGE_LIMIT as u64 + 1, u64::from(u32::MAX), u64::MAX] {
        let bytes = [&[0, 253][..], &len.to_le_bytes()].concat();
        assert!(codec::decode::<Operation>(&bytes).is_err(), "{len}");
    }
}
