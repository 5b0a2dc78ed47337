//! The language server as an editor meets it, in process.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

#[path = "lsp/client.rs"]
mod client;
#[path = "lsp/cluster.rs"]
mod cluster;
#[path = "lsp/conversation.rs"]
mod conversation;
