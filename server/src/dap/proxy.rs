//! The proxy: one task that owns all state, and one loop over everything that can happen.

mod adapter_side;
mod editor_side;
mod ending;
mod guests;
mod launching;
mod reverse;
mod session_side;

use std::{collections::VecDeque, time::Duration};

use futures::{
    StreamExt as _,
    future::{BoxFuture, OptionFuture},
    stream::FuturesUnordered,
};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::session_side::{News, SessionSide, Viewed, no_layer};
use super::{
    Environment, Error,
    adapters::{self, Adapter},
    backing::Sessions,
    connection::Connection,
    editor::Editor,
    message::{self, Arguments, Asked, Category, Client, Ledger},
    process::Program,
    start::Begun,
    terminal::Terminals,
};
use crate::frames::FrameError;

/// How long an adapter may take to answer `disconnect`; some never do.
pub(super) const DISCONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How long an editor may stay after it was told that all is over.
pub(super) const LINGER_LIMIT: Duration = Duration::from_secs(10);

/// How long the end of session and adapter may take together.
const FINISH_LIMIT: Duration = Duration::from_secs(8);

/// Messages of the editor that wait for the adapter. Editors send tens while they start.
const HELD_LIMIT: usize = 1024;

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
    /// The editor has gone, and only what others use of us is left.
    Lingering,
}

/// The arguments of a launch.
#[derive(Default)]
struct Launched {
    /// As the editor has them, without what is ours.
    told: Arguments,
    /// As the adapter got them.
    passed: Arguments,
}

/// What can happen.
enum Happening {
    Editor(Option<Result<Value, FrameError>>),
    Adapter(Option<Result<Value, FrameError>>),
    Complaint(String),
    Begun(Box<Result<Begun, String>>),
    Session(News),
    Output(Value),
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
    /// Somebody asks us to end.
    Stop,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Everything is said.
    Answered,
    /// The editor cannot be told anything any more.
    Gone,
    /// Somebody asks us to.
    Stopped,
}

/// The state of one debug session.
pub(super) struct Proxy {
    environment: Environment,
    reach: Reach,
    editor: Editor,
    adapter: Adapter,
    /// The editor's `initialize`.
    greeting: Option<Arguments>,
    /// What the editor says of itself.
    client: Client,
    /// The capabilities that the editor knows of.
    told: Value,
    stage: Stage,
    /// The open `launch` or `attach` while it has not been passed on.
    launch: Option<Asked>,
    /// What it says.
    launched: Launched,
    /// A `disconnect` that came while all was starting.
    parting: Option<Asked>,
    held: VecDeque<Value>,
    connection: Option<Connection>,
    /// Requests of the editor that the adapter has.
    asked: Ledger,
    /// Requests of the adapter that the editor has.
    asked_back: Ledger,
    session: SessionSide,
    /// The type of launch configuration by which the editor has found us.
    kind: Option<Value>,
    /// Whether the program is a child of one that another debug session has started, with its adapter.
    is_child: bool,
    /// Programs that run in no editor's terminal, but here.
    terminals: Terminals,
    /// What becomes of the program when the adapter is closed.
    program: Program,
    restarting: bool,
    terminated: bool,
    /// Endings under way.
    teardown: FuturesUnordered<BoxFuture<'static, ()>>,
    deadline: Option<Instant>,
    outcome: Result<(), Error>,
}

