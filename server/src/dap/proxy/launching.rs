//! The start of a debug session: `initialize`, `launch` or `attach`, and what waits until adapter and session are there.

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Proxy, Stage};
use crate::dap::{
    adapters::{self, Choice, Job, Machine},
    backing::{Launch, Wanted},
    connection::Place,
    launch::{self, Join, Wish},
    message::{self, Arguments, Asked, Category},
    process::Program,
    progress::{PROGRESS_ID, Progress},
    start::{self, Beginning, Begun},
};
use crate::frames::FrameError;

impl Proxy {
    /// Answers `initialize` from the table.
    pub(super) async fn on_initialize(&mut self, asked: &Asked, message: &Value) -> Result<(), FrameError> {
        let arguments = message::arguments(message);
        let asked_for = arguments.get("adapterID").and_then(|id| adapters::known(id.as_str()?));
        match self.environment.adapter.choose(asked_for.unwrap_or(self.adapter)) {
            Ok(chosen) => self.adapter = chosen.adapter,
            Err(reason) => return self.editor.refuse(asked, &reason).await,
        }
        self.client = message::client(&arguments);
        self.session.progress = Progress::new(self.client.progress);
        self.greeting = Some(arguments);
        let capabilities = serde_json::from_str(self.adapter.capabilities).expect("a test reads every one");
        self.told = self.adapter.offered(capabilities);
        self.editor.tell(message::response(asked.seq, &asked.command, &self.told)).await
    }

    /// Starts adapter and session for `launch` and `attach`.
    pub(super) async fn on_launch(&mut self, asked: Asked, message: &Value) -> Result<(), FrameError> {
        let mut arguments = message::arguments(message);
        match self.prepare(&asked, &mut arguments) {
            Ok((mut beginning, wanted)) => {
                if asked.command == "attach" && wanted {
                    beginning.session = None;
                    let text = "an attached program stays where it runs: only launched programs get into the cluster";
                    self.editor.say(Category::Console, text).await?;
                }
                if matches!(beginning.session, Some((_, Wanted::New(_) | Wanted::Named(..))))
                    && let Some(report) = self.session.progress.begin(asked.seq)
                {
                    self.editor.tell(report).await?;
                }
                let cancel = beginning.cancel.clone();
                self.launch = Some(asked);
                self.stage = Stage::Starting { cancel, begin: Box::pin(start::begin(beginning)) };
                Ok(())
            }
            Err(reason) => {
                self.launch = Some(asked);
                self.on_not_begun(&reason).await.map(drop)
            }
        }
    }

    /// Reads what is ours of a launch and checks it. Also tells whether a session is wanted.
    fn prepare(&mut self, asked: &Asked, arguments: &mut Arguments) -> Result<(Beginning, bool), String> {
        let mut greeting = self.greeting.clone().ok_or("`initialize` must come first")?;
        self.kind = arguments.get("type").cloned();
        let Wish { adapter, session, join } = launch::take(arguments)?;
        self.launched.told = arguments.clone();
        let wish = adapter.as_ref().unwrap_or(&self.environment.adapter);
        let Choice { adapter, place } = wish.choose(self.adapter)?;
        self.adapter = adapter;
        let child = if let Some(Join::Child(child)) = &join { Some(child) } else { None };
        self.is_child = child.is_some();
        let runs_already = asked.command == "attach" || self.is_child;
        let working_directory = launch::working_directory(arguments, &self.environment.working_directory);
        let environment = start::environment(&self.environment.variables, arguments);
        if runs_already {
            self.program = Program::Spared;
        } else {
            let in_session = session.is_some() || join.is_some();
            (adapter.check)(arguments, &working_directory)?;
            self.terminals.adapt(&adapter, self.client, in_session, arguments, &mut greeting);
            (adapter.adapt)(arguments);
        }
        let listening = (adapter.listening_at)(arguments).filter(|_| runs_already);
        let listening = child.and_then(|child| child.adapter).or(listening);
        let machine = Machine { variables: &environment, working_directory: &working_directory };
        let place = self.place(listening.map(Place::Listening).or(place), arguments, &machine)?;
        self.terminals.watched = start::is_watched(&place, arguments, &environment, &working_directory);
        let wanted = session.is_some();
        let job = Job {
            arguments: arguments.clone(),
            environment: environment.clone(),
            working_directory: working_directory.clone(),
            observer: self.session.observer.clone(),
        };
        let layer = self.environment.layer.clone();
        let program = launch::program(arguments, &working_directory);
        let new = |wish| Wanted::New(Launch { wish, layer, environment, working_directory, program });
        let session = match join {
            None => session.map(new),
            Some(Join::Named(name)) => Some(Wanted::Named(name, self.environment.variables.clone())),
            Some(Join::Child(child)) => child.control.map(Wanted::Parents),
        };
        let beginning = Beginning {
            adapter,
            place,
            watched: self.terminals.watched,
            greeting,
            job,
            session: session.map(|wanted| (self.reach.sessions.clone(), wanted)),
            cancel: CancellationToken::new(),
        };
        Ok((beginning, wanted))
    }

