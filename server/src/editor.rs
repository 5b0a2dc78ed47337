//! What an editor starts: the language server and the debug adapter on standard input and output.

use std::sync::Arc;

use config::Kind;
use futures::future::BoxFuture;
use session::{
    cluster::ConnectOptions,
    targets::{TargetEntry, TargetList, TargetQuery},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    bundle, cli, dap, exit, ls,
    lsp::{
        self,
        extension::{Available, Query, TargetSource, Targets},
    },
    terminal,
};

/// Speaks LSP until the editor is done.
pub(crate) fn lsp() -> u8 {
    let runtime = match cli::runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    runtime.block_on(async {
        let cancel = cancelled_by_signals();
        let serve = lsp::serve(tokio::io::stdin(), tokio::io::stdout(), Arc::new(LiveTargets));
        cancel.run_until_cancelled(serve).await;
    });
    // Tokio reads standard input on a thread that cannot be interrupted: an editor that keeps the pipe open must not
    // keep us.
    runtime.shutdown_background();
    0
}

/// Speaks DAP until the editor disconnects.
pub(crate) fn dap(adapter: Option<String>) -> u8 {
    let (layer, runtime) = match (bundle::layer(), cli::runtime()) {
        (Ok(layer), Ok(runtime)) => (layer, runtime),
        (Err(error), _) => {
            terminal::say_error(&error.to_string());
            return exit::FAILURE;
        }
        (_, Err(code)) => return code,
    };
    let ended = runtime.block_on(async {
        let environment = dap::Environment {
            adapter,
            layer,
            variables: std::env::vars_os().collect(),
            working_directory: std::env::current_dir().unwrap_or_else(|_| "/".into()),
            stop: cancelled_by_signals(),
        };
        dap::serve(tokio::io::stdin(), tokio::io::stdout(), environment).await
    });
    // As above.
    runtime.shutdown_background();
    match ended {
        Ok(()) => 0,
        Err(error) => {
            terminal::say_error(&error.to_string());
            exit::FAILURE
        }
    }
}

/// A token that is cancelled when somebody asks us to end.
fn cancelled_by_signals() -> CancellationToken {
    let cancel = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        match signal(kind) {
            Ok(mut stream) => {
                let cancel = cancel.clone();
                // It lives as long as the runtime, that is as the command.
                tokio::runtime::Handle::current().spawn(async move {
                    stream.recv().await;
                    cancel.cancel();
                });
            }
            // Then that signal ends us at once, which is its default.
            Err(error) => tracing::warn!(%error, ?kind, "the signal is not handled"),
        }
    }
    cancel
}

/// The targets of the user's cluster, asked for anew each time; the language server keeps answers.
struct LiveTargets;

impl TargetSource for LiveTargets {
    fn targets(&self, query: Query) -> BoxFuture<'static, Result<Targets, String>> {
        Box::pin(async move {
            let Query { namespace, context, kubeconfig, types } = query;
            let options = ConnectOptions { kubeconfig, context, use_proxy: true, ..ConnectOptions::default() };
            let kinds = Kind::ALL.into_iter().filter(|kind| types.iter().any(|name| name == kind.as_str())).collect();
            let list = ls::ask(&options, &TargetQuery { namespace, kinds }).await?;
            Ok(convert(list))
        })
    }
}

/// A list as editors get it: a pod is one entry, with its containers.
fn convert(list: TargetList) -> Targets {
    let TargetList { targets, namespaces, current_namespace, context, hidden: _ } = list;
    let mut converted: Vec<Available> = Vec::new();
    for entry in targets {
        let TargetEntry { path, kind, name: _, namespace, available, containers, ready: _, desired: _, reason: _ } =
            entry;
        let path = path.split("/container/").next().unwrap_or_default().to_owned();
        match converted.last_mut().filter(|last| last.path == path && last.namespace == namespace) {
            Some(last) => last.containers.extend(containers),
            None => converted.push(Available { path, namespace, kind: kind.to_owned(), available, containers }),
        }
    }
    Targets { targets: converted, namespaces, current_namespace, context }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_of_several_containers_is_one_target_for_editors() {
        let entry = |path: &str, container: &str| TargetEntry {
            path: path.to_owned(),
            kind: "pod",
            name: "p".to_owned(),
            namespace: "n".to_owned(),
            available: true,
            containers: vec![container.to_owned()],
            ready: None,
            desired: None,
            reason: None,
        };
        let list = TargetList {
            targets: vec![entry("pod/p/container/a", "a"), entry("pod/p/container/b", "b"), entry("pod/q", "c")],
            namespaces: Vec::new(),
            current_namespace: "n".to_owned(),
            context: None,
            hidden: Vec::new(),
        };
        let converted = convert(list);
        let told: Vec<_> = converted.targets.iter().map(|one| (one.path.as_str(), one.containers.join("+"))).collect();
        assert_eq!(told, [("pod/p", "a+b".to_owned()), ("pod/q", "c".to_owned())]);
    }
}
