//! The language server as an editor meets it, in process.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

#[path = "lsp/client.rs"]
mod client;
#[path = "lsp/cluster.rs"]
mod cluster;
#[path = "lsp/conversation.rs"]
mod conversation;
#[path = "lsp/features.rs"]
mod features;
#[path = "lsp/live.rs"]
mod live;
#[path = "lsp/protocol.rs"]
mod protocol;
#[path = "lsp/robust.rs"]
mod robust;
#[path = "lsp/sessions.rs"]
mod sessions;
#[path = "lsp/workspace.rs"]
mod workspace;