    /// `cancel` of our own progress or of the launch; anything else has nothing to cancel yet.
    pub(super) async fn on_cancel_while_starting(&mut self, asked: &Asked, message: &Value) -> Result<(), FrameError> {
        let arguments = &message["arguments"];
        let launch = self.launch.as_ref().map(|launch| launch.seq);
        let ours = arguments["progressId"] == PROGRESS_ID || arguments["requestId"].as_i64() == launch;
        if let (true, Stage::Starting { cancel, .. }) = (ours, &self.stage) {
            cancel.cancel();
        }
        self.editor.answer(asked).await
    }

    /// Where the adapter is that a launch or attach wants: where it says, or where it is looked up.
    fn place(&mut self, told: Option<Place>, arguments: &Arguments, machine: &Machine<'_>) -> Result<Place, String> {
        #[cfg(test)]
        if let Some(stream) = self.reach.given.pop() {
            return Ok(Place::Given(stream));
        }
        told.map_or_else(|| self.adapter.place(arguments, machine), Ok)
    }

    /// Adapter and session are there: the launch goes on, then everything that waited.
    pub(super) async fn on_begun(&mut self, begun: Begun) -> Result<(), FrameError> {
        let Begun { mut connection, mut arguments, backing, injection, launched, contained } = begun;
        let early = std::mem::take(&mut connection.early);
        let capabilities = self.adapter.offered(connection.capabilities.take());
        let adapter_process = connection.process_id();
        self.connection = Some(connection);
        let launches = self.program != Program::Spared;
        self.session.begun(backing, injection.filter(|_| launches), launched, contained);
        self.stage = Stage::Running;
        if let Some(asked) = self.parting.take() {
            return self.part(&asked).await;
        }
        if let Some(report) = self.session.progress.end("ready") {
            self.editor.tell(report).await?;
        }
        for message in early {
            self.on_adapter(message).await?;
        }
        if let Some(changed) = message::changed_capabilities(&self.told, &capabilities) {
            self.editor.tell(message::event("capabilities", serde_json::json!({"capabilities": changed}))).await?;
            self.told = capabilities;
        }
        let asked = self.launch.take().expect("a start begins with a launch");
        if !self.is_child {
            self.session.watch();
        }
        if let Some(injection) = self.session.injection() {
            let inexpressible = self.adapter.environment.apply(&mut arguments, injection);
            if let Some(process) = adapter_process {
                self.session.exempt_debugger(process);
            }
            if !inexpressible.is_empty() {
                let names = inexpressible.join(", ");
                let text = format!("warning: these variables are no text and cannot be handed to a debugger: {names}");
                self.editor.say(Category::Important, &text).await?;
            }
        }
        self.launched.passed.clone_from(&arguments);
        let launch = message::request(&asked.command, &Value::Object(arguments));
        self.pass_request(asked, launch).await?;
        while let Some(message) = self.held.pop_front() {
            self.on_editor(message).await?;
        }
        Ok(())
    }
}
