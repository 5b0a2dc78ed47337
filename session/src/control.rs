//! The control socket of a session: how others of the same user look at it, join it and stop it.
//!
//! `control.sock` (`SOCK_STREAM`, mode 0600) stands beside the layers' socket in the session's own folder (mode 0700).
//! Whoever connects is proven by its user, as the kernel tells it (`SO_PEERCRED`, unix(7)). One line of JSON is a
//! request, the next line its answer; what a request has set off ends with the connection, so that a killed debugger
//! leaves nothing behind.

pub mod client;
mod guests;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use config::feature::env::Account;
use protocol::text::harmless;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, watch},
    time::timeout,
};

use self::guests::Guest;
pub use self::guests::Guests;
use crate::{
    Injection,
    proxy::Proxy,
    seen::Passing,
    view::{By, Variable, View},
};

/// Name of the socket in the session's folder.
pub(crate) const SOCKET: &str = "control.sock";

/// Connections at once: editors and debuggers of one user.
const CONNECTIONS: usize = 64;

/// Bytes of a request.
const REQUEST_LIMIT: u64 = 4 * 1024;

/// How long a request that has begun may take to arrive, and its answer to be taken: both are small.
const PEER_LIMIT: Duration = Duration::from_secs(5);

/// Bytes of an answer. A target's environment has at most 2 MiB or so (execve(2)), in base64.
const ANSWER_LIMIT: u64 = 8 * 1024 * 1024;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// What the session is and does. Answered by [`Answer::View`].
    #[serde(rename_all = "camelCase")]
    View {
        /// With the target's variables and their values.
        environment: bool,
    },
    /// What a program needs to become one of the session's. Answered by [`Answer::Join`].
    #[serde(rename_all = "camelCase")]
    Join {
        /// A debug adapter, whose loopback ports stay this machine's.
        debugger: Option<u32>,
    },
    /// How many processes of the launch of this name have said hello. Answered by [`Answer::Launch`].
    Launch(String),
    /// A debugger holds a program, or lets it go. Answered by [`Answer::Done`].
    Standing(bool),
    /// The session shall end. Answered by [`Answer::Done`] at once, not when it has ended.
    Stop,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// To [`Request::View`].
    View(Box<View>),
    /// To [`Request::Join`].
    Join(Joined),
    /// To [`Request::Launch`].
    Launch(u64),
    /// It is done.
    Done,
    /// It cannot be, for this reason.
    Refused(String),
}

/// An injection as JSON: names and values are bytes, so they are in base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    set: BTreeMap<String, String>,
    unset: Vec<String>,
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Joined") // values are secrets as often as not
    }
}

impl From<&Injection> for Joined {
    fn from(Injection { set, unset }: &Injection) -> Self {
        let text = |bytes: &OsStr| BASE64_STANDARD.encode(bytes.as_bytes());
        Self {
            set: set.iter().map(|(name, value)| (text(name), text(value))).collect(),
            unset: unset.iter().map(|name| text(name)).collect(),
        }
    }
}

impl Joined {
    /// What to apply to the launch. Fails when it is not what a session would send.
    fn injection(self) -> io::Result<Injection> {
        let bytes = |text: String| match BASE64_STANDARD.decode(text) {
            Ok(bytes) if !bytes.contains(&0) => Ok(OsString::from_vec(bytes)),
            Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a variable with a NUL in it")),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        let set = self.set.into_iter().map(|(name, value)| Ok((bytes(name)?, bytes(value)?)));
        Ok(Injection {
            set: set.collect::<io::Result<_>>()?,
            unset: self.unset.into_iter().map(bytes).collect::<io::Result<_>>()?,
        })
    }
}

/// What the requests of one connection have set off.
#[derive(Default)]
struct Effects {
    standing: Option<Passing>,
    guest: Option<Guest>,
}

/// What is served.
pub(crate) struct Control {
    pub(crate) name: String,
    /// Where it is served.
    pub(crate) socket: PathBuf,
    pub(crate) by: By,
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) injection: Injection,
    pub(crate) account: Account,
    /// Who wants the session to end: whoever has started it ends it.
    pub(crate) stop: watch::Sender<Option<String>>,
    pub(crate) guests: watch::Sender<Guests>,
}

impl Control {
    pub(crate) fn new(
        (name, by): (String, By),
        socket: PathBuf,
        proxy: Arc<Proxy>,
        injection: Injection,
        account: Account,
    ) -> Self {
        Self {
            name,
            socket,
            by,
            proxy,
            injection,
            account,
            stop: watch::Sender::default(),
            guests: watch::Sender::default(),
        }
    }

