//! The debug adapter: a proxy between an editor and the real debug adapter of the program's language.
//!
//! ```text
//! editor ──stdio── proxy ──stdio or TCP── debugpy, dlv, … ── program, with our layer in it
//!                    └── session ── cluster
//! ```
//!
//! Messages stay JSON values and pass in order; only their numbers are rewritten, since the proxy adds messages of its
//! own. It answers `initialize` from the table of adapters, because which adapter (and which interpreter) is wanted is
//! only known at launch; what the real one can do differently follows as a `capabilities` event. `launch` starts
//! session and adapter together, lays the session's variables over the launch's, and ends the launch when no process of
//! the program loads our layer. A launch configuration has two keys of ours; the rest is the adapter's:
//!
//! ```json
//! { "adapter": "debugpy",
//!   "mirrord": { "enabled": true, "target": "deployment/api", "namespace": "shop", "context": "kind", "key": "me",
//!                "config": "path of a file, or the configuration itself" } }
//! ```
//!
//! Without `"config"`, `.mirrord/mirrord.{json,jsonc,yaml,yml,toml}` below the working directory counts, if it is there.
//! `"mirrord": false` passes everything through; `"mirrord": { "session": "NAME" }` joins a session that runs.

mod adapters;
mod backing;
mod children;
mod connection;
mod editor;
mod joined;
mod launch;
mod launched;
mod message;
mod process;
mod progress;
mod proxy;
mod scope;
mod standing;
mod start;
mod terminal;
#[cfg(test)]
mod tests;
mod wire;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use session::{event::Observer, view::By};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

pub use self::adapters::AdapterWish;
pub use crate::frames::FrameError;

/// Where the proxy runs.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Which debug adapter stands behind the proxy when a launch names none. Without it, the `adapterID`
    /// of the editor counts when it is one of ours, else the first of the table.
    pub adapter: AdapterWish,
    /// Path of `libmirrord_layer.so`.
    pub layer: PathBuf,
    /// Our own environment, which programs inherit.
    pub variables: BTreeMap<OsString, OsString>,
    /// Our own working directory, for launches that name none.
    pub working_directory: PathBuf,
    /// Ends the debug session: a signal came.
    pub stop: CancellationToken,
    /// Ends what others still use of it as well. Editors signal adapters from which they have disconnected, so that `stop`
    /// does not.
    pub end: CancellationToken,
}

/// Why a debug session ended otherwise than the user wanted. The editor was told already, if it was there to be told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The editor does not speak the protocol.
    #[error("the editor's messages cannot be read: {0}")]
    Editor(#[source] FrameError),
    /// The debug adapter died, or does not speak the protocol.
    #[error("{0}")]
    Adapter(String),
    /// The session was lost, or never reached the program.
    #[error("{0}")]
    Session(String),
}

/// Serves one editor until it disconnects or closes `input`, and then the debug sessions of others that have joined: those
/// of the program's children. Afterwards the session, the debug adapter and the program have ended.
pub async fn serve<I, O>(input: I, output: O, environment: Environment) -> Result<(), Error>
where
    I: AsyncRead + Send + Unpin + 'static,
    O: AsyncWrite + Send + Unpin + 'static,
{
    let editor = editor::Editor::new(input, output);
    proxy::Proxy::new(editor, environment, proxy::Reach::world()).run().await
}

/// Starts the session of a launch that somebody else makes: `arguments` are the keys of a launch configuration that
/// matter here (`mirrord`, `cwd`, `env`), `folder` is what they are relative to. Fails with text for the user.
pub(crate) async fn session(
    name: String,
    mut arguments: serde_json::Map<String, serde_json::Value>,
    variables: &BTreeMap<OsString, OsString>,
    folder: &Path,
    layer: PathBuf,
    observer: Observer,
    cancel: CancellationToken,
) -> Result<session::Session, String> {
    let wish = launch::take(&mut arguments)?;
    if wish.join.is_some() {
        return Err("\"session\" joins a session that runs: there is none to start".to_owned());
    }
    let launch = backing::Launch {
        wish: wish.session.ok_or("the launch wants no session: \"mirrord\" says so")?,
        layer,
        environment: start::environment(variables, &arguments),
        program: launch::program(&arguments, &launch::working_directory(&arguments, folder)),
        working_directory: launch::working_directory(&arguments, folder),
    };
    backing::start(launch, By::Editor, Some(name), observer, cancel).await
}
