//! Who the developer is to agents, and which agents this machine has met: files in the state folder.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use link::{Identity, PublicKey};

/// Agents that are remembered at most; the oldest are forgotten first.
const AGENTS_LIMIT: usize = 256;
/// An agent that was not met for so long is forgotten: it lingers for minutes, its pod lives for days.
const AGENT_AGE_LIMIT: Duration = Duration::from_hours(7 * 24);
/// Longest file that is read: a key or an agent's line is shorter.
const FILE_LIMIT: u64 = 4096;

/// The developer's key pair, and the memory of agents.
#[derive(Clone, Debug)]
pub struct Keys {
    identity: Identity,
    agents: PathBuf,
}

/// An agent as it was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAgent {
    /// Its key, confirmed by its log.
    pub key: PublicKey,
    /// Port on the pod's loopback interface.
    pub port: u16,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// No place for it.
    #[error("no folder for the key of this machine: neither XDG_STATE_HOME nor HOME is set")]
    NoFolder,
    /// A file or folder cannot be read or made.
    #[error("cannot {act} {}: {source}", .path.display())]
    Io {
        /// `read`, `create`…
        act: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Others may read or change the key.
    #[error("the key {} must be yours alone (it has mode {mode:03o}, owner {owner}); `chmod 600 {}`, or remove it to get a new one", .path.display(), .path.display())]
    Exposed {
        /// Its path.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
        /// User id of its owner.
        owner: u32,
    },
    /// The file holds no key.
    #[error("{} holds no key: {source}; remove it to get a new one (agents that linger are then started anew)", .path.display())]
    Corrupt {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        source: link::IdentityError,
    },
    /// No new key could be made.
    #[error("cannot make a key: {0}")]
    Generate(link::IdentityError),
}

impl Keys {
    /// Opens the state folder of the user, with a new key pair if there is none.
    pub fn open() -> Result<Self, KeysError> {
        let variable = |name| std::env::var_os(name).filter(|value| Path::new(value).is_absolute());
        let state = variable("XDG_STATE_HOME").map(PathBuf::from);
        let state = state.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".local/state")));
        Self::open_in(&state.ok_or(KeysError::NoFolder)?.join("mirrord"))
    }

    /// Opens `folder`, with a new key pair if there is none.
    pub fn open_in(folder: &Path) -> Result<Self, KeysError> {
        let agents = folder.join("agents");
        DirBuilder::new().recursive(true).mode(0o700).create(&agents).map_err(failed("create", &agents))?;
        let path = folder.join("identity");
        let mut found = read_identity(&path)?;
        if found.is_none() {
            create_identity(&path)?;
            // Somebody else's may have been first: then it is theirs that counts.
            found = read_identity(&path)?;
        }
        let identity = found.ok_or_else(|| failed("read", &path)(io::ErrorKind::NotFound.into()))?;
        Ok(Self { identity, agents })
    }

    /// The key pair that agents know this developer by.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The agent in container `name` of the pod with `pod_uid`, if it was met.
    pub fn recall(&self, pod_uid: &str, name: &str) -> Option<KnownAgent> {
        let path = self.agent_path(pod_uid, name)?;
        let text = fs::read_to_string(path).ok().filter(|text| text.len() as u64 <= FILE_LIMIT)?;
        let (port, key) = text.trim_end().split_once(' ')?;
        Some(KnownAgent { key: key.parse().ok()?, port: port.parse().ok()? })
    }

    /// Remembers an agent; forgets old ones. That this fails costs a look at the agent's log next time.
    pub fn remember(&self, pod_uid: &str, name: &str, agent: &KnownAgent) {
        let Some(path) = self.agent_path(pod_uid, name) else { return };
        let KnownAgent { key, port } = agent;
        if let Err(error) =
            write_new(&path, format!("{port} {key}\n").as_bytes(), |temporary, path| fs::rename(temporary, path))
        {
            tracing::debug!(%error, path = %path.display(), "cannot remember the agent");
        }
        self.prune();
    }

    /// `None` for what is not a uid or a container's name: they come from outside and become a file's name.
    fn agent_path(&self, pod_uid: &str, name: &str) -> Option<PathBuf> {
        let plain = |text: &str| {
            !text.is_empty()
                && text.len() <= 64
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        (plain(pod_uid) && plain(name)).then(|| self.agents.join(format!("{pod_uid}.{name}")))
    }

    fn prune(&self) {
        let Ok(folder) = fs::read_dir(&self.agents) else { return };
        let mut files: Vec<(SystemTime, PathBuf)> = folder
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort_unstable();
        let excess = files.len().saturating_sub(AGENTS_LIMIT);
        for (position, (modified, path)) in files.iter().enumerate() {
            if position < excess || modified.elapsed().is_ok_and(|age| age > AGENT_AGE_LIMIT) {
                // Another session may have forgotten it at the same time.
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn failed<'a>(act: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> KeysError + use<'a> {
    move |source| KeysError::Io { act, path: path.to_owned(), source }
}

/// The key pair in `path`; `None` if there is no such file.
fn read_identity(path: &Path) -> Result<Option<Identity>, KeysError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed("read", path))?,
    };
    let found = file.metadata().map_err(failed("read", path))?;
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 || found.uid() != nix::unistd::geteuid().as_raw() {
        return Err(KeysError::Exposed { path: path.to_owned(), mode, owner: found.uid() });
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, FILE_LIMIT), &mut bytes).map_err(failed("read", path))?;
    Identity::from_pkcs8(&bytes).map(Some).map_err(|source| KeysError::Corrupt { path: path.to_owned(), source })
}

