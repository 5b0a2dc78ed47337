//! The proxy: one task that owns all state, and one loop over everything that can happen.

mod adapter_side;
mod editor_side;
mod ending;

use std::{collections::VecDeque, time::Duration};

use futures::{
    StreamExt as _,
    future::{BoxFuture, OptionFuture},
    stream::FuturesUnordered,
};
use serde_json::Value;
use session::{
    Injection,
    event::{Event, Observer},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::{
    codec::{FramedRead, FramedWrite},
    sync::CancellationToken,
};

use super::{
    Environment, Error,
    adapters::{self, Adapter},
    backing::{Backing, Sessions},
    connection::{self, Connection, Place},
    message::{Arguments, Asked, Category, Ledger},
    process::Program,
    progress::{Progress, line},
    start::Begun,
};
use crate::frames::{FrameError, Frames};

/// How long after the program's start a layer may take to report in. A busy machine loads slowly; a program without us
/// must not run for long.
pub(super) const LAYER_LIMIT: Duration = Duration::from_secs(5);

/// How long an adapter may take to answer `disconnect`; some never do.
pub(super) const DISCONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How long an editor may stay after it was told that all is over.
pub(super) const LINGER_LIMIT: Duration = Duration::from_secs(10);

/// How long the end of session and adapter may take together.
const FINISH_LIMIT: Duration = Duration::from_secs(8);

/// Messages of the editor that wait for the adapter. Editors send tens while they start.
const HELD_LIMIT: usize = 1024;

/// Events of the session that wait to be told.
const EVENTS_LIMIT: usize = 256;

/// Where sessions and adapters are.
pub(super) struct Reach {
    /// Where sessions come from.
    pub(super) sessions: Sessions,
    /// Other ends of adapters that a test plays.
    #[cfg(test)]
    pub(super) given: Vec<tokio::io::DuplexStream>,
}

impl Reach {
    /// The cluster, and processes of this machine.
    pub(super) fn world() -> Self {
        Self {
            sessions: Sessions::Cluster,
            #[cfg(test)]
            given: Vec::new(),
        }
    }
}

/// How far the debug session is.
enum Stage {
    /// No `launch` or `attach` yet.
    Idle,
    /// Adapter and session are starting.
    Starting { cancel: CancellationToken, begin: BoxFuture<'static, Result<Begun, String>> },
    /// Messages pass.
    Running,
    /// The editor's `disconnect` was passed on.
    Leaving,
    /// Nothing can be done any more, for this reason.
    Over(String),
}

/// What can happen.
enum Happening {
    Editor(Option<Result<Value, FrameError>>),
    Adapter(Option<Result<Value, FrameError>>),
    Complaint(String),
    Told(Event),
    Begun(Box<Result<Begun, String>>),
    Layer(bool),
    Lost(String),
    TornDown,
    Deadline,
    Stop,
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Continue,
    /// The editor has gone, or everything was answered.
    Done,
}

/// The state of one debug session.
pub(super) struct Proxy<I, O> {
    environment: Environment,
    reach: Reach,
    input: FramedRead<I, Frames>,
    output: FramedWrite<O, Frames>,
    /// Number of the last message to the editor.
    seq: i64,
    adapter: &'static Adapter,
    /// The editor's `initialize`.
    greeting: Option<Arguments>,
    /// The capabilities that the editor knows of.
    told: Value,
    progress: Progress,
    stage: Stage,
    /// The open `launch` or `attach` while it has not been passed on, and what it says.
    launch: Option<(Asked, Arguments)>,
    /// A `disconnect` that came while all was starting.
    parting: Option<Asked>,
    held: VecDeque<Value>,
    connection: Option<Connection>,
    /// Requests of the editor that the adapter has.
    asked: Ledger,
    /// Requests of the adapter that the editor has.
    asked_back: Ledger,
    backing: Option<Backing>,
    /// What the program gets of the session.
    injection: Injection,
    observer: Observer,
    /// session --what happens--> proxy
    events: mpsc::Receiver<Event>,
    /// The open question whether a layer reports in.
    layer: Option<BoxFuture<'static, bool>>,
    layer_reported: bool,
    lost: Option<BoxFuture<'static, String>>,
    /// What becomes of the program when the adapter is closed.
    program: Program,
    restarting: bool,
    terminated: bool,
    /// Endings under way.
    teardown: FuturesUnordered<BoxFuture<'static, ()>>,
    deadline: Option<Instant>,
    outcome: Result<(), Error>,
}

impl<I, O> Proxy<I, O>
where
    I: AsyncRead + Send + Unpin,
    O: AsyncWrite + Send + Unpin,
{
    pub(super) fn new(input: I, output: O, environment: Environment, reach: Reach) -> Self {
        let (events_tx, events) = mpsc::channel(EVENTS_LIMIT);
        let observer = Observer::new(move |event| {
            if let Err(error) = events_tx.try_send(event) {
                tracing::warn!("an event of the session is lost: {error}");
            }
        });
        Self {
            environment,
            reach,
            input: FramedRead::new(input, Frames::default()),
            output: FramedWrite::new(output, Frames::default()),
            seq: 0,
            adapter: &adapters::ADAPTERS[0],
            greeting: None,
            told: Value::Null,
            progress: Progress::default(),
            stage: Stage::Idle,
            launch: None,
            parting: None,
            held: VecDeque::new(),
            connection: None,
            asked: Ledger::default(),
            asked_back: Ledger::default(),
            backing: None,
            injection: Injection::default(),
            observer,
            events,
            layer: None,
            layer_reported: false,
            lost: None,
            program: Program::Ends(None),
            restarting: false,
            terminated: false,
            teardown: FuturesUnordered::new(),
            deadline: None,
            outcome: Ok(()),
        }
    }

    /// Serves until the end, and ends everything.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut gone = false;
        loop {
            let happening = self.next().await;
            match self.handle(happening).await {
                Ok(Flow::Continue) => {}
                Ok(Flow::Done) => break,
                // Writing to the editor failed: it has gone.
                Err(error) => {
                    tracing::info!("the editor cannot be written to: {error}");
                    gone = true;
                    break;
                }
            }
        }
        self.finish(gone).await
    }

    async fn next(&mut self) -> Happening {
        let (connected, stop) = (self.connection.is_some(), self.environment.stop.clone());
        let (from_adapter, complaint) = match &mut self.connection {
            Some(Connection { input, complaints, .. }) => (Some(input.next()), Some(complaints.recv())),
            None => (None, None),
        };
        let begin = match &mut self.stage {
            Stage::Starting { begin, .. } => Some(begin),
            _ => None,
        };
        tokio::select! {
            message = self.input.next() => Happening::Editor(message),
            Some(message) = OptionFuture::from(from_adapter), if connected => Happening::Adapter(message),
            Some(Some(complaint)) = OptionFuture::from(complaint), if connected => Happening::Complaint(complaint),
            Some(event) = self.events.recv() => Happening::Told(event),
            Some(begun) = OptionFuture::from(begin) => Happening::Begun(Box::new(begun)),
            Some(reported) = OptionFuture::from(self.layer.as_mut()) => Happening::Layer(reported),
            Some(reason) = OptionFuture::from(self.lost.as_mut()) => Happening::Lost(reason),
            Some(()) = self.teardown.next() => Happening::TornDown,
            Some(()) = OptionFuture::from(self.deadline.map(sleep_until)) => Happening::Deadline,
            () = stop.cancelled() => Happening::Stop,
        }
    }

    async fn handle(&mut self, happening: Happening) -> Result<Flow, FrameError> {
        match happening {
            Happening::Editor(Some(Ok(message))) => return self.on_editor(message).await,
            Happening::Editor(Some(Err(error))) => {
                self.outcome = Err(Error::Editor(error));
                return Ok(Flow::Done);
            }
            Happening::Editor(None) | Happening::Stop => return Ok(Flow::Done),
            Happening::Adapter(Some(Ok(message))) => return self.on_adapter(message).await,
            Happening::Adapter(Some(Err(error))) => {
                let reason = format!("the messages of the debug adapter {} cannot be read: {error}", self.adapter.name);
                self.over(Error::Adapter(reason)).await?;
            }
            Happening::Adapter(None) => return self.on_adapter_gone().await,
            Happening::Complaint(text) => self.tell(super::message::output(Category::Stderr, &text)).await?,
            Happening::Told(event) => self.on_told(event).await?,
            Happening::Begun(begun) => {
                self.stage = Stage::Idle; // the future in it is spent
                // What the start has told on the way comes before its end.
                while let Ok(event) = self.events.try_recv() {
                    self.on_told(event).await?;
                }
                match *begun {
                    Ok(begun) => self.on_begun(begun).await?,
                    Err(reason) => return self.on_not_begun(&reason).await,
                }
            }
            Happening::Layer(reported) => {
                self.layer = None;
                self.layer_reported = reported;
                if !reported {
                    self.over(Error::Session(no_layer())).await?;
                }
            }
            Happening::Lost(reason) => {
                let reason = format!("the session is lost: {reason}");
                self.over(Error::Session(reason)).await?;
            }
            Happening::TornDown => {}
            Happening::Deadline => return self.on_deadline().await,
        }
        Ok(Flow::Continue)
    }

    async fn on_told(&mut self, event: Event) -> Result<(), FrameError> {
        match self.progress.tell(event) {
            Some(message) => self.tell(message).await,
            None => Ok(()),
        }
    }

    /// Sends `message` to the editor under the next number, which is given back.
    async fn send(&mut self, mut message: Value) -> Result<i64, FrameError> {
        self.seq += 1;
        if message.is_object() {
            message["seq"] = self.seq.into();
        }
        connection::write(&mut self.output, &message).await?;
        Ok(self.seq)
    }

    /// Sends a message of ours to the editor.
    async fn tell(&mut self, message: Value) -> Result<(), FrameError> {
        self.send(message).await.map(drop)
    }

    /// A line of ours in the editor's console.
    async fn say(&mut self, category: Category, text: &str) -> Result<(), FrameError> {
        self.tell(line(category, text)).await
    }

    /// Where the adapter is that a launch or attach wants.
    fn place(&mut self, listening: Option<std::net::SocketAddr>, arguments: &Arguments) -> Place {
        #[cfg(test)]
        if let Some(stream) = self.reach.given.pop() {
            return Place::Given(stream);
        }
        match listening {
            Some(address) => Place::Listening(address),
            None => Place::Start((self.adapter.command)(arguments)),
        }
    }
}

/// Why a program without our layer is ended.
fn no_layer() -> String {
    format!(
        "the program runs without mirrord: none of its processes loaded our library within {} s of its start. \
         That happens with a set-uid program, and when something between the debug adapter and the program replaces the \
         environment",
        LAYER_LIMIT.as_secs()
    )
}
