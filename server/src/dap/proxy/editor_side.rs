//! Messages from the editor.

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{DISCONNECT_LIMIT, Error, Flow, HELD_LIMIT, Proxy, Stage};
use crate::dap::{
    adapters,
    backing::Launch,
    launch::{self, Wish},
    message::{self, Arguments, Asked, Category, Kind},
    process::Program,
    progress::{PROGRESS_ID, Progress},
    start::{self, Beginning},
};
use crate::frames::FrameError;

impl<I, O> Proxy<I, O>
where
    I: AsyncRead + Send + Unpin,
    O: AsyncWrite + Send + Unpin,
{
    pub(super) async fn on_editor(&mut self, message: Value) -> Result<Flow, FrameError> {
        match message::kind(&message) {
            Kind::Request { seq, command } => self.on_request(Asked { seq, command }, message).await,
            Kind::Response { request_seq } => {
                self.on_answer(request_seq, message).await?;
                Ok(Flow::Continue)
            }
            Kind::Event { .. } | Kind::Other => {
                self.pass_on(message).await?;
                Ok(Flow::Continue)
            }
        }
    }

    async fn on_request(&mut self, asked: Asked, message: Value) -> Result<Flow, FrameError> {
        let leaves = matches!(asked.command.as_str(), "disconnect" | "terminate");
        match (&self.stage, asked.command.as_str()) {
            (Stage::Over(_) | Stage::Idle, "disconnect") => {
                self.answer(&asked).await?;
                return Ok(Flow::Done);
            }
            (Stage::Over(_), "terminate") => self.answer(&asked).await?,
            (Stage::Over(reason), _) => {
                let reason = reason.clone();
                self.refuse(&asked, &reason).await?;
            }
            (Stage::Starting { cancel, .. }, _) if leaves => {
                cancel.cancel();
                self.parting = Some(asked);
            }
            (Stage::Starting { .. } | Stage::Idle, "cancel") => self.on_cancel_while_starting(&asked, &message).await?,
            (Stage::Idle, "initialize") if self.greeting.is_none() => self.on_initialize(&asked, &message).await?,
            (Stage::Idle, "launch" | "attach") if self.launch.is_none() => self.on_launch(asked, &message).await?,
            (_, "initialize" | "launch" | "attach") => {
                let reason = format!("`{}` was sent before in this debug session", asked.command);
                self.refuse(&asked, &reason).await?;
            }
            (Stage::Idle | Stage::Starting { .. }, _) => self.hold(message).await?,
            (Stage::Running | Stage::Leaving, _) => self.forward(asked, message).await?,
        }
        Ok(Flow::Continue)
    }

    /// Answers `initialize` from the table.
    async fn on_initialize(&mut self, asked: &Asked, message: &Value) -> Result<(), FrameError> {
        let arguments = message::arguments(message);
        let chosen = match &self.environment.adapter {
            Some(name) => adapters::named(name),
            None => Ok(arguments.get("adapterID").and_then(|id| adapters::known(id.as_str()?)).unwrap_or(self.adapter)),
        };
        self.adapter = match chosen {
            Ok(adapter) => adapter,
            Err(reason) => return self.refuse(asked, &reason).await,
        };
        self.progress = Progress::new(message::client(&arguments).progress);
        self.greeting = Some(arguments);
        self.told = serde_json::from_str(self.adapter.capabilities).expect("a test reads every one");
        self.tell(message::response(asked.seq, &asked.command, &self.told)).await
    }

    /// Starts adapter and session for `launch` and `attach`.
    async fn on_launch(&mut self, asked: Asked, message: &Value) -> Result<(), FrameError> {
        let mut arguments = message::arguments(message);
        match self.prepare(&asked, &mut arguments) {
            Ok((mut beginning, wanted)) => {
                if asked.command == "attach" && wanted {
                    beginning.session = None;
                    let text = "an attached program stays where it runs: only launched programs get into the cluster";
                    self.say(Category::Console, text).await?;
                }
                if beginning.session.is_some()
                    && let Some(report) = self.progress.begin(asked.seq)
                {
                    self.tell(report).await?;
                }
                let cancel = beginning.cancel.clone();
                self.launch = Some((asked, arguments));
                self.stage = Stage::Starting { cancel, begin: Box::pin(start::begin(beginning)) };
                Ok(())
            }
            Err(reason) => {
                self.launch = Some((asked, arguments));
                self.on_not_begun(&reason).await.map(drop)
            }
        }
    }

    /// Reads what is ours of a launch and checks it. Also tells whether a session is wanted.
    fn prepare(&mut self, asked: &Asked, arguments: &mut Arguments) -> Result<(Beginning, bool), String> {
        let greeting = self.greeting.clone().ok_or("`initialize` must come first")?;
        let Wish { adapter, session } = launch::take(arguments)?;
        if let Some(name) = adapter {
            self.adapter = adapters::named(&name)?;
        }
        let attaches = asked.command == "attach";
        let working_directory = launch::working_directory(arguments, &self.environment.working_directory);
        if !attaches {
            (self.adapter.check)(arguments, &working_directory)?;
        }
        let listening = (self.adapter.listening_at)(arguments).filter(|_| attaches);
        if attaches {
            self.program = Program::Spared;
        }
        let wanted = session.is_some();
        let environment = start::environment(&self.environment.variables, arguments);
        let layer = self.environment.layer.clone();
        let place = self.place(listening, arguments);
        let watched = start::is_watched(&place, arguments, &environment, &working_directory);
        let launch = session.map(|wish| Launch { wish, layer, environment, working_directory });
        let beginning = Beginning {
            adapter: self.adapter,
            place,
            watched,
            greeting,
            session: launch.map(|launch| (self.reach.sessions.clone(), launch)),
            observer: self.observer.clone(),
            cancel: CancellationToken::new(),
        };
        Ok((beginning, wanted))
    }

    /// `cancel` of our own progress or of the launch; anything else has nothing to cancel yet.
    async fn on_cancel_while_starting(&mut self, asked: &Asked, message: &Value) -> Result<(), FrameError> {
        let arguments = &message["arguments"];
        let launch = self.launch.as_ref().map(|(launch, _)| launch.seq);
        let ours = arguments["progressId"] == PROGRESS_ID || arguments["requestId"].as_i64() == launch;
        if let (true, Stage::Starting { cancel, .. }) = (ours, &self.stage) {
            cancel.cancel();
        }
        self.answer(asked).await
    }

    /// Passes a request on to the adapter, with what we know better.
    async fn forward(&mut self, asked: Asked, mut message: Value) -> Result<(), FrameError> {
        match asked.command.as_str() {
            "cancel" => {
                if let Some(seq) = message["arguments"]["requestId"].as_i64() {
                    // Answered meanwhile: a number that is nobody's.
                    message["arguments"]["requestId"] = self.asked.sent_as(seq).unwrap_or_default().into();
                }
            }
            "restart" => {
                self.restarting = true;
                if let Some(arguments) = message["arguments"]["arguments"].as_object_mut() {
                    let _ = launch::take(arguments); // was right at the launch; wrong now, it changes nothing
                    if self.backing.is_some() {
                        self.adapter.environment.apply(arguments, &self.injection);
                    }
                }
            }
            "disconnect" => {
                let spared = message::spares_program(&message::arguments(&message));
                match (spared, self.backing.is_some()) {
                    (true, false) => self.program = Program::Spared,
                    (true, true) => {
                        let text = "the program ends with its session: it cannot live on without the cluster";
                        self.say(Category::Console, text).await?;
                    }
                    (false, _) => {}
                }
                self.stage = Stage::Leaving;
                self.deadline = Some(Instant::now() + DISCONNECT_LIMIT);
            }
            _ => {}
        }
        self.pass_request(asked, message).await
    }

    /// Sends a request of the editor to the adapter and remembers who asked.
    pub(super) async fn pass_request(&mut self, asked: Asked, message: Value) -> Result<(), FrameError> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        // Noted first: the answer may be there before the write returns.
        let fits = self.asked.note(connection.next_seq(), asked);
        let sent = connection.send(message).await;
        self.check_sent(sent, fits).await
    }

    /// Sends an answer of the editor back to the adapter.
    async fn on_answer(&mut self, request_seq: i64, mut message: Value) -> Result<(), FrameError> {
        let Some(asked) = self.asked_back.close(request_seq) else { return Ok(()) };
        message["request_seq"] = asked.seq.into();
        self.pass_on(message).await
    }

    /// Sends anything else to the adapter.
    async fn pass_on(&mut self, message: Value) -> Result<(), FrameError> {
        match (&self.stage, &mut self.connection) {
            (Stage::Idle | Stage::Starting { .. }, _) => self.hold(message).await,
            (_, Some(connection)) => {
                let sent = connection.send(message).await;
                self.check_sent(sent, true).await
            }
            (_, None) => Ok(()),
        }
    }

    async fn check_sent(&mut self, sent: Result<i64, FrameError>, fits: bool) -> Result<(), FrameError> {
        let name = self.adapter.name;
        match (sent, fits) {
            (Ok(_), true) => Ok(()),
            (Ok(_), false) => {
                let reason = format!("the debug adapter {name} leaves {} requests unanswered", message::OPEN_LIMIT);
                self.over(Error::Adapter(reason)).await
            }
            // An adapter that is ending closes its input first; its output, read to the end, says what there is to say.
            (Err(FrameError::Io(error)), _) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            (Err(error), _) => {
                let reason = format!("the debug adapter {name} cannot be written to: {error}");
                self.over(Error::Adapter(reason)).await
            }
        }
    }

    async fn hold(&mut self, message: Value) -> Result<(), FrameError> {
        self.held.push_back(message);
        if self.held.len() <= HELD_LIMIT {
            return Ok(());
        }
        if let Stage::Starting { cancel, .. } = &self.stage {
            cancel.cancel();
        }
        self.held.clear();
        let reason = format!("the editor sent more than {HELD_LIMIT} messages before its program started");
        self.over(Error::Session(reason)).await
    }

    /// Our own answer, with nothing in it.
    pub(super) async fn answer(&mut self, asked: &Asked) -> Result<(), FrameError> {
        let body = Value::Object(Arguments::new());
        self.tell(message::response(asked.seq, &asked.command, &body)).await
    }

    /// Our own refusal.
    pub(super) async fn refuse(&mut self, asked: &Asked, reason: &str) -> Result<(), FrameError> {
        self.tell(message::refusal(asked.seq, &asked.command, reason)).await
    }
}
