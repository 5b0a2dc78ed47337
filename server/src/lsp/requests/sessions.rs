//! `mirrord/start`, `mirrord/stop`, `mirrord/sessions`, and the command that code lenses stop with.

use std::sync::Arc;

use protocol::text::harmless;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::lsp_types::notification::Progress;
use tower_lsp::lsp_types::{
    ExecuteCommandOptions, ExecuteCommandParams, NumberOrString, ProgressParams, ProgressParamsValue, WorkDoneProgress,
    WorkDoneProgressBegin, WorkDoneProgressCancelParams, WorkDoneProgressEnd, WorkDoneProgressReport,
};

use crate::lsp::extension::{COMMANDS, Injection, Sessions, Start, Stop};
use crate::lsp::failed;
use crate::lsp::sessions::Launch;
use crate::lsp::shared::Shared;

pub(super) fn capability() -> ExecuteCommandOptions {
    let commands = COMMANDS.iter().map(|command| (*command).to_owned()).collect();
    ExecuteCommandOptions { commands, ..ExecuteCommandOptions::default() }
}

pub(in crate::lsp) async fn start(shared: &Arc<Shared>, start: Start) -> Result<Injection> {
    let workspace = shared.workspace();
    let name = shared.sessions.new_name().map_err(failed)?;
    let launch = Launch { name, environment: workspace.environment(), folder: workspace.first_folder(), start };
    let token = launch.start.work_done_token.clone();
    let cancel = CancellationToken::new();
    let _registered = token.clone().map(|token| shared.cancellable(token, cancel.clone()));
    // The request itself may be cancelled, which drops this future: the start goes on beside it, to its clean end.
    let _dropped = cancel.clone().drop_guard();
    let (steps_tx, mut steps_rx) = tokio::sync::mpsc::channel(64);
    let (done_tx, mut done_rx) = tokio::sync::oneshot::channel();
    let here = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let steps = move |step| drop(steps_tx.try_send(step)); // a step too many is not worth waiting for
        let begun = cancel.clone();
        let outcome = here.sessions.start(launch, begun, steps).await;
        if let Err(Ok(injection)) = done_tx.send(outcome) {
            // The editor has gone away in this very moment.
            let _ = here.sessions.stop(&injection.session).await; // it has ended already
        }
    });
    if let Some(token) = &token {
        progress(shared, token, begin()).await;
    }
    let outcome = loop {
        tokio::select! {
            biased;
            Some(message) = steps_rx.recv() => if let Some(token) = &token {
                progress(shared, token, WorkDoneProgress::Report(step(&message))).await;
            },
            outcome = &mut done_rx => break outcome,
        }
    };
    if let Some(token) = &token {
        progress(shared, token, WorkDoneProgress::End(WorkDoneProgressEnd::default())).await;
    }
    // Without an outcome the start itself was our defect.
    outcome.map_err(|_| Error::internal_error())?.map_err(failed)
}

fn begin() -> WorkDoneProgress {
    WorkDoneProgress::Begin(WorkDoneProgressBegin {
        title: "mirrord".to_owned(),
        cancellable: Some(true),
        ..WorkDoneProgressBegin::default()
    })
}

fn step(message: &str) -> WorkDoneProgressReport {
    WorkDoneProgressReport {
        message: Some(harmless(message)),
        cancellable: Some(true),
        ..WorkDoneProgressReport::default()
    }
}

async fn progress(shared: &Shared, token: &NumberOrString, what: WorkDoneProgress) {
    let params = ProgressParams { token: token.clone(), value: ProgressParamsValue::WorkDone(what) };
    shared.client.send_notification::<Progress>(params).await;
}

/// `window/workDoneProgress/cancel`
pub(in crate::lsp) fn cancel(shared: &Shared, params: &WorkDoneProgressCancelParams) {
    shared.cancel(&params.token);
}

pub(in crate::lsp) async fn stop(shared: &Shared, stop: Stop) -> Result<()> {
    shared.sessions.stop(&stop.session).await.map_err(failed)
}

pub(in crate::lsp) async fn list(shared: &Shared) -> Sessions {
    Sessions { sessions: shared.sessions.all().await }
}

/// `workspace/executeCommand`
pub(in crate::lsp) async fn execute(shared: &Shared, params: ExecuteCommandParams) -> Result<Option<Value>> {
    match params.command.as_str() {
        "mirrord.stop" => {
            let argument = params.arguments.into_iter().next().unwrap_or_default();
            // A lens gives the bare name, a script perhaps the parameters of the request.
            let wish = argument.as_str().map_or_else(
                || serde_json::from_value(argument.clone()).ok(),
                |name| Some(Stop { session: name.to_owned() }),
            );
            let wish = wish.ok_or_else(|| Error::invalid_params("mirrord.stop takes the name of a session"))?;
            stop(shared, wish).await.map(|()| None)
        }
        other => {
            Err(Error::invalid_params(format!("there is no command {other} (there are: {})", COMMANDS.join(", "))))
        }
    }
}
