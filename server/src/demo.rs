//! `mirrord demo`: a pod out of namespaces on this machine, and a program that stands in for it.

mod narrate;
mod own;
pub(crate) mod program;

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use config::Overrides;
use serde_json::json;
use session::{
    Options, Place, Session,
    event::{Event, Observer},
    start::local::{LocalPod, LocalPodOptions, MESSAGE_PATH, MESSAGE_VARIABLE, Response, WEB_PORT},
    view::By,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::{
    narrate::{Story, When},
    program::Facts,
};
use crate::{
    bundle, cli,
    exec::{self, Failure},
    exit, settings,
    signals::Signals,
};

/// All of it takes a fraction of a second; a step that takes this long has failed.
const STEP_LIMIT: Duration = Duration::from_secs(10);

/// Runs the demonstration, or the user's own program in the demonstration's pod.
pub(crate) fn main(arguments: Option<cli::ExecArguments>) -> u8 {
    exec::command(async |signals| match arguments {
        None => until_signalled(signals, run()).await.map(|()| 0),
        Some(arguments) => own::run(arguments, signals).await,
    })
}

/// Ctrl-C ends `work` and everything that it has started, which goes with the future that is dropped here.
async fn until_signalled<T>(
    signals: &mut Signals,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let ended = async {
        loop {
            let received = signals.next().await;
            if received.ends() {
                break received.exit_code();
            }
        }
    };
    tokio::select! {
        result = work => result,
        code = ended => Err(Failure::new(code, &"")),
    }
}

/// Makes the pod.
pub(crate) async fn make_pod() -> Result<LocalPod, Failure> {
    let agent = bundle::agent().map_err(failure)?;
    let self_exe = std::env::current_exe().map_err(failure)?;
    let options = LocalPodOptions { agent, self_exe };
    LocalPod::start(options).await.map_err(|error| Failure::new(exit::USAGE, &error))
}

async fn run() -> Result<(), Failure> {
    let began = Instant::now();
    let layer = bundle::layer().map_err(failure)?;
    let pod = make_pod().await?;
    let mut story = Story::begin(began);
    story.asked(When::Before, &ask(&pod).await?);

    let (subscribed_tx, mut subscribed) = mpsc::channel(1);
    let local_port = free_port().map_err(failure)?;
    let session = start_session(&pod, layer, local_port, subscribed_tx).await?;
    let (mut program, facts) = start_program(&session, local_port).await?;
    timeout(STEP_LIMIT, session.layer_reported(STEP_LIMIT)).await.map_err(failure)?.map_err(failure)?;
    story.saw(&facts, &here());

    timeout(STEP_LIMIT, subscribed.recv()).await.map_err(|_| slow("taking traffic over"))?;
    story.asked(When::During, &ask(&pod).await?);

    program.kill().await.map_err(failure)?;
    session.stop().await;
    story.asked(When::After, &ask(&pod).await?);
    story.end();
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn failure(error: impl ToString) -> Failure {
    Failure::new(exit::FAILURE, &error)
}

fn slow(what: &str) -> Failure {
    failure(format!("{what} took more than {} s", STEP_LIMIT.as_secs()))
}

async fn ask(pod: &LocalPod) -> Result<Response, Failure> {
    pod.send_request("/hello", &[]).await.map_err(|error| failure(format!("a request to the pod: {error}")))
}

/// A port that is free on this machine: 8080 often is not.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?.local_addr()?.port())
}

async fn start_session(
    pod: &LocalPod,
    layer: PathBuf,
    local_port: u16,
    subscribed: mpsc::Sender<()>,
) -> Result<Session, Failure> {
    let flags = [
        ("/target/path", json!("pod/demo-pod")),
        ("/feature/network/incoming/mode", json!("steal")),
        ("/feature/network/incoming/port_mapping", json!([[local_port, WEB_PORT]])),
    ];
    let flags = flags.map(|(pointer, value)| (pointer.to_owned(), value)).to_vec();
    // The user's own variables and files are left out: the demonstration shall be the same everywhere.
    let loaded = config::load(None, &Overrides { flags, ..Overrides::default() });
    let options = Options {
        config: loaded,
        layer,
        helper: bundle::helper(),
        environment: settings::variables(),
        working_directory: std::env::current_dir().unwrap_or_else(|_| Path::new("/").to_owned()),
        program: None,
        place: Place::Local(pod.clone()),
        by: By::Terminal,
        name: None,
    };
    let observer = Observer::new(move |event| {
        tracing::debug!(?event, "session");
        if let Event::Subscribed { .. } = event {
            // Only the first one matters.
            let _ = subscribed.try_send(());
        }
    });
    let start = Box::pin(Session::start(options, observer, CancellationToken::new()));
    timeout(STEP_LIMIT, start).await.map_err(|_| slow("the start of the session"))?.map_err(failure)
}

/// Starts the program that stands in for the pod, and reads what it saw.
async fn start_program(session: &Session, port: u16) -> Result<(Child, Facts), Failure> {
    let mut command = Command::new(std::env::current_exe().map_err(failure)?);
    command.arg(program::HIDDEN_COMMAND).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    // Under the layer nothing but its environment tells the program where it is.
    command.args([port.to_string(), MESSAGE_VARIABLE.to_owned(), MESSAGE_PATH.to_owned()]);
    exec::apply(&mut command, session.injection());
    let mut child = command.spawn().map_err(failure)?;
    let stdout = child.stdout.take().expect("piped above");
    let mut line = String::new();
    let mut stdout = BufReader::new(stdout);
    timeout(STEP_LIMIT, stdout.read_line(&mut line))
        .await
        .map_err(|_| slow("the program's look around"))?
        .map_err(failure)?;
    match serde_json::from_str(&line) {
        Ok(facts) => Ok((child, facts)),
        Err(_) => Err(failure("the program ended before it had looked around")),
    }
}

/// What this machine has to say about the same things.
fn here() -> Facts {
    Facts {
        variable: std::env::var(MESSAGE_VARIABLE).map_err(|_| "not set".to_owned()),
        file: program::read_file(MESSAGE_PATH),
        host_name: program::host_name(),
        // A resolver that does not know a name may need seconds to say so.
        backend: Err(String::new()),
    }
}
