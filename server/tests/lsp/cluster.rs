//! Clusters for tests: one that answers, one that is slow, one that is away.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use server::lsp::extension::{Available, Query, TargetSource, Targets};
use tokio::sync::Notify;

pub(crate) enum Cluster {
    /// Answers at once, with what it was asked.
    Ready,
    /// Answers when it is told to.
    Slow(Arc<Notify>),
    /// Cannot be asked.
    Away,
    /// Is asked by code with a defect.
    Broken,
}

impl TargetSource for Cluster {
    fn targets(&self, query: Query) -> BoxFuture<'static, Result<Targets, String>> {
        match self {
            Cluster::Ready => async move { Ok(answer(query)) }.boxed(),
            Cluster::Slow(go) => {
                let go = Arc::clone(go);
                async move {
                    go.notified().await;
                    Ok(answer(query))
                }
                .boxed()
            }
            Cluster::Away => async { Err("cannot connect to https://10.0.0.1: connection refused".to_owned()) }.boxed(),
            Cluster::Broken => async { panic!("a defect") }.boxed(),
        }
    }
}

fn answer(query: Query) -> Targets {
    let Query { namespace, context, kubeconfig: _, types } = query;
    let namespace = namespace.unwrap_or_else(|| "default".to_owned());
    let target = |kind: &str, name: &str, containers: &[&str]| Available {
        path: format!("{kind}/{name}"),
        namespace: namespace.clone(),
        kind: kind.to_owned(),
        available: true,
        containers: containers.iter().map(|name| (*name).to_owned()).collect(),
    };
    let mut targets = vec![target("deployment", "cart", &["web"]), target("pod", "cart-7d9", &["web", "cache"])];
    targets.retain(|target| types.is_empty() || types.contains(&target.kind));
    Targets {
        targets,
        namespaces: vec!["default".to_owned(), "staging".to_owned()],
        current_namespace: namespace,
        context,
    }
}
