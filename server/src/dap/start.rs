//! The start of a launch: debug adapter and session side by side, both or neither.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::Path,
};

use futures::future::join;
use serde_json::Value;
use session::{
    Injection,
    event::{Event, Observer},
};
use tokio_util::sync::CancellationToken;

use super::{
    adapters::Adapter,
    backing::{Backing, Sessions, Wanted},
    connection::{self, Connection, Place},
    message::Arguments,
    process::Program,
};
use crate::{
    exec,
    program::{self, Surroundings},
};

/// What a launch needs.
pub(super) struct Beginning {
    /// The debug adapter.
    pub(super) adapter: &'static Adapter,
    /// Where it is.
    pub(super) place: Place,
    /// The editor's `initialize`.
    pub(super) greeting: Arguments,
    /// The session, if there shall be one.
    pub(super) session: Option<(Sessions, Wanted)>,
    /// Whether adapter or program is one that our library does not get into: then the adapter is watched, and what it
    /// starts with it.
    pub(super) watched: bool,
    /// Who hears of the session.
    pub(super) observer: Observer,
    /// Ends the start from outside.
    pub(super) cancel: CancellationToken,
}

/// What came of it.
pub(super) struct Begun {
    /// The debug adapter.
    pub(super) connection: Connection,
    /// The session, if one was wanted.
    pub(super) backing: Option<Backing>,
    /// What the program gets, if there is a session.
    pub(super) injection: Option<Injection>,
}

/// Starts both; when one fails the other is ended. Fails with text for the user.
pub(super) async fn begin(beginning: Beginning) -> Result<Begun, String> {
    match beginning {
        Beginning { watched: true, session: Some(session), adapter, place, greeting, observer, cancel } => {
            begin_watched(Watched { adapter, place, greeting, session, observer, cancel }).await
        }
        beginning => begin_both(beginning).await,
    }
}

/// What a launch of a watched adapter needs.
struct Watched {
    adapter: &'static Adapter,
    place: Place,
    greeting: Arguments,
    session: (Sessions, Wanted),
    observer: Observer,
    cancel: CancellationToken,
}

/// First the session, then the adapter under its eyes.
async fn begin_watched(watched: Watched) -> Result<Begun, String> {
    let Watched { adapter, place, greeting, session: (sessions, wanted), observer, cancel } = watched;
    let backing = sessions.find(wanted, observer, cancel.clone()).await?;
    let injection = exec::without_library(&backing.injection());
    let place = if let Place::Start(command) = place { Place::Start(command.watched(&injection)) } else { place };
    let opened = cancel.run_until_cancelled(connection::open(adapter, place, &greeting)).await;
    match opened {
        Some(Ok(connection)) => Ok(Begun { connection, backing: Some(backing), injection: Some(injection) }),
        failed => {
            backing.stop().await;
            Err(failed.and_then(Result::err).unwrap_or_else(|| "the launch was cancelled".to_owned()))
        }
    }
}

/// Both at the same time.
async fn begin_both(beginning: Beginning) -> Result<Begun, String> {
    let Beginning { adapter, place, greeting, session, watched: _, observer, cancel } = beginning;
    let opening = async {
        let opened = cancel.run_until_cancelled(connection::open(adapter, place, &greeting)).await;
        if matches!(opened, Some(Err(_))) {
            cancel.cancel();
        }
        opened
    };
    let starting = async {
        let Some((sessions, wanted)) = session else { return Ok(None) };
        let is_child = matches!(wanted, Wanted::Parents(_));
        match sessions.find(wanted, observer.clone(), cancel.clone()).await {
            Ok(backing) => Ok(Some(backing)),
            Err(reason) if is_child => {
                // The child is in the session already: its debugger goes without looking into it.
                observer.tell(Event::Warning(format!("of the parent's session nothing is shown here: {reason}")));
                Ok(None)
            }
            Err(reason) => {
                cancel.cancel();
                Err(reason)
            }
        }
    };
    match join(opening, starting).await {
        (Some(Ok(connection)), Ok(backing)) => {
            let injection = backing.as_ref().map(Backing::injection);
            Ok(Begun { connection, backing, injection })
        }
        (opened, started) => {
            // The session that is up although the adapter failed, or the other way round.
            let mut reason = "the launch was cancelled".to_owned();
            match started {
                Ok(Some(backing)) => backing.stop().await,
                Ok(None) => {}
                Err(error) => reason = error,
            }
            match opened {
                Some(Ok(connection)) => connection.close(Program::Ends(None)).await,
                Some(Err(error)) => reason = error,
                None => {}
            }
            Err(reason)
        }
    }
}

/// Whether the adapter that `place` starts, or the program that it is to start, is one that our library does not get
/// into. One that is not there is told of by others.
pub(super) fn is_watched(
    place: &Place,
    arguments: &Arguments,
    environment: &BTreeMap<OsString, OsString>,
    working_directory: &Path,
) -> bool {
    let Place::Start(command) = place else { return false };
    let surroundings =
        Surroundings { path: environment.get(OsStr::new("PATH")).map(OsString::as_os_str), working_directory };
    let adapter = program::find(command.program.as_os_str(), surroundings);
    let program = arguments.get("program").and_then(Value::as_str).map(|program| working_directory.join(program));
    let program = program.filter(|program| program.is_file()).map(|program| program::check(&program));
    adapter.is_ok_and(|found| found.watched.is_some()) || matches!(program, Some(Ok(Some(_))))
}

/// The environment that the program would have without us: ours, with what the launch sets or removes.
pub(super) fn environment(ours: &BTreeMap<OsString, OsString>, arguments: &Arguments) -> BTreeMap<OsString, OsString> {
    let mut environment = ours.clone();
    for (name, value) in arguments.get("env").and_then(Value::as_object).into_iter().flatten() {
        match value {
            Value::Null => drop(environment.remove(OsStr::new(name))),
            Value::String(value) => drop(environment.insert(name.into(), value.into())),
            other => drop(environment.insert(name.into(), other.to_string().into())),
        }
    }
    environment
}
