//! A session that somebody else has started, as far as a debug session that joins it needs it: over its control socket.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use session::{
    Injection,
    control::client::Client,
    event::{Event, Observer, State},
    view::{self, View},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{interval, sleep, timeout},
};

use super::launched::Launched;

/// Pause between two looks at how the session does.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Pause between two looks at whether a program has joined.
const PROGRAM_INTERVAL: Duration = Duration::from_millis(50);

/// Orders that wait for the session's answer to the one before.
const ORDERS: usize = 64;

/// A session that we have joined; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Joined(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    control: PathBuf,
    injection: Injection,
    orders_tx: mpsc::Sender<Order>,
    ended: watch::Receiver<Option<String>>,
    _task: JoinSet<()>,
}

#[derive(Debug)]
enum Order {
    Standing(bool),
    Exempt(u32),
    View { environment: bool, view_tx: oneshot::Sender<View> },
    Launch { name: String, processes_tx: oneshot::Sender<u64> },
}

/// A debugger holds a program while this lives.
#[derive(Debug)]
pub(super) struct Standing(Joined);

impl Drop for Standing {
    fn drop(&mut self) {
        self.0.order(Order::Standing(false));
    }
}

impl Joined {
    /// Joins the session of this name, looked for where `environment` says that such are. Fails with a sentence for the
    /// user.
    pub(super) async fn named(
        name: &str,
        environment: &BTreeMap<OsString, OsString>,
        observer: Observer,
    ) -> Result<Self, String> {
        Self::over(Client::to(name, environment).await.map_err(|error| error.to_string())?, observer).await
    }

    /// Joins the session with this control socket. Fails with a sentence for the user.
    pub(super) async fn at(control: &Path, observer: Observer) -> Result<Self, String> {
        Self::over(Client::at(control).await.map_err(|error| unreachable(&error))?, observer).await
    }

    async fn over(mut client: Client, observer: Observer) -> Result<Self, String> {
        let control = client.socket().to_owned();
        let injection = client.join(None).await.map_err(|error| unreachable(&error))?;
        let view = client.view(false).await.map_err(|error| unreachable(&error))?;
        if let view::State::Lost | view::State::Stopped = view.state {
            return Err(format!("the session {} is ending; start a new one", view.session));
        }
        let (orders_tx, orders) = mpsc::channel(ORDERS);
        let (ended_tx, ended) = watch::channel(None);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let reason = follow(client, view, orders, &observer).await;
            ended_tx.send_replace(Some(reason));
        });
        Ok(Self(Arc::new(Inner { control, injection, orders_tx, ended, _task: task })))
    }

    /// Its control socket.
    pub(super) fn control(&self) -> PathBuf {
        self.0.control.clone()
    }

    /// What a program needs to become one of it.
    pub(super) fn injection(&self) -> Injection {
        self.0.injection.clone()
    }

    /// Declares a debug adapter: loopback ports that it listens on stay local.
    pub(super) fn exempt_debugger(&self, pid: u32) {
        self.order(Order::Exempt(pid));
    }

    /// A debugger holds a program of it, until what is given is dropped.
    pub(super) fn standing(&self) -> Standing {
        self.order(Order::Standing(true));
        Standing(self.clone())
    }

    fn order(&self, order: Order) {
        if let Err(error) = self.0.orders_tx.try_send(order) {
            tracing::warn!("the session is not told: {error}");
        }
    }

    /// What it is and does. Fails with a sentence for the user.
    pub(super) async fn view(self, environment: bool) -> Result<View, String> {
        let (view_tx, view) = oneshot::channel();
        self.answered(Order::View { environment, view_tx }, view).await
    }

    /// How many processes of the launch of this name have said hello. Fails with a sentence for the user.
    pub(super) async fn of_launch(&self, name: &str) -> Result<u64, String> {
        let (processes_tx, processes) = oneshot::channel();
        self.answered(Order::Launch { name: name.to_owned(), processes_tx }, processes).await
    }

    async fn answered<A>(&self, order: Order, answer: oneshot::Receiver<A>) -> Result<A, String> {
        // Nobody takes orders any more, or nobody answers them.
        let ended = "the session has ended";
        self.0.orders_tx.send(order).await.map_err(|_| ended)?;
        answer.await.map_err(|_| ended.to_owned())
    }

    /// Whether the program of a launch says hello within `limit`.
    pub(super) async fn layer_reported(self, launched: Launched, limit: Duration) -> bool {
        let reported = async {
            while let Ok(processes) = self.of_launch(&launched.name).await {
                if processes > launched.before {
                    return true;
                }
                sleep(PROGRAM_INTERVAL).await;
            }
            false
        };
        timeout(limit, reported).await.unwrap_or(false)
    }

    /// Resolves when it has ended, with the reason.
    pub(super) async fn lost(self) -> String {
        let mut ended = self.0.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "nobody follows it any more".to_owned(),
        }
    }
}

fn unreachable(error: &std::io::Error) -> String {
    format!("the session cannot be joined: {error}; `mirrord sessions` lists those that run")
}

/// Carries orders out and tells how the session does, until it has ended: the reason, for the user.
async fn follow(mut client: Client, first: View, mut orders: mpsc::Receiver<Order>, observer: &Observer) -> String {
    let mut looks = interval(LOOK_INTERVAL);
    let mut before = first.state;
    loop {
        let order = tokio::select! {
            order = orders.recv() => match order {
                Some(order) => Some(order),
                None => return "it was left".to_owned(),
            },
            _ = looks.tick() => None,
        };
        let done = match order {
            Some(Order::Standing(is_standing)) => client.standing(is_standing).await,
            Some(Order::Exempt(pid)) => client.join(Some(pid)).await.map(drop),
            Some(Order::View { environment, view_tx }) => client.view(environment).await.map(|view| {
                drop(view_tx.send(view)); // whoever asked may have gone
            }),
            Some(Order::Launch { name, processes_tx }) => client.of_launch(name).await.map(|processes| {
                let _ = processes_tx.send(processes); // as above
            }),
            None => client.view(false).await.map(|view| {
                if view.state != before {
                    before = view.state;
                    observer.tell(Event::State(state(&view)));
                }
            }),
        };
        if let Err(error) = done {
            return error.to_string();
        }
    }
}

/// The state of a view, as an event.
fn state(view: &View) -> State {
    let reason = view.reason.clone().unwrap_or_default();
    match view.state {
        view::State::Starting => State::Starting,
        view::State::Connected => State::Connected,
        view::State::Degraded => State::Degraded { reason },
        view::State::Lost => State::Lost { reason },
        view::State::Stopped => State::Stopped,
    }
}
