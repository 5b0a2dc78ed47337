//! Clusters and sessions for tests, which do what a test tells them.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use config::Kind;
use futures::FutureExt;
use futures::future::{self, BoxFuture};
use server::lsp::{Launch, Session, SessionSource};
use session::Injection;
use session::event::{Event, Observer, State, Step};
use session::live::{Scope, State as Reach, TargetItem, View, Views};
use session::view::View as SessionView;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

type Answer = Box<dyn Fn(&Scope) -> View + Send>;

/// A cluster and what happens in it.
pub(crate) struct Cluster {
    answer: Mutex<Answer>,
    changes: watch::Sender<u64>,
    /// What sessions did.
    log: Arc<Mutex<Vec<String>>>,
    /// Starts of sessions wait for it, if there is one.
    pub(crate) gate: Option<Arc<Notify>>,
    /// Sessions so far.
    names: AtomicU64,
    /// Sessions of other processes.
    pub(crate) elsewhere: Mutex<Vec<SessionView>>,
    /// Somebody else wants a session of ours to end.
    pub(crate) stop_wanted: Arc<Notify>,
}

impl Cluster {
    /// One that answers as `answer` says.
    pub(crate) fn new(answer: impl Fn(&Scope) -> View + Send + 'static) -> Self {
        let (answer, changes, log) = (Mutex::new(Box::new(answer) as Answer), watch::Sender::new(0), Arc::default());
        let (names, elsewhere, stop_wanted) = (AtomicU64::new(0), Mutex::default(), Arc::default());
        Self { answer, changes, log, gate: None, names, elsewhere, stop_wanted }
    }

    /// One with a deployment and a pod in every namespace.
    pub(crate) fn ready() -> Arc<Self> {
        Arc::new(Self::new(ready))
    }

    /// One that has not answered yet.
    pub(crate) fn loading() -> Arc<Self> {
        Arc::new(Self::new(|_| View::default()))
    }

    /// One that cannot be reached.
    pub(crate) fn away() -> Arc<Self> {
        Arc::new(Self::new(away))
    }

    /// From now on it answers otherwise, and says so.
    pub(crate) fn change(&self, answer: impl Fn(&Scope) -> View + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
        self.changes.send_modify(|count| *count += 1);
    }

    /// What sessions did so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("; ")
    }
}

impl Views for Cluster {
    fn view(&self, scope: &Scope) -> View {
        self.answer.lock().unwrap()(scope)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

pub(crate) fn away(_: &Scope) -> View {
    let reason = "cannot connect to https://10.0.0.1: connection refused".to_owned();
    View { state: Reach::Failed(reason), ..View::default() }
}

pub(crate) fn ready(scope: &Scope) -> View {
    with(scope, &["cart-7d9"])
}

/// A cluster with these pods.
pub(crate) fn with(scope: &Scope, pods: &[&str]) -> View {
    let item = |kind, name: &str, containers: &[&str]| TargetItem {
        kind,
        name: name.into(),
        ready: Some(1),
        desired: Some(1),
        containers: containers.iter().map(|name| (*name).to_owned()).collect(),
    };
    let deployment = item(Kind::Deployment, "cart", &["web"]);
    let pods = pods.iter().map(|name| item(Kind::Pod, name, &["web", "cache"]));
    let path = |item: &TargetItem| format!("{}/{}", item.kind, item.name);
    let targets: Arc<[TargetItem]> = std::iter::once(deployment).chain(pods).collect();
    let missing = scope.target.as_ref().is_some_and(|target| !targets.iter().any(|item| path(item) == *target));
    View {
        state: Reach::Ready,
        contexts: Some(["kind".to_owned(), "prod".to_owned()].into()),
        context: Some(scope.context.clone().unwrap_or_else(|| "kind".to_owned())),
        namespace: Some(scope.namespace.clone().unwrap_or_else(|| "default".to_owned())),
        namespaces: Some(["default".to_owned(), "staging".to_owned()].into()),
        targets: Some(targets),
        target_missing: missing,
        ..View::default()
    }
}

impl SessionSource for Cluster {
    fn name(&self) -> Result<String, String> {
        Ok((self.names.fetch_add(1, Ordering::Relaxed) + 1).to_string())
    }

    fn everywhere(&self) -> BoxFuture<'static, Vec<SessionView>> {
        future::ready(self.elsewhere.lock().unwrap().clone()).boxed()
    }

    fn stop_elsewhere(&self, name: String) -> BoxFuture<'static, io::Result<()>> {
        let mut elsewhere = self.elsewhere.lock().unwrap();
        let before = elsewhere.len();
        elsewhere.retain(|view| view.session != name);
        let there = elsewhere.len() < before;
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("there is no session `{name}`"));
        future::ready(if there { Ok(()) } else { Err(missing()) }).boxed()
    }

    fn start(
        &self,
        launch: Launch,
        observer: Observer,
        cancel: CancellationToken,
    ) -> BoxFuture<'static, Result<Box<dyn Session>, String>> {
        let (log, gate) = (Arc::clone(&self.log), self.gate.clone());
        let stop_wanted = Arc::clone(&self.stop_wanted);
        async move {
            let note = |text: &str| log.lock().unwrap().push(text.to_owned());
            let target = launch.start.mirrord["target"].as_str().unwrap_or("none").to_owned();
            note(&format!("start {target} in {}", launch.folder.display()));
            observer.tell(Event::State(State::Starting));
            observer.step(Step::Connecting);
            if let Some(gate) = gate
                && cancel.run_until_cancelled(gate.notified()).await.is_none()
            {
                note("cancelled");
                return Err("stopped before the session was ready".to_owned());
            }
            if target == "none" {
                return Err("no target: say whom the program stands in for".to_owned());
            }
            assert!(target != "panic", "a defect");
            observer.step(Step::Ready { target: format!("{target} in namespace n"), reused_agent: false });
            observer.tell(Event::State(State::Connected));
            let set = [("LD_PRELOAD".into(), "/layer.so".into()), ("GREETING".into(), "hello".into())];
            let injection = Injection { set: set.into(), unset: vec!["LOCAL".into()] };
            let session: Box<dyn Session> =
                Box::new(Pretended { injection, log: Arc::clone(&log), observer, stop_wanted });
            Ok(session)
        }
        .boxed()
    }
}

struct Pretended {
    injection: Injection,
    log: Arc<Mutex<Vec<String>>>,
    observer: Observer,
    stop_wanted: Arc<Notify>,
}

impl Session for Pretended {
    fn injection(&self) -> Injection {
        self.injection.clone()
    }

    fn view(&self) -> SessionView {
        SessionView { sent_bytes: 10, received_bytes: 20, programs: 1, ..SessionView::default() }
    }

    fn stop_wanted(&self) -> BoxFuture<'static, ()> {
        let wanted = self.stop_wanted.clone();
        async move { wanted.notified().await }.boxed()
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, ()> {
        async move {
            self.log.lock().unwrap().push("stop".to_owned());
            self.observer.tell(Event::State(State::Stopped));
        }
        .boxed()
    }
}