    /// What the session is and does.
    pub(crate) fn view(&self, environment: bool) -> View {
        let proxy = &self.proxy;
        let counters = proxy.link.counters();
        let mut view = View {
            session: self.name.clone(),
            by: self.by,
            pid: std::process::id(),
            programs: *proxy.reported.borrow(),
            sent_bytes: counters.bytes_sent,
            received_bytes: counters.bytes_received,
            round_trips: counters.opened,
            ..View::default()
        };
        proxy.seen.show(&mut view);
        view.target = harmless(&view.target);
        if environment {
            view.environment = variables(&self.account);
        }
        view
    }

    /// `peer` is the process that asks, where the kernel knows it.
    fn answer(&self, request: &Request, peer: Option<i32>, effects: &mut Effects) -> Answer {
        match request {
            Request::View { environment } => Answer::View(Box::new(self.view(*environment))),
            Request::Join { debugger } => {
                self.proxy.debuggers.lock().expect("no panic while held").extend(debugger);
                effects.guest.get_or_insert_with(|| Guest::enter(&self.guests));
                Answer::Join(Joined::from(&self.injection))
            }
            Request::Launch(name) => Answer::Launch(self.proxy.programs.launches.processes(name)),
            Request::Standing(is_standing) => {
                effects.standing = is_standing.then(|| self.proxy.seen.standing());
                Answer::Done
            }
            Request::Stop => {
                self.stop.send_replace(Some(peer.map_or_else(|| "somebody".to_owned(), asker)));
                Answer::Done
            }
        }
    }
}

/// A process, for people: `mirrord (process 4711)`.
fn asker(pid: i32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    harmless(&name.map_or_else(|_| format!("process {pid}"), |name| format!("{} (process {pid})", name.trim_end())))
}

/// The target's variables, whether the program gets them or not.
fn variables(account: &Account) -> Vec<Variable> {
    let text = |text: &OsStr| harmless(&text.to_string_lossy());
    let remote = account.iter().filter_map(|(name, entry)| {
        let remote = entry.remote.as_ref()?;
        let imported = entry.effective.as_ref() == Some(&remote.value);
        Some(Variable { name: text(name), value: text(&remote.value), imported })
    });
    remote.collect()
}

/// Makes the socket in the session's folder.
pub(crate) fn listen(folder: &Path) -> io::Result<UnixListener> {
    // Nobody else gets into the folder; the mode of the socket says it once more.
    let path = folder.join(SOCKET);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until it is dropped.
pub(crate) async fn serve(control: Arc<Control>, listener: UnixListener) {
    let own_uid = nix::unistd::getuid().as_raw();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((stream, _)) if stream.peer_cred().is_ok_and(|peer| peer.uid() == own_uid) => {
                // Those beyond the limit find the connection closed.
                let Ok(permit) = room.clone().try_acquire_owned() else { continue };
                let control = control.clone();
                let (tasks, cancel) = (control.proxy.tasks.clone(), control.proxy.cancel.clone());
                tasks.spawn(cancel.run_until_cancelled_owned(async move {
                    if let Err(error) = converse(&control, stream).await {
                        tracing::debug!(%error, "a control connection ended");
                    }
                    drop(permit);
                }));
            }
            Ok(_) => tracing::debug!("another user may not control the session"),
            // Out of descriptors, most likely: give others time to close some.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a control connection");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(control: &Control, stream: UnixStream) -> io::Result<()> {
    let peer = stream.peer_cred()?.pid();
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut effects = Effects::default();
    // Between requests there is no limit: a debugger's connection lasts for as long as it holds the program.
    while !read.fill_buf().await?.is_empty() {
        let Some(line) = timeout(PEER_LIMIT, read_line(&mut read, REQUEST_LIMIT)).await?? else { return Ok(()) };
        let answer = match serde_json::from_slice(&line) {
            Ok(request) => control.answer(&request, peer, &mut effects),
            Err(error) => Answer::Refused(format!("this request is not understood: {error}")),
        };
        timeout(PEER_LIMIT, write.write_all(&encode(&answer)?)).await??;
    }
    Ok(())
}

fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// The next line, without its end; nothing at the end of the stream.
async fn read_line(read: &mut BufReader<impl AsyncRead + Unpin>, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    read.take(limit).read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("a line over {limit} bytes, or without an end")))
        }
    }
}

#[cfg(test)]
mod tests;
