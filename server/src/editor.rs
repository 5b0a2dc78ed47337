//! What an editor starts: the language server and the debug adapter on standard input and output, or at a socket.

mod socket;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::{FutureExt as _, future::BoxFuture};
use session::{
    Injection,
    control::client,
    event::Observer,
    live::{Live, LiveOptions},
    view::View,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use self::socket::{Socket, SocketError};
use crate::{
    bundle, cli, dap, exit,
    lsp::{self, End, Launch, Session, SessionSource},
    parent, settings, stdio, terminal,
};

/// Speaks LSP until the editor is done.
pub(crate) fn lsp() -> u8 {
    let runtime = match cli::runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let end = runtime.block_on(async {
        let stop = cancelled_by_signals();
        let live = Live::new(LiveOptions { environment: settings::environment(), ..LiveOptions::default() });
        let surroundings = lsp::Surroundings {
            views: Arc::new(live),
            sessions: Arc::new(ClusterSessions),
            environment: settings::variables(),
            working_directory: working_directory(),
            manual: bundle::manual(),
            stop: stop.clone(),
        };
        lsp::serve(tokio::io::stdin(), tokio::io::stdout(), surroundings).await
    });
    // Tokio reads standard input on a thread that cannot be interrupted: an editor that keeps the pipe open must not
    // keep us.
    runtime.shutdown_background();
    match end {
        End::Orderly => 0,
        End::Abrupt => exit::FAILURE,
    }
}

fn working_directory() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| "/".into())
}

/// Speaks DAP: with one editor until it disconnects, or with all that connect to the socket `listen` until somebody asks
/// us to end.
pub(crate) fn dap(adapter: dap::AdapterWish, listen: Option<&Path>) -> u8 {
    let (layer, runtime) = match (bundle::layer(), cli::runtime()) {
        (Ok(layer), Ok(runtime)) => (layer, runtime),
        (Err(error), _) => {
            terminal::say_error(&error.to_string());
            return exit::FAILURE;
        }
        (_, Err(code)) => return code,
    };
    let ended = runtime.block_on(async {
        let stop = cancelled_by_signals();
        let environment = dap::Environment {
            adapter,
            layer,
            variables: settings::variables(),
            working_directory: working_directory(),
            end: if listen.is_some() { stop.clone() } else { CancellationToken::new() },
            stop,
        };
        if let Some(path) = listen {
            return listen_at(path, environment).await.map_err(|error| error.to_string());
        }
        // On a thread of the runtime, which hears itself of what arrives.
        let mut served = JoinSet::new();
        served.spawn(dap::serve(stdio::input(), stdio::output(), environment));
        let served = served.join_next().await.expect("it was spawned").expect("it neither panics nor is it aborted");
        served.map_err(|error| error.to_string())
    });
    // As above, where input is neither pipe nor socket.
    runtime.shutdown_background();
    match ended {
        Ok(()) => 0,
        Err(error) => {
            terminal::say_error(&error);
            exit::FAILURE
        }
    }
}

/// Serves a debug session on each connection to a socket, until somebody asks us to end or our parent has gone.
async fn listen_at(path: &Path, environment: dap::Environment) -> Result<(), SocketError> {
    let socket = Socket::bind(path)?;
    terminal::say(&format!("listening at {}", path.display()));
    let stop = environment.stop.clone();
    let serving = socket.serve(&stop, |stream| {
        let environment = environment.clone();
        async move {
            let (read, write) = stream.into_split();
            if let Err(error) = dap::serve(read, write, environment).await {
                terminal::say_error(&error.to_string());
            }
        }
    });
    let orphaned = async {
        parent::gone().await;
        stop.cancel();
    };
    tokio::join!(serving, stop.run_until_cancelled(orphaned));
    Ok(())
}

/// A token that is cancelled when somebody asks us to end.
fn cancelled_by_signals() -> CancellationToken {
    let cancel = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        match signal(kind) {
            Ok(mut stream) => {
                let cancel = cancel.clone();
                // It lives as long as the runtime, that is as the command.
                tokio::runtime::Handle::current().spawn(async move {
                    stream.recv().await;
                    cancel.cancel();
                });
            }
            // Then that signal ends us at once, which is its default.
            Err(error) => tracing::warn!(%error, ?kind, "the signal is not handled"),
        }
    }
    cancel
}

/// Sessions in the cluster, started as the debug adapter starts them.
struct ClusterSessions;

impl SessionSource for ClusterSessions {
    fn name(&self) -> Result<String, String> {
        session::new_name().map_err(|error| error.to_string())
    }

    fn everywhere(&self) -> BoxFuture<'static, Vec<View>> {
        Box::pin(async { client::sessions(&settings::variables()).await })
    }

    fn stop_elsewhere(&self, name: String) -> BoxFuture<'static, io::Result<()>> {
        Box::pin(async move { client::stop(&name, &settings::variables()).await })
    }

    fn start(
        &self,
        launch: Launch,
        observer: Observer,
        cancel: CancellationToken,
    ) -> BoxFuture<'static, Result<Box<dyn Session>, String>> {
        Box::pin(async move {
            let layer = bundle::layer().map_err(|error| error.to_string())?;
            let Launch { name, start, environment, folder } = launch;
            let (arguments, debugger) = (start.arguments(), start.debugger);
            let session = dap::session(name, arguments, &environment, &folder, layer, observer, cancel).await?;
            if let Some(process) = debugger {
                session.exempt_debugger(process);
            }
            Ok(Box::new(ClusterSession(session)) as Box<dyn Session>)
        })
    }
}

struct ClusterSession(session::Session);

impl Session for ClusterSession {
    fn injection(&self) -> Injection {
        self.0.injection().clone()
    }

    fn view(&self) -> View {
        self.0.view(false)
    }

    fn stop_wanted(&self) -> BoxFuture<'static, ()> {
        Box::pin(self.0.stop_wanted().map(drop))
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.0.stop())
    }
}
