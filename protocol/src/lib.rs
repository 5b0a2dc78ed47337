//! What travels between layer, session and agent: plain messages, their framing, and one table of operations.
//!
//! Two conversations share these types:
//! * `link`: layer <-> session, over a Unix `SOCK_SEQPACKET` socket on the developer's machine;
//! * `control`: session <-> agent, over one multiplexed TLS connection (`frame`).
//!
//! Messages are plain structs without logic. Every sequence has a limit, enforced by [`codec`].

pub mod codec;
pub mod control;
pub mod dns;
pub mod env;
pub mod errno;
pub mod file;
pub mod frame;
pub mod incoming;
pub mod interface;
pub mod link;
pub mod operation;
pub mod outgoing;
pub mod policy;
pub mod text;

pub use errno::Errno;

/// Version of everything in this crate. Peers with unequal versions refuse each other with one clear error.
///
/// Raise it whenever an encoding changes: `tests/golden.rs` fails when the bytes move under an unchanged number.
pub const PROTOCOL_VERSION: u32 = 6;
