//! The other end: finds the sessions of this user on this machine, and asks them.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::UnixStream,
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
    time::timeout,
};

use super::{ANSWER_LIMIT, Answer, Request, SOCKET, encode, read_line};
use crate::{Injection, begin::runtime_directories, proxy::FOLDER_PREFIX, view::View};

/// How long a session may take to answer: it does so at once unless its process is stopped.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// The connection was closed: the session does that when it ends.
const ENDED: &str = "the session has ended";

/// Age from which a folder is not one that is just being made.
const SETTLED: Duration = Duration::from_secs(10);

/// A connection to a session. What it has asked for ends with it.
#[derive(Debug)]
pub struct Client {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    socket: PathBuf,
}

impl Client {
    /// Connects to the session of this name, or whose name begins so. Fails with a sentence for the user, as
    /// [`io::ErrorKind::NotFound`] when there is none.
    pub async fn to(name: &str, environment: &BTreeMap<OsString, OsString>) -> io::Result<Self> {
        let all = sessions(environment).await;
        let found: Vec<_> = all.iter().filter(|view| !name.is_empty() && view.session.starts_with(name)).collect();
        let problem = match found[..] {
            [only] => match Self::named(&only.session, environment).await {
                Ok(client) => return Ok(client),
                Err(error) => format!("the session {} cannot be reached: {error}", only.session),
            },
            [] if all.is_empty() => format!("there is no session `{name}`: none runs"),
            [] => format!("there is no session `{name}`; there are {}", names(all.iter())),
            _ => format!("`{name}` may be {}: say more of the name", names(found.into_iter())),
        };
        Err(io::Error::new(io::ErrorKind::NotFound, problem))
    }

    async fn named(name: &str, environment: &BTreeMap<OsString, OsString>) -> io::Result<Self> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for directory in runtime_directories(environment) {
            match Self::at(&directory.join(format!("{FOLDER_PREFIX}{name}")).join(SOCKET)).await {
                Ok(client) => return Ok(client),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Connects to the session with this control socket.
    pub async fn at(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket).await?;
        if stream.peer_cred()?.uid() != nix::unistd::getuid().as_raw() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is another user's"));
        }
        let (read, write) = stream.into_split();
        Ok(Self { read: BufReader::new(read), write, socket: socket.to_owned() })
    }

    /// The session's control socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks one thing.
    pub async fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        let answer = timeout(ANSWER_TIME, async {
            self.write.write_all(&encode(request)?).await?;
            let line = read_line(&mut self.read, ANSWER_LIMIT).await?;
            let line = line.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, ENDED))?;
            Ok::<_, io::Error>(serde_json::from_slice(&line)?)
        });
        match answer.await {
            Ok(Ok(Answer::Refused(reason))) => Err(io::Error::other(reason)),
            Ok(Err(error)) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
                Err(io::Error::new(error.kind(), ENDED))
            }
            Ok(answer) => answer,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the session does not answer")),
        }
    }

    /// What the session is and does.
    pub async fn view(&mut self, environment: bool) -> io::Result<View> {
        match self.ask(&Request::View { environment }).await? {
            Answer::View(view) => Ok(*view),
            other => Err(unexpected(&other)),
        }
    }

    /// A debugger holds a program of the session, until it is told otherwise or this connection ends.
    pub async fn standing(&mut self, is_standing: bool) -> io::Result<()> {
        match self.ask(&Request::Standing(is_standing)).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// How many processes of the launch of this name have said hello.
    pub async fn of_launch(&mut self, name: String) -> io::Result<u64> {
        match self.ask(&Request::Launch(name)).await? {
            Answer::Launch(processes) => Ok(processes),
            other => Err(unexpected(&other)),
        }
    }

    /// What a program needs to become one of the session's; `debugger` is a debug adapter, whose ports stay local.
    pub async fn join(&mut self, debugger: Option<u32>) -> io::Result<Injection> {
        match self.ask(&Request::Join { debugger }).await? {
            Answer::Join(joined) => joined.injection(),
            other => Err(unexpected(&other)),
        }
    }
}

/// Asks the session of this name, or whose name begins so, to end; whoever has started it does that. Fails with a
/// sentence for the user.
pub async fn stop(name: &str, environment: &BTreeMap<OsString, OsString>) -> io::Result<()> {
    Client::to(name, environment).await?.ask(&Request::Stop).await.map(drop)
}

fn names<'a>(views: impl Iterator<Item = &'a View>) -> String {
    views.map(|view| view.session.as_str()).collect::<Vec<_>>().join(", ")
}

fn unexpected(answer: &Answer) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the session answers something else: {answer:?}"))
}

/// All sessions of this user, the oldest first. What killed sessions have left is removed.
pub async fn sessions(environment: &BTreeMap<OsString, OsString>) -> Vec<View> {
    let folders = runtime_directories(environment).into_iter().flat_map(|directory| folders(&directory));
    let mut views: Vec<View> = futures::future::join_all(folders.map(look)).await.into_iter().flatten().collect();
    views.sort_by(|one, other| (other.seconds, &one.session).cmp(&(one.seconds, &other.session)));
    views
}

/// This user's session folders, as far as it can be seen.
fn folders(directory: &Path) -> Vec<PathBuf> {
    let own_uid = nix::unistd::getuid().as_raw();
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(FOLDER_PREFIX));
    let own = named.filter(|entry| entry.metadata().is_ok_and(|it| it.is_dir() && it.uid() == own_uid));
    own.map(|entry| entry.path()).filter(|folder| folder.join(SOCKET).exists()).collect()
}

async fn look(folder: PathBuf) -> Option<View> {
    match Client::at(&folder.join(SOCKET)).await {
        Ok(mut client) => client.view(false).await.ok(),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            let changed = fs::metadata(&folder).and_then(|folder| folder.modified()).ok()?;
            // Nobody listens: the session was killed.
            if SystemTime::now().duration_since(changed).is_ok_and(|age| age > SETTLED)
                && let Err(error) = fs::remove_dir_all(&folder)
            {
                tracing::debug!(folder = %folder.display(), %error, "cannot remove what a killed session left");
            }
            None
        }
        Err(_) => None,
    }
}
