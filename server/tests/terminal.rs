//! The program as a person in a terminal meets it; no cluster needed.
#![expect(clippy::print_stdout, reason = "tests tell on standard output why they are skipped")]

#[path = "terminal/advice.rs"]
mod advice;
#[path = "terminal/bench.rs"]
mod bench;
#[path = "terminal/check.rs"]
mod check;
#[path = "terminal/children.rs"]
mod children;
#[path = "terminal/clock.rs"]
mod clock;
#[path = "terminal/commands.rs"]
mod commands;
#[path = "terminal/control.rs"]
mod control;
#[path = "terminal/demo.rs"]
mod demo;
#[path = "terminal/engines.rs"]
mod engines;
#[path = "terminal/env.rs"]
mod env;
#[path = "terminal/explain.rs"]
mod explain;
#[path = "terminal/ext.rs"]
mod ext;
#[path = "terminal/faults.rs"]
mod faults;
#[path = "terminal/files.rs"]
mod files;
#[path = "terminal/full.rs"]
mod full;
#[path = "terminal/hostile.rs"]
mod hostile;
#[path = "terminal/lacking.rs"]
mod lacking;
#[path = "terminal/listen.rs"]
mod listen;
#[path = "terminal/names.rs"]
mod names;
#[path = "terminal/pod.rs"]
mod pod;
#[path = "terminal/refusals.rs"]
mod refusals;
#[path = "terminal/sessions.rs"]
mod sessions;
#[path = "terminal/signals.rs"]
mod signals;
#[path = "terminal/sockets.rs"]
mod sockets;
#[path = "terminal/supervised.rs"]
mod supervised;
#[path = "terminal/trips.rs"]
mod trips;
