//! A running session, as whoever started it sees it: what it gives, how it is watched, and how it ends.

use std::{io, path::Path, sync::Arc, time::Duration};

use config::feature::env::Account;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Error, Injection, Options, begin,
    control::{Control, Guests},
    descriptors,
    event::{Event, Observer, State},
    programs,
    proxy::Proxy,
    seen::Passing,
    supervisor::{Early, supervise},
    view::View,
};

/// Time for programs to end in good order once their session is lost.
const PARTING_LIMIT: Duration = Duration::from_secs(4);

/// No layer has said hello: the program runs without us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no process of the program loaded our library within {} s", .0.as_secs_f32())]
pub struct NoLayer(pub Duration);

/// What has passed in a session so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// What has passed over the link.
    pub link: link::Counters,
    /// Processes that have said hello.
    pub processes: u64,
}

/// A running session. Dropping it without [`Session::stop`] ends it abruptly, which is safe as well.
pub struct Session {
    pub(crate) imported: Injection,
    pub(crate) control: Arc<Control>,
    pub(crate) parts: Arc<Parts>,
    pub(crate) lost: watch::Receiver<Option<String>>,
    pub(crate) observer: Observer,
}

/// A debugger holds a program for as long as this lives.
#[derive(Debug)]
pub struct Standing(#[expect(dead_code, reason = "ends what it stands for when it is dropped")] Passing);

/// What ends with the last handle of a session.
pub(crate) struct Parts {
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) tasks: TaskTracker,
    pub(crate) cancel: CancellationToken,
}

impl Session {
    /// Starts: cluster, target, agent, link, environment. Cancelling leaves nothing behind but an agent that ends itself.
    pub async fn start(options: Options, observer: Observer, cancel: CancellationToken) -> Result<Self, Error> {
        observer.tell(Event::State(State::Starting));
        cancel.run_until_cancelled(Box::pin(begin::start(options, observer))).await.unwrap_or(Err(Error::Cancelled))
    }

    /// What to apply to the program's launch.
    pub fn injection(&self) -> &Injection {
        &self.control.injection
    }

    /// What the program's processes import themselves when they start (`feature.env.load_from_process`). For a program that
    /// no layer gets into, whoever launches it applies this, too.
    pub fn imported(&self) -> &Injection {
        &self.imported
    }

    /// What becomes of each environment variable, the layer's own aside.
    pub fn environment(&self) -> &Account {
        &self.control.account
    }

    /// Waits until a layer has said hello.
    pub async fn layer_reported(&self, limit: Duration) -> Result<(), NoLayer> {
        let mut reported = self.parts.proxy.reported.subscribe();
        let waited = tokio::time::timeout(limit, reported.wait_for(|count| *count > 0)).await;
        waited.map(drop).map_err(|_| NoLayer(limit))
    }

    /// How many processes of this launch have said hello. It is named by [`protocol::link::variable::LAUNCH`].
    pub fn of_launch(&self, launch: &str) -> u64 {
        self.parts.proxy.programs.launches.processes(launch)
    }

    /// Whether more than `before` processes of this launch say hello within `limit`.
    pub async fn launch_reported(&self, launch: &str, before: u64, limit: Duration) -> bool {
        self.parts.proxy.programs.launches.come(launch, before, limit).await
    }

    /// Whether any process of the program is there right now.
    pub fn is_in_use(&self) -> bool {
        *self.parts.proxy.attached.borrow() > 0
    }

    /// The processes that run now. Reads procfs from end to end.
    pub async fn programs(&self) -> Vec<programs::Program> {
        let proxy = self.parts.proxy.clone();
        tokio::task::spawn_blocking(move || proxy.programs.running()).await.unwrap_or_default()
    }

    /// Whether the process has said hello.
    pub fn knows(&self, pid: u32) -> bool {
        self.parts.proxy.programs.greeted().contains(&pid)
    }

    /// Ends all processes: SIGTERM, and SIGKILL for those that do not mind it.
    pub async fn end_programs(&self) {
        self.parts.proxy.programs.end(PARTING_LIMIT, &[]).await;
    }

