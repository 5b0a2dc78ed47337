//! One connection to a cluster: opened, felt for its pulse, and shared by what follows its namespaces.

use std::{convert::Infallible, sync::Arc};

use config::Kind;
use futures::future::{join, join_all};
use serde::de::IgnoredAny;
use tokio::time::{sleep, timeout};

use super::{
    Pace,
    crew::Crew,
    follow::{Followed, follow, pause},
    known::{Key, Task},
    look, rights,
    shared::Shared,
    space::{Listed, Named},
};
use crate::{
    cluster::{Call, Cluster, ClusterError, Form, Resource},
    target::resource,
    targets::Workload,
};

/// Pulses in a row without an answer that mean that the connection is lost.
const MISSED: u32 = 2;

/// Connects again and again.
pub(super) async fn tend(shared: Arc<Shared>, id: u64, key: Key) {
    let mut failures = 0;
    loop {
        let error = connected(&shared, id, &key, &mut failures).await;
        failures += 1;
        tracing::debug!(?key, %error, failures, "a cluster cannot be watched");
        let why = error.to_string();
        shared.change(|known| Some(known.context(id)?.lose(why)));
        // A plugin may open a browser: not again and again.
        let plugin = matches!(error, ClusterError::Credentials { .. });
        sleep(if plugin { shared.pace.closed } else { pause(failures) }).await;
    }
}

/// Connects, and follows what is wanted until the connection is lost.
async fn connected(shared: &Arc<Shared>, id: u64, key: &Key, failures: &mut u32) -> ClusterError {
    let cluster = match Cluster::connect_in(&key.options(), &|name| shared.variable(name)).await {
        Ok(cluster) => cluster,
        Err(error) => return error,
    };
    let up = || {
        *failures = 0;
        shared.change(|known| Some(known.context(id)?.gain()));
    };
    tokio::select! {
        error = pulse(&cluster, &shared.pace, up) => error,
        (never, _) = join(namespaces(shared, &cluster, id), branches(shared, &cluster, id)) => match never {},
    }
}

/// Asks a small question now and then. Ends when the answer stays out, or the credentials are not good any more.
///
/// Watches alone do not tell: a relay in between may have frozen, and a quiet one says nothing for a minute.
async fn pulse(cluster: &Cluster, pace: &Pace, mut up: impl FnMut()) -> ClusterError {
    let (mut missed, mut answered) = (0, false);
    let call = Call::list(Resource::NAMESPACES);
    loop {
        let answer = timeout(pace.answer, cluster.pages::<IgnoredAny>(&call, Form::Metadata, 1, drop)).await;
        let error = match answer {
            Ok(Ok(_)) => None,
            // Any word is a sign of life, except that we are strangers now.
            Ok(Err(error)) if error.code().is_some_and(|code| code != 401) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(ClusterError::TimedOut {
                call: call.to_string(),
                server: cluster.server().to_string(),
                limit: pace.answer,
            }),
        };
        match error {
            None => {
                (missed, answered) = (0, true);
                up();
                sleep(pace.pulse).await;
            }
            Some(error) => {
                missed += 1;
                if missed >= MISSED || !answered {
                    return error;
                }
            }
        }
    }
}

async fn namespaces(shared: &Shared, cluster: &Cluster, id: u64) -> Infallible {
    let all = Followed { list: Call::list(Resource::NAMESPACES), form: Form::Metadata, most: usize::MAX };
    let hear = |news| {
        if shared.change(|known| Some(known.context(id)?.names.hear(news))) {
            shared.want(); // what was not there may be watched now
        }
    };
    follow::<Named>(cluster, &all, &shared.pace, hear).await
}

/// Keeps tasks for the namespaces and targets that are wanted.
async fn branches(shared: &Arc<Shared>, cluster: &Cluster, id: u64) -> Infallible {
    let mut wanted = shared.wanted();
    let mut crew = Crew::default();
    loop {
        crew.suit(shared.with(|known| known.branches(id)), |id, task| {
            let (shared, cluster) = (Arc::clone(shared), cluster.clone());
            async move {
                match task {
                    Task::Space(namespace) => {
                        join(space(&shared, &cluster, id, &namespace), rights::ask(&shared, &cluster, id, &namespace))
                            .await;
                    }
                    Task::Target(namespace) => {
                        look::tend(&shared, &cluster, id, &namespace).await;
                    }
                    // Those have no connection.
                    Task::Files(_) | Task::Context(_) => {}
                }
            }
        });
        if wanted.changed().await.is_err() {
            std::future::pending::<()>().await; // the sender lives in `shared`
        }
    }
}

/// Follows all lists of a namespace.
async fn space(shared: &Shared, cluster: &Cluster, id: u64, namespace: &str) {
    let list = |kind, form| Followed { list: Call::list(resource(kind)).within(namespace), form, most: usize::MAX };
    let pods = list(Kind::Pod, Form::Metadata);
    let pods = follow::<Named>(cluster, &pods, &shared.pace, |news| {
        shared.change(|known| Some(known.space(id)?.hear_of_pods(news)));
    });
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Pod).map(|kind| async move {
        let list = list(kind, Form::Whole);
        let hear = |news: super::follow::News<Workload>| {
            let news = news.map(|workload| Listed::new(kind, workload));
            shared.change(|known| Some(known.space(id)?.hear_of(kind, news)));
        };
        follow::<Workload>(cluster, &list, &shared.pace, hear).await
    });
    join(pods, join_all(kinds)).await;
}
