//! The start of a launch: debug adapter and session side by side, both or neither.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use futures::future::join;
use serde_json::Value;
use session::event::Observer;
use tokio_util::sync::CancellationToken;

use super::{
    adapters::Adapter,
    backing::{Backing, Launch, Sessions},
    connection::{self, Connection, Place},
    message::Arguments,
    process::Program,
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
    pub(super) session: Option<(Sessions, Launch)>,
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
}

/// Starts both at the same time; when one fails the other is ended. Fails with text for the user.
pub(super) async fn begin(beginning: Beginning) -> Result<Begun, String> {
    let Beginning { adapter, place, greeting, session, observer, cancel } = beginning;
    let opening = async {
        let opened = cancel.run_until_cancelled(connection::open(adapter, place, &greeting)).await;
        if matches!(opened, Some(Err(_))) {
            cancel.cancel();
        }
        opened
    };
    let starting = async {
        let Some((sessions, launch)) = session else { return Ok(None) };
        let started = sessions.start(launch, observer, cancel.clone()).await;
        if started.is_err() {
            cancel.cancel();
        }
        started.map(Some)
    };
    match join(opening, starting).await {
        (Some(Ok(connection)), Ok(backing)) => Ok(Begun { connection, backing }),
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