impl Proxy {
    pub(super) fn new(editor: Editor, environment: Environment, reach: Reach) -> Self {
        Self {
            environment,
            reach,
            editor,
            adapter: adapters::ADAPTERS[0],
            greeting: None,
            client: Client::default(),
            told: Value::Null,
            stage: Stage::Idle,
            launch: None,
            launched: Launched::default(),
            parting: None,
            held: VecDeque::new(),
            connection: None,
            asked: Ledger::default(),
            asked_back: Ledger::default(),
            session: SessionSide::new(),
            kind: None,
            is_child: false,
            terminals: Terminals::default(),
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
        let end = loop {
            let happening = self.next().await;
            match self.handle(happening).await {
                Ok(Flow::Continue) => {}
                Ok(Flow::Done) => break End::Answered,
                Ok(Flow::Stop) => break End::Stopped,
                // Writing to the editor failed: it has gone.
                Err(error) => {
                    tracing::info!("the editor cannot be written to: {error}");
                    break End::Gone;
                }
            }
        };
        self.finish(end).await
    }

    async fn next(&mut self) -> Happening {
        let (connected, here) = (self.connection.is_some(), !matches!(self.stage, Stage::Lingering));
        // Editors signal an adapter that they have disconnected from.
        let stop = if here { self.environment.stop.clone() } else { self.environment.end.clone() };
        let (from_adapter, complaint) = match &mut self.connection {
            Some(Connection { input, complaints, .. }) => (Some(input.next()), Some(complaints.recv())),
            None => (None, None),
        };
        let begin = match &mut self.stage {
            Stage::Starting { begin, .. } => Some(begin),
            _ => None,
        };
        tokio::select! {
            message = self.editor.next(), if here => Happening::Editor(message),
            Some(message) = OptionFuture::from(from_adapter), if connected => Happening::Adapter(message),
            Some(Some(complaint)) = OptionFuture::from(complaint), if connected => Happening::Complaint(complaint),
            Some(begun) = OptionFuture::from(begin) => Happening::Begun(Box::new(begun)),
            news = self.session.next() => Happening::Session(news),
            output = self.terminals.next() => Happening::Output(output),
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
            Happening::Editor(None) => return Ok(Flow::Done),
            Happening::Stop => return Ok(Flow::Stop),
            Happening::Adapter(Some(Ok(message))) => return self.on_adapter(message).await,
            Happening::Adapter(Some(Err(error))) => {
                let reason = format!("the messages of the debug adapter {} cannot be read: {error}", self.adapter.name);
                self.over(Error::Adapter(reason)).await?;
            }
            Happening::Adapter(None) => return self.on_adapter_gone().await,
            Happening::Complaint(text) => self.editor.tell(message::output(Category::Stderr, &text)).await?,
            Happening::Begun(begun) => {
                self.stage = Stage::Idle; // the future in it is spent
                // What the start has told on the way comes before its end.
                for message in self.session.told() {
                    self.editor.tell(message).await?;
                }
                match *begun {
                    Ok(begun) => self.on_begun(begun).await?,
                    Err(reason) => return self.on_not_begun(&reason).await,
                }
            }
            Happening::Session(news) => self.on_news(news).await?,
            Happening::Output(output) => self.editor.tell(output).await?,
            Happening::TornDown => {}
            Happening::Deadline => return self.on_deadline().await,
        }
        Ok(Flow::Continue)
    }

    async fn on_news(&mut self, news: News) -> Result<(), FrameError> {
        match news {
            News::Told(event) => {
                for message in self.session.progress.tell(event) {
                    self.editor.tell(message).await?;
                }
                Ok(())
            }
            News::Layer(true) => Ok(()),
            // It is asked again when the program goes on.
            News::Layer(false) if self.session.is_held_at_its_start() => Ok(()),
            News::Layer(false) => self.over(Error::Session(no_layer())).await,
            News::Lost(reason) => self.over(Error::Session(format!("the session is lost: {reason}"))).await,
            News::Deserted => {
                self.stop_session();
                Ok(())
            }
            News::StopWanted(who) => self.on_stop_wanted(&who).await,
            News::Viewed(viewed) => self.on_viewed(*viewed).await,
        }
    }

    async fn on_viewed(&mut self, viewed: Viewed) -> Result<(), FrameError> {
        let Viewed { asked, folder, view } = viewed;
        match view {
            Ok(view) => {
                let body = self.session.variables(folder, &view);
                self.editor.tell(message::response(asked.seq, &asked.command, &body)).await
            }
            Err(reason) => self.editor.refuse(&asked, &format!("the session cannot be looked at: {reason}")).await,
        }
    }
}
