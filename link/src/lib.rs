//! The link between session and agent: one TLS 1.3 connection, pinned on both sides, that carries many streams.
//!
//! `protocol` says what travels; this crate moves it. It is a crate of its own because both ends need it, and the layer,
//! which needs `protocol` as well, must not link an asynchronous runtime.

mod connection;
mod identity;
mod message;
mod state;
mod stream;
pub mod tls;

pub use connection::{Accept, CloseReason, Closed, Counters, Link, Role};
pub use identity::{Identity, IdentityError, PublicKey, PublicKeyError};
pub use stream::{ReadHalf, Stream, WriteHalf};
