//! The start of a launch: debug adapter and session side by side, both or neither.

mod order;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::Path,
};

use futures::future::join;
use session::{
    Injection,
    event::{Event, Observer},
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::order::{Order, in_charge, unsupervised};
use super::{
    adapters::{Adapter, EnvShape, Job, Prepared, entries},
    backing::{Backing, Sessions, Wanted},
    connection::{self, Connection, Place},
    launch,
    launched::{Launched, unnamed},
    message::Arguments,
    process::Program,
};
use crate::program::{self, Surroundings};

/// What a launch needs.
pub(super) struct Beginning {
    /// The debug adapter.
    pub(super) adapter: Adapter,
    /// Where it is.
    pub(super) place: Place,
    /// The editor's `initialize`.
    pub(super) greeting: Arguments,
    /// The launch, with what it wants made first.
    pub(super) job: Job,
    /// The session, if there shall be one.
    pub(super) session: Option<(Sessions, Wanted)>,
    /// Whether adapter or program is one that our library does not get into: then the adapter is watched, and what it
    /// starts with it.
    pub(super) watched: bool,
    /// Ends the start from outside.
    pub(super) cancel: CancellationToken,
}

/// What came of it.
pub(super) struct Begun {
    /// The debug adapter.
    pub(super) connection: Connection,
    /// The launch, as the adapter gets it but for the environment.
    pub(super) arguments: Arguments,
    /// The session, if one was wanted.
    pub(super) backing: Option<Backing>,
    /// What the program gets, if there is a session.
    pub(super) injection: Option<Injection>,
    /// The launch, as the session knows it.
    pub(super) launched: Launched,
    /// Whether the adapter is watched: whatever it starts is in the session.
    pub(super) contained: bool,
}

/// Starts both; when one fails the other is ended. Fails with text for the user.
pub(super) async fn begin(beginning: Beginning) -> Result<Begun, String> {
    let Beginning { adapter, place, greeting, job, session, watched, cancel } = beginning;
    let order = Order::of(&adapter, watched, session.as_ref().map(|(_, wanted)| wanted));
    let inherits = adapter.environment == EnvShape::Process;
    let mut launched = Launched::new();
    let observer = job.observer.clone();
    let again = place.again();
    let launches = session.as_ref().is_some_and(|(_, wanted)| !matches!(wanted, Wanted::Parents(_)));
    let prepare = adapter.prepare.filter(|_| launches);
    let (ready_tx, ready) = oneshot::channel::<Backing>();
    let (place, early) = match order {
        Order::WatchedBeside => unsupervised(place, session.as_ref())?,
        Order::Beside | Order::Watched | Order::Inside => (place, None),
    };
    let opening = async {
        let prepared = match prepare {
            Some(prepare) => prepare(job).await?,
            None => Prepared { arguments: job.arguments, folder: None },
        };
        let Prepared { arguments, folder } = prepared;
        let mut connection = match order {
            Order::Beside | Order::WatchedBeside => connection::open(&adapter, place, &greeting, |_| {}).await?,
            Order::Watched | Order::Inside => {
                let backing = ready.await.map_err(|_| CANCELLED.to_owned())?; // the session has failed
                let injection = order.injection(&backing, &launched);
                let place = order.furnish(place, if inherits { injection } else { unnamed(injection) });
                let exempt = |process| backing.exempt_debugger(process);
                connection::open(&adapter, place, &greeting, exempt).await?
            }
        };
        connection.folder = folder;
        Ok::<_, String>((connection, arguments))
    };
    let opening = async {
        let opened = cancel.run_until_cancelled(opening).await;
        if matches!(opened, Some(Err(_))) {
            cancel.cancel();
        }
        opened
    };
    let starting = async {
        let Some((sessions, wanted)) = session else { return Ok(None) };
        let is_child = matches!(wanted, Wanted::Parents(_));
        match sessions.find(wanted, observer.clone(), cancel.clone()).await {
            Ok(backing) => {
                // Nobody waits for it where both start at the same time.
                drop(ready_tx.send(backing.clone()));
                Ok(Some(backing))
            }
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
    let (opened, started) = Box::pin(join(opening, starting)).await;
    let (connection, arguments, backing) = both(opened, started).await?;
    let Some(backing) = backing else {
        return Ok(Begun { connection, arguments, backing: None, injection: None, launched, contained: false });
    };
    let injection = order.injection(&backing, &launched);
    if inherits {
        launched.before = backing.of_launch(&launched).await;
    }
    let has_it = matches!(order, Order::Watched | Order::Inside);
    let removes = has_it || adapter.environment.removes() || injection.unset.is_empty();
    let connection = match (removes, early) {
        (true, None) => Ok(connection),
        (true, Some(early)) => in_charge(&backing, early, connection).await,
        (false, _) => {
            let again = again.map(|place| order.furnish_again(place, &injection));
            without(&injection, again, connection, &adapter, &greeting, &observer).await
        }
    };
    let connection = match connection {
        Ok(connection) => connection,
        Err(reason) => {
            backing.stop().await;
            return Err(reason);
        }
    };
    if order == Order::WatchedBeside
        && let Some(process) = connection.process_id()
    {
        backing.exempt_debugger(process);
    }
    let contained = matches!(order, Order::WatchedBeside | Order::Watched);
    Ok(Begun { connection, arguments, backing: Some(backing), injection: Some(injection), launched, contained })
}

/// Why a start that was cancelled has failed.
const CANCELLED: &str = "the launch was cancelled";

/// What has started, when both have; else neither stays.
async fn both(
    opened: Option<Result<(Connection, Arguments), String>>,
    started: Result<Option<Backing>, String>,
) -> Result<(Connection, Arguments, Option<Backing>), String> {
    match (opened, started) {
        (Some(Ok((connection, arguments))), Ok(backing)) => Ok((connection, arguments, backing)),
        (opened, started) => {
            // The session that is up although the adapter failed, or the other way round.
            let mut reason = CANCELLED.to_owned();
            match started {
                Ok(Some(backing)) => backing.stop().await,
                Ok(None) => {}
                Err(error) => reason = error,
            }
            match opened {
                Some(Ok((connection, _))) => connection.close(Program::Ends(None)).await,
                Some(Err(error)) if error != CANCELLED => reason = error,
                Some(Err(_)) | None => {}
            }
            Err(reason)
        }
    }
}

/// An adapter that cannot take variables away from its program must not have them itself: it is started again without
/// them, at the place `again`. That a session removes variables is rare, and known too late for the first start.
async fn without(
    injection: &Injection,
    again: Option<Place>,
    connection: Connection,
    adapter: &Adapter,
    greeting: &Arguments,
    observer: &Observer,
) -> Result<Connection, String> {
    let Some(place) = again else {
        let names: Vec<_> = injection.unset.iter().map(|name| name.to_string_lossy()).collect();
        let text = format!(
            "the debug adapter {} cannot remove variables from a program, which may so have these of this machine: {}",
            adapter.name,
            names.join(", ")
        );
        observer.tell(Event::Warning(text));
        return Ok(connection);
    };
    let mut connection = connection;
    let folder = connection.folder.take();
    let ((), opened) =
        join(connection.close(Program::Ends(None)), connection::open(adapter, place, greeting, |_| {})).await;
    opened.map(|mut connection| {
        connection.folder = folder;
        connection
    })
}

/// Whether the adapter that `place` starts, or the program that it is to start, is one that our library does not get
/// into. One that is not there is told of by others.
pub(super) fn is_watched(
    place: &Place,
    arguments: &Arguments,
    environment: &BTreeMap<OsString, OsString>,
    working_directory: &Path,
) -> bool {
    let surroundings =
        Surroundings { path: environment.get(OsStr::new("PATH")).map(OsString::as_os_str), working_directory };
    let adapter = match place {
        Place::Start(command) | Place::Serve(command) => program::find(command.program.as_os_str(), surroundings).ok(),
        // It runs already.
        Place::Listening(_) => return false,
        #[cfg(test)]
        Place::Given(_) => None,
    };
    let program = launch::program(arguments, working_directory)
        .filter(|program| program.is_file())
        .map(|program| program::check(&program));
    adapter.is_some_and(|found| found.watched.is_some()) || matches!(program, Some(Ok(Some(_))))
}

/// The environment that the program would have without us: ours, with what the launch sets or removes.
pub(super) fn environment(ours: &BTreeMap<OsString, OsString>, arguments: &Arguments) -> BTreeMap<OsString, OsString> {
    let mut environment = ours.clone();
    for (name, value) in entries(arguments.get("env")) {
        match value {
            None => drop(environment.remove(OsStr::new(&name))),
            Some(value) => drop(environment.insert(name.into(), value.into())),
        }
    }
    environment
}
