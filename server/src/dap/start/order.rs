//! What a debug adapter's process has to do with the session: when it starts, and with what.

use session::{Early, Injection};

use super::super::{
    adapters::{Adapter, Command, EnvShape},
    backing::{Backing, Sessions, Wanted},
    connection::{Connection, Place},
    launched::{Launched, unnamed},
    process::Program,
};
use crate::exec;

/// What the process of the adapter has to do with the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing: both start at the same time.
    Beside,
    /// It is watched, and so is what it starts. Both start at the same time, since what the program gets is in its launch:
    /// until the session takes charge, all that the adapter calls goes on.
    WatchedBeside,
    /// It is watched, and so is what it starts.
    Watched,
    /// Its environment is what it gives to the program.
    Inside,
}

impl Order {
    pub(super) fn of(adapter: &Adapter, watched: bool, session: Option<&Wanted>) -> Self {
        let inherits = adapter.environment == EnvShape::Process;
        match session {
            Some(_) if inherits => {
                if watched {
                    Self::Watched
                } else {
                    Self::Inside
                }
            }
            // Only a session of our own takes charge of what has started before it.
            Some(Wanted::New(_)) if watched => Self::WatchedBeside,
            Some(_) if watched => Self::Watched,
            Some(_) | None => Self::Beside,
        }
    }

    /// What program, or adapter in its place, is given.
    pub(super) fn injection(self, backing: &Backing, launched: &Launched) -> Injection {
        let injection = launched.named(backing.injection());
        match self {
            Self::Beside | Self::Inside => injection,
            Self::WatchedBeside | Self::Watched => exec::watched(&injection, &backing.imported()),
        }
    }

    /// The place of an adapter that starts after the session.
    pub(super) fn furnish(self, place: Place, injection: Injection) -> Place {
        let furnish = |command: Command| match self {
            Self::Beside => command,
            Self::WatchedBeside | Self::Watched => command.watched(&injection),
            Self::Inside => Command { injection, ..command },
        };
        place.with(furnish)
    }

    /// The place of an adapter that has started beside the session, and is started once more without what the program must
    /// not have.
    pub(super) fn furnish_again(self, place: Place, injection: &Injection) -> Place {
        match self {
            Self::Beside => {
                Self::Inside.furnish(place, Injection { unset: injection.unset.clone(), ..Injection::default() })
            }
            Self::WatchedBeside | Self::Watched | Self::Inside => self.furnish(place, unnamed(injection.clone())),
        }
    }
}

/// Where the adapter is when it starts beside its session, and who keeps its calls going until that is there.
pub(super) fn unsupervised(
    place: Place,
    session: Option<&(Sessions, Wanted)>,
) -> Result<(Place, Option<Early>), String> {
    let Some((_, Wanted::New(launch))) = session else { return Ok((place, None)) };
    let early = Early::new(&launch.environment);
    let early = early.map_err(|error| format!("the socket for the debug adapter cannot be made: {error}"))?;
    let place = Order::WatchedBeside.furnish(place, early.injection().clone());
    Ok((place, Some(early)))
}

/// The session takes charge of an adapter that has started beside it.
pub(super) async fn in_charge(backing: &Backing, early: Early, connection: Connection) -> Result<Connection, String> {
    match backing.take_charge(early).await {
        Ok(()) => Ok(connection),
        Err(reason) => {
            connection.close(Program::Ends(None)).await;
            Err(reason)
        }
    }
}
