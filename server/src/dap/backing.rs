//! The session behind a launch: its configuration found and checked, its start, and what the proxy asks of it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    future::ready,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use config::{Loaded, Severity};
use futures::future::BoxFuture;
use session::{
    Injection, Options, Place,
    control::Guests,
    event::{Event, Observer},
    view::{By, View},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    joined::Joined,
    launch::{ConfigWish, SessionWish},
    launched::Launched,
};
use crate::settings::{self, File, Settings, Unreadable};

/// Files that are looked for below the working directory when a launch names none.
const USUAL_FILES: &[&str] = &[
    ".mirrord/mirrord.json",
    ".mirrord/mirrord.jsonc",
    ".mirrord/mirrord.yaml",
    ".mirrord/mirrord.yml",
    ".mirrord/mirrord.toml",
];

/// What a launch gives to its session.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// What the user wants.
    pub(super) wish: SessionWish,
    /// Path of `libmirrord_layer.so`.
    pub(super) layer: PathBuf,
    /// The environment that the program would have without us.
    pub(super) environment: BTreeMap<OsString, OsString>,
    /// Working directory of the program.
    pub(super) working_directory: PathBuf,
    /// The program, as the launch names it.
    pub(super) program: Option<PathBuf>,
}

/// The session that a launch wants.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// A new one.
    New(Launch),
    /// The one of this name, or whose name begins so, looked for where this environment says that such are.
    Named(String, BTreeMap<OsString, OsString>),
    /// The one with this control socket, of the program that has started the debugged one.
    Parents(PathBuf),
}

/// Where sessions come from.
#[derive(Clone, Debug)]
pub(super) enum Sessions {
    /// The cluster.
    Cluster,
    /// A test tells what they do.
    #[cfg(test)]
    Pretended(super::tests::Pretence),
}

/// A running session; clones are the same one.
#[derive(Clone, Debug)]
pub(super) enum Backing {
    /// A real one, of our own.
    Session(Arc<session::Session>),
    /// Somebody else's.
    Joined(Joined),
    /// A test's.
    #[cfg(test)]
    Pretended(super::tests::Pretence),
}

/// A debugger holds a program while this lives.
#[derive(Debug)]
pub(super) enum Standing {
    Session {
        _guard: session::Standing,
    },
    Joined {
        _guard: super::joined::Standing,
    },
    #[cfg(test)]
    Pretended {
        _guard: super::tests::Standing,
    },
}

impl Sessions {
    /// Starts a session, or joins one. Fails with text for the user.
    pub(super) async fn find(
        self,
        wanted: Wanted,
        observer: Observer,
        cancel: CancellationToken,
    ) -> Result<Backing, String> {
        let launch = match wanted {
            Wanted::New(launch) => launch,
            Wanted::Named(name, environment) => {
                return Joined::named(&name, &environment, observer).await.map(Backing::Joined);
            }
            Wanted::Parents(control) => {
                // How the session does is told by the parent.
                return Joined::at(&control, Observer::new(drop)).await.map(Backing::Joined);
            }
        };
        match self {
            Self::Cluster => {
                let session = start(launch, By::Debug, None, observer, cancel).await;
                session.map(|session| Backing::Session(Arc::new(session)))
            }
            #[cfg(test)]
            Self::Pretended(pretence) => pretence.start(launch, observer, cancel).await,
        }
    }
}

/// Starts a session in the cluster, under `name` if it has one already. Fails with text for the user.
pub(super) async fn start(
    launch: Launch,
    by: By,
    name: Option<String>,
    observer: Observer,
    cancel: CancellationToken,
) -> Result<session::Session, String> {
    let config = load(&launch, &observer)?;
    let Launch { wish: _, layer, environment, working_directory, program } = launch;
    let options = Options {
        config,
        layer,
        helper: crate::bundle::helper(),
        environment,
        working_directory,
        program,
        place: Place::Cluster,
        by,
        name,
    };
    session::Session::start(options, observer, cancel).await.map_err(|error| chain(&error))
}

impl Backing {
    /// What to apply to the program's launch.
    pub(super) fn injection(&self) -> Injection {
        match self {
            Self::Session(session) => session.injection().clone(),
            Self::Joined(joined) => joined.injection(),
            #[cfg(test)]
            Self::Pretended(pretence) => pretence.injection(),
        }
    }

    /// What processes of the session import themselves, which those that no library gets into cannot.
    pub(super) fn imported(&self) -> Injection {
        match self {
            Self::Session(session) => session.imported().clone(),
            // Not told to guests.
            Self::Joined(_) => Injection::default(),
            #[cfg(test)]
            Self::Pretended(_) => Injection::default(),
        }
    }

    /// Ports that a debug adapter listens on stay local.
    pub(super) fn exempt_debugger(&self, pid: u32) {
        match self {
            Self::Session(session) => session.exempt_debugger(pid),
            Self::Joined(joined) => joined.exempt_debugger(pid),
            #[cfg(test)]
            Self::Pretended(pretence) => pretence.note(&format!("exempt {}", pid > 0)),
        }
    }

    /// Supervises an adapter that has started beside the session. Fails with a sentence for the user.
    pub(super) async fn take_charge(&self, early: session::Early) -> Result<(), String> {
        match self {
            Self::Session(session) => session
                .take_charge(early)
                .await
                .map_err(|error| format!("the debug adapter cannot be watched by the session: {error}")),
            // They were there before it.
            Self::Joined(_) => Err("an adapter that started by itself cannot join a session".to_owned()),
            #[cfg(test)]
            Self::Pretended(pretence) => {
                pretence.note("take charge");
                Ok(())
            }
        }
    }

