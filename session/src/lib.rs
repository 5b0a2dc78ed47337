//! A session: a target in a cluster, an agent beside it, the link in between, and the programs that use them.
//!
//! ```text
//! Session::start ── begin ── setup (config -> plan) ── place ── start (agent) ── agent (TLS, greetings) ── environment
//!        └─ afterwards, one task each: proxy (layers), incoming (deliveries), keeper (pings)
//! ```

// A session as a whole.
mod begin;
pub mod control;
mod error;
pub mod event;
mod injection;
mod running;
mod seen;
mod setup;
pub mod view;

// The cluster, the target, and the agent beside it.
mod agent;
pub mod cluster;
pub mod forward;
mod keeper;
pub mod keys;
pub mod live;
mod place;
mod ports;
pub mod start;
pub mod target;
pub mod targets;

// What programs get from it.
mod advice;
pub mod descriptors;
mod environment;
mod hold;
mod incoming;
mod launches;
mod names;
mod nameservers;
mod outgoing;
pub mod programs;
mod proxy;
mod random;
mod relay;
mod supervisor;

pub use begin::{Options, new_name};
pub use error::Error;
pub use injection::Injection;
pub use place::Place;
pub use ports::process_at;
pub use running::{Counters, NoLayer, Session, Standing};
pub use setup::{Here, Refused, policy};
pub use supervisor::{Early, Unwatchable, probe};