    /// Resolves when the last process has been gone for `after_last`, or when none has come within `until_first`. A
    /// program may start another and end, or become another by exec(2): the pause bridges that.
    pub async fn deserted(&self, until_first: Duration, after_last: Duration) {
        let mut attached = self.parts.proxy.attached.subscribe();
        let mut limit = until_first;
        while tokio::time::timeout(limit, attached.wait_for(|count| *count > 0)).await.is_ok_and(|seen| seen.is_ok()) {
            limit = after_last;
            if attached.wait_for(|count| *count == 0).await.is_err() {
                return;
            }
        }
    }

    /// Supervises what has started before the session was there. Fails where none of its processes is left.
    pub async fn take_charge(&self, early: Early) -> io::Result<()> {
        let (listener, executable) = early.hand_over().await?;
        supervise(&self.parts.proxy, listener, &executable).map_err(io::Error::from)
    }

    /// Declares a debug adapter: loopback ports that the process or its descendants listen on stay local.
    pub fn exempt_debugger(&self, pid: u32) {
        self.parts.proxy.debuggers.lock().expect("no panic while held").push(pid);
    }

    /// Resolves when the session is lost, with the reason.
    pub async fn lost(&self) -> String {
        let mut lost = self.lost.clone();
        match lost.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the session was stopped".to_owned(),
        }
    }

    /// Its name, which is free for others once it has ended.
    pub fn name(&self) -> &str {
        &self.control.name
    }

    /// Its control socket, for [`crate::control::client::Client::at`].
    pub fn control_socket(&self) -> &Path {
        &self.control.socket
    }

    /// What it is and does; with the target's variables and their values, if `environment`.
    pub fn view(&self, environment: bool) -> View {
        self.control.view(environment)
    }

    /// Resolves when somebody asks over the control socket that the session end, with who that is, as text. Whoever has
    /// started the session ends it.
    pub fn stop_wanted(&self) -> impl Future<Output = String> + Send + use<> {
        let mut stop = self.control.stop.subscribe();
        async move {
            let who = stop.wait_for(Option::is_some).await.ok().and_then(|who| who.clone());
            match who {
                Some(who) => who,
                // The session has gone: nobody can ask any more.
                None => std::future::pending().await,
            }
        }
    }

    /// Who has joined it over the control socket, and whenever that changes.
    pub fn guests(&self) -> watch::Receiver<Guests> {
        self.control.guests.subscribe()
    }

    /// A debugger holds a program of the session, until what is given is dropped.
    pub fn standing(&self) -> Standing {
        Standing(self.parts.proxy.seen.standing())
    }

    /// Counters for benches.
    pub fn counters(&self) -> Counters {
        Counters { link: self.parts.proxy.link.counters(), processes: *self.parts.proxy.reported.borrow() }
    }

    /// Ends the session: subscriptions ended, goodbye said, socket removed. The agent lingers for its grace period.
    pub async fn stop(self) {
        descriptors::finish(&self.parts.proxy).await;
        self.parts.cancel.cancel();
        self.parts.tasks.close();
        self.parts.tasks.wait().await;
        self.parts.proxy.link.goodbye("the session is over").await;
        self.observer.tell(Event::State(State::Stopped));
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither secrets nor values of variables.
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts")
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.proxy.link.abort();
    }
}

/// Programs do not outlive a session that is lost: they would go on outside the cluster. A session that is stopped leaves
/// that to whoever stops it.
pub(crate) async fn end_when_lost(proxy: Arc<Proxy>, mut lost: watch::Receiver<Option<String>>) {
    let is_lost = proxy.cancel.run_until_cancelled(lost.wait_for(Option::is_some)).await;
    if is_lost.is_some_and(|seen| seen.is_ok()) {
        // Whoever started a debug adapter ends it, after it has told its editor.
        let adapters = proxy.debuggers.lock().expect("no panic while held").clone();
        proxy.programs.end(PARTING_LIMIT, &adapters).await;
    }
}
