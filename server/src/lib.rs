//! The program in front of a session: a command line, a language server and a debug adapter in one binary.
//!
//! It has two names, `mirrord` and `mirrord-ide-server`, and behaves the same under both, except that an editor's
//! server without arguments speaks the language server protocol.

mod bundle;
mod check;
mod cli;
pub mod dap;
mod demo;
mod editor;
mod env;
mod exec;
pub mod explain;
mod ext;
mod flags;
mod frames;
mod git;
mod ls;
pub mod lsp;
mod parent;
mod program;
mod progress;
mod sessions;
mod settings;
mod signals;
mod stdio;
mod terminal;

use std::{ffi::OsString, process::ExitCode};

use tracing_subscriber::EnvFilter;

/// Exit codes with a meaning of ours; a program that ran gives its own.
pub(crate) mod exit {
    /// Something that is not the user's mistake, or not only: no cluster, no agent.
    pub(crate) const FAILURE: u8 = 1;
    /// The command line or the configuration is wrong, or this machine cannot do what was asked.
    pub(crate) const USAGE: u8 = 2;
    /// The program exists and cannot be run with us.
    pub(crate) const CANNOT_RUN: u8 = 126;
    /// The program does not exist.
    pub(crate) const NOT_FOUND: u8 = 127;
    /// Added to the number of the signal that ended something.
    pub(crate) const SIGNAL_BASE: u8 = 128;
}

/// Everything, from the command line to the exit code.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match arguments.get(1).and_then(|first| first.to_str()) {
        // These must not find another thread: they become other processes' insides.
        Some(session::start::local::HIDDEN_COMMAND) => {
            return session::start::local::inside::main(arguments.into_iter().skip(2));
        }
        Some(session::descriptors::helper::HIDDEN_COMMAND) => return session::descriptors::helper::main(),
        Some(demo::program::HIDDEN_COMMAND) => return demo::program::main(),
        _ => {}
    }
    log();
    cli::main(arguments)
}

/// Logs to standard error, if the user asks for it: `MIRRORD_LOG=debug`, or any directives of `tracing-subscriber`.
fn log() {
    if let Ok(directives) = std::env::var("MIRRORD_LOG") {
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(directives)).with_writer(std::io::stderr).init();
    }
}