    /// How many processes of a launch have said hello.
    pub(super) async fn of_launch(&self, launched: &Launched) -> u64 {
        match self {
            Self::Session(session) => session.of_launch(&launched.name),
            Self::Joined(joined) => joined.of_launch(&launched.name).await.unwrap_or_default(),
            #[cfg(test)]
            Self::Pretended(_) => 0,
        }
    }

    /// Whether the program of a launch says hello within `limit`.
    pub(super) fn layer_reported(&self, launched: Launched, limit: Duration) -> BoxFuture<'static, bool> {
        match self.clone() {
            Self::Session(session) => {
                let Launched { name, before } = launched;
                Box::pin(async move { session.launch_reported(&name, before, limit).await })
            }
            Self::Joined(joined) => Box::pin(joined.layer_reported(launched, limit)),
            #[cfg(test)]
            Self::Pretended(pretence) => Box::pin(pretence.layer_reported(limit)),
        }
    }

    /// Resolves when the session is lost, with the reason.
    pub(super) fn lost(&self) -> BoxFuture<'static, String> {
        match self.clone() {
            Self::Session(session) => Box::pin(async move { session.lost().await }),
            Self::Joined(joined) => Box::pin(joined.lost()),
            #[cfg(test)]
            Self::Pretended(pretence) => Box::pin(pretence.lost()),
        }
    }

    /// Resolves when somebody wants elsewhere that the session end, with who that is; never for one that we have joined,
    /// which its owner ends.
    pub(super) fn stop_wanted(&self) -> BoxFuture<'static, String> {
        match self {
            Self::Session(session) => Box::pin(session.stop_wanted()),
            Self::Joined(_) => Box::pin(std::future::pending()),
            #[cfg(test)]
            Self::Pretended(pretence) => Box::pin(pretence.clone().stop_wanted()),
        }
    }

    /// What the session is and does, with the target's variables if `environment`. Fails with a sentence for the user.
    pub(super) fn view(&self, environment: bool) -> BoxFuture<'static, Result<View, String>> {
        match self {
            Self::Session(session) => Box::pin(ready(Ok(session.view(environment)))),
            Self::Joined(joined) => Box::pin(joined.clone().view(environment)),
            #[cfg(test)]
            Self::Pretended(pretence) => Box::pin(ready(Ok(pretence.view()))),
        }
    }

    /// A debugger holds a program of the session, until what is given is dropped.
    pub(super) fn standing(&self) -> Standing {
        match self {
            Self::Session(session) => Standing::Session { _guard: session.standing() },
            Self::Joined(joined) => Standing::Joined { _guard: joined.standing() },
            #[cfg(test)]
            Self::Pretended(pretence) => Standing::Pretended { _guard: pretence.standing() },
        }
    }

    /// Who else debugs in it; nothing for a session that somebody else ends.
    pub(super) fn guests(&self) -> Option<watch::Receiver<Guests>> {
        match self {
            Self::Session(session) => Some(session.guests()),
            Self::Joined(_) => None,
            #[cfg(test)]
            Self::Pretended(pretence) => Some(pretence.guests()),
        }
    }

    /// Where others join the session.
    pub(super) fn control(&self) -> PathBuf {
        match self {
            Self::Session(session) => session.control_socket().to_owned(),
            Self::Joined(joined) => joined.control(),
            #[cfg(test)]
            Self::Pretended(pretence) => pretence.control(),
        }
    }

    /// Ends the session, or leaves it to its owner. No future of it may be alive any more, else it only ends when they
    /// are dropped.
    pub(super) async fn stop(self) {
        match self {
            Self::Session(session) => {
                if let Some(session) = Arc::into_inner(session) {
                    session.stop().await;
                }
            }
            Self::Joined(_) => {}
            #[cfg(test)]
            Self::Pretended(pretence) => pretence.note("stop"),
        }
    }
}

/// Loads the configuration; warnings go to `observer`, errors are the result.
fn load(launch: &Launch, observer: &Observer) -> Result<Loaded, String> {
    let env = launch.environment.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let overrides = settings::overrides(env, &launch.working_directory, launch.wish.flags.clone());
    let file = file(&launch.wish.config, &launch.working_directory).map_err(|error| error.to_string())?;
    let settings = Settings::of(file, &overrides);
    for warning in settings.problems(|severity| severity == Severity::Warning) {
        observer.tell(Event::Warning(warning));
    }
    if settings.usable() {
        return Ok(settings.loaded);
    }
    let errors = settings.problems(|severity| severity == Severity::Error);
    Err(format!("the configuration cannot be used:\n{}", errors.join("\n")))
}

/// The configuration's text; nothing when there is none.
fn file(wish: &ConfigWish, working_directory: &Path) -> Result<Option<File>, Unreadable> {
    match wish {
        ConfigWish::File(path) => File::read(&working_directory.join(path)).map(Some),
        // The name tells the syntax.
        ConfigWish::Inline(value) => Ok(Some(File::inline("launch.json", value.to_string()))),
        ConfigWish::Usual => {
            let mut usual = USUAL_FILES.iter().map(|file| working_directory.join(file)).filter(|path| path.is_file());
            usual.next().map(|path| File::read(&path)).transpose()
        }
    }
}

/// An error with its causes, as far as they are not repeated in it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}