/// Makes `path` with a new key pair, unless it is there by now. Never shows a half-written file.
fn create_identity(path: &Path) -> Result<(), KeysError> {
    let identity = Identity::generate().map_err(KeysError::Generate)?;
    let linked = write_new(path, identity.pkcs8(), |temporary, path| {
        let linked = fs::hard_link(temporary, path);
        fs::remove_file(temporary)?;
        linked
    });
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked.map_err(failed("create", path)),
    }
}

/// Writes `bytes` to a new file beside `path`, for its owner alone, and lets `place` bring it there.
fn write_new(path: &Path, bytes: &[u8], place: impl FnOnce(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    let random: [u8; 8] = ring::rand::generate(&ring::rand::SystemRandom::new())
        .map_err(|_| io::Error::other("no random numbers"))?
        .expose();
    let name = path.file_name().unwrap_or(OsStr::new("key")).to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{:016x}", u64::from_le_bytes(random)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    place(&temporary, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_identity_stays_and_is_the_users_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("mirrord");
        let first = Keys::open_in(&folder).expect("a new identity");
        let again = Keys::open_in(&folder).expect("the same identity");
        assert_eq!(first.identity().public_key(), again.identity().public_key());
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&folder.join("identity")), mode(&folder)), (0o600, 0o700));
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2, "no temporary file stays");
    }

    #[test]
    fn sessions_that_start_together_get_one_identity() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Keys::open_in(folder.path()).expect("an identity").identity().public_key().to_string();
        let keys: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }

    #[test]
    fn an_identity_that_others_can_read_or_that_is_none_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("identity");
        Keys::open_in(folder.path()).expect("a new identity");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
        let told = Keys::open_in(folder.path()).expect_err("exposed").to_string();
        assert!(told.contains("mode 644") && told.contains(&format!("`chmod 600 {}`", path.display())), "{told}");
        fs::write(&path, "nonsense").expect("ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
        assert!(matches!(Keys::open_in(folder.path()), Err(KeysError::Corrupt { .. })));
    }

    #[test]
    fn agents_are_remembered_within_bounds() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = Keys::open_in(folder.path()).expect("a new identity");
        let agent = KnownAgent { key: keys.identity().public_key().clone(), port: 20_001 };
        for number in 0..AGENTS_LIMIT + 5 {
            keys.remember("uid-1", &format!("mirrord-agent-{number}"), &agent);
        }
        assert_eq!(keys.recall("uid-1", &format!("mirrord-agent-{}", AGENTS_LIMIT + 4)), Some(agent.clone()));
        assert_eq!(keys.recall("uid-2", "mirrord-agent-1"), None);
        assert_eq!(fs::read_dir(folder.path().join("agents")).expect("a folder").count(), AGENTS_LIMIT);
        keys.remember("../..", "x", &agent);
        assert_eq!(keys.recall("../..", "x"), None);
    }
}
