//! One policy for every engine and for `explain`: what is remote, and which rule says so.
//!
//! Pure functions over what the session decided ([`protocol::policy`]): no I/O, no clock, no globals. Each verdict
//! carries a [`Why`], so that a log line, a hover text and a test can name the rule.
#![cfg_attr(test, allow(clippy::needless_raw_string_hashes, reason = "expect-test writes its texts this way"))]

pub mod address;
pub mod executable;
pub mod explain;
pub mod listen;
pub mod name;
pub mod path;
pub mod process;
pub mod sockaddr;

pub use explain::Why;
