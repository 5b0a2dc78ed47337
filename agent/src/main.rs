//! `mirrord-agent`: lives beside the target and does there what a developer's program asks for.
//!
//! The only file of its image. It expects nothing in `/`: no resolver configuration, no users, no shared library.

mod client;
mod dns;
mod env;
mod files;
mod incoming;
mod interfaces;
mod listen;
mod memory;
#[cfg(test)]
#[path = "../tests/support/namespace.rs"]
mod namespace;
mod operations;
mod outgoing;
mod relay;
mod rights;
mod serve;
mod target;
mod threads;

use std::{
    io::{self, Write},
    os::fd::RawFd,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::{ArgGroup, Parser};
use link::{Identity, PublicKey};
use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    stat::{Mode, umask},
};
use protocol::PROTOCOL_VERSION;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{
    client::Services,
    incoming::Incoming,
    listen::Listener,
    operations::Performer,
    serve::Keys,
    target::{Search, Target},
};

/// Worker threads: the agent lives in the target's share of the machine.
const WORKERS: usize = 2;

/// Exit code when the port is taken: another agent may be there, and a client may want to try the next one.
const EXIT_PORT_TAKEN: u8 = 3;

/// Exit code when there is no target.
const EXIT_NO_TARGET: u8 = 4;

/// The part of mirrord that runs in the cluster, beside the target. The client starts it; there is no need to do so by hand.
///
/// Exit codes: 0 nobody needs it any more, 2 bad arguments, 3 the port is taken, 4 there is no target, 1 anything else.
#[derive(Debug, Parser)]
#[command(version, group = ArgGroup::new("listener").required(true))]
struct Arguments {
    /// Public key of the sessions that are served.
    #[arg(long, value_name = "KEY")]
    client_key: PublicKey,

    /// Loopback port to listen on.
    #[arg(long, value_name = "PORT", group = "listener")]
    port: Option<u16>,

    /// Inherited listening socket, TCP or Unix, by its descriptor.
    #[arg(long, value_name = "FD", group = "listener", value_parser = clap::value_parser!(RawFd).range(3..))]
    listen_fd: Option<RawFd>,

    /// Seconds to live after the last session; for the first one at least 60.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    grace: u64,

    /// Process that is the target.
    #[arg(long, value_name = "PID", default_value_t = 1)]
    target_pid: u32,

    /// The target's container, to find its main process when the target process is a pod's `pause`.
    #[arg(long, value_name = "ID")]
    container_id: Option<String>,

    /// What is logged on stderr, as filter directives.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log_level: EnvFilter,
}

fn main() -> ExitCode {
    memory::set_up();
    let arguments = Arguments::parse();
    // Modes of files that are created come with the program's umask taken off.
    umask(Mode::empty());
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(threads::POOL)
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run(arguments));
            // A read from a dead file server must not keep us.
            runtime.shutdown_timeout(Duration::from_millis(100));
            ended
        }
        Err(error) => Err(error).context("start the runtime"),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            drop(writeln!(io::stderr(), "mirrord-agent: {error:#}"));
            exit_code(&error)
        }
    }
}

/// Sessions hold files of the target open; the usual soft limit, 1024, is there for select(2), which nobody uses here.
fn raise_descriptor_limit() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        // Nothing is logged yet; opening fails with EMFILE a little earlier.
        drop(writeln!(io::stderr(), "mirrord-agent: the limit of open files stays as it is: {error}"));
    }
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<target::Error>() {
        return EXIT_NO_TARGET.into();
    }
    match error.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::AddrInUse => EXIT_PORT_TAKEN.into(),
        _ => ExitCode::FAILURE,
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { client_key, port, listen_fd, grace, target_pid, container_id, log_level } = arguments;
    let own = Identity::generate()?;
    let target = Target::find(Search { pid: target_pid, container: container_id })?;
    let listener = match (port, listen_fd) {
        (_, Some(fd)) => Listener::inherited(fd).with_context(|| format!("descriptor {fd}"))?,
        (port, None) => {
            let port = port.expect("clap wants one of the two");
            Listener::bind(port).await.with_context(|| format!("listen on 127.0.0.1:{port}"))?
        }
    };
    // The client compares the key of this line, which the cluster vouches for, with the one that TLS showed.
    let (version, key) = (env!("CARGO_PKG_VERSION"), own.public_key());
    let mut stdout = io::stdout();
    writeln!(stdout, "mirrord-agent {version} protocol {PROTOCOL_VERSION} key {key}")?;
    stdout.flush()?;
    tracing_subscriber::fmt().with_env_filter(log_level).with_writer(io::stderr).with_ansi(false).init();

    let end = CancellationToken::new();
    let target = Arc::new(target);
    if let Err(error) = target.root() {
        tracing::warn!(%error, "the target's files and environment are out of reach: SYS_PTRACE is missing");
    }
    let services = Services { performer: Performer::new(target.clone()), incoming: Incoming::new(target, &end) };
    let keys = Keys { own, client: client_key };
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let signalled = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("told to end");
        end.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = serve::run(listener, keys, services, Duration::from_secs(grace), end.clone()) => {}
        () = signalled => {}
    }
    Ok(())
}
