//! A "pod" on this machine: unprivileged Linux namespaces with services, files, names and the real agent inside.
//!
//! No Kubernetes and no root: the mode of `mirrord demo`, and of tests. Processes, all from our own executable but the
//! agent:
//! ```text
//! launcher ── unshare ── init (PID 1) ─┬─ web      the target, 10.20.0.2:8080
//!                                      ├─ backend  10.20.0.3:80 and the resolver, 10.20.0.10:53
//!                                      └─ agent
//! ```
//! Three sockets lead in, made outside and inherited: the agent's listener, the gateway (init connects whoever comes
//! to an address inside), and the control connection. When the launcher's end of that closes, for whatever reason,
//! init exits and the kernel ends everything inside.

mod dns;
mod error;
mod gateway;
mod hidden;
mod init;
pub mod inside;
mod network;
mod report;
mod response;
mod root;
mod services;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    os::unix::net::UnixStream as StdUnixStream,
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use link::Identity;
use nix::errno::Errno;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::Command,
    sync::{Mutex, watch},
    task::JoinSet,
};

pub use error::LocalPodError;
use hidden::HiddenListener;
use report::{Order, Report};
pub use response::Response;

/// Address of the pod, where its web service listens on [`WEB_PORT`].
pub const POD_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 2);
/// Port of the pod's web service.
pub const WEB_PORT: u16 = 8080;
/// Address of the second service, which is called `backend` and listens on port 80.
pub const BACKEND_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 3);
/// Port of the second service.
pub const BACKEND_PORT: u16 = 80;
/// Address of the resolver that knows both names.
pub const RESOLVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 10);
/// Address from which [`LocalPod::send_request`] connects, as another pod would.
pub const VISITOR_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 50);
/// Host name of the pod.
pub const HOST_NAME: &str = "demo-pod";
/// A file that exists in the pod only.
pub const MESSAGE_PATH: &str = "/app/config/message.txt";
/// Variable in the environment of the pod's web service.
pub const MESSAGE_VARIABLE: &str = "DEMO_GREETING";
/// First argument of our executable that leads to [`inside::main`].
pub const HIDDEN_COMMAND: &str = "demo-pod";

/// A pod is up within 50 ms; on a machine that is out of breath it may take seconds.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Inside the pod nothing is far away.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What a pod is made from.
#[derive(Clone, Debug)]
pub struct LocalPodOptions {
    /// The agent's executable.
    pub agent: PathBuf,
    /// An executable that calls [`inside::main`] when its first argument is [`HIDDEN_COMMAND`]: our own.
    pub self_exe: PathBuf,
}

/// A running pod. Clones share it; it ends when the last one is dropped, or when this process dies.
#[derive(Clone, Debug)]
pub struct LocalPod(Arc<Running>);

#[derive(Debug)]
struct Running {
    agent: HiddenListener,
    gateway: HiddenListener,
    identity: Identity,
    agent_state: watch::Receiver<AgentState>,
    orders: Mutex<OwnedWriteHalf>,
    /// Reads what comes from inside; ends with this value.
    _reader: JoinSet<()>,
}

/// What is known of the agent inside.
#[derive(Clone, Debug, PartialEq, Eq)]
enum AgentState {
    Running,
    Gone(String),
}

impl LocalPod {
    /// Makes a pod and waits until its services listen. Dropping the future ends what was begun.
    pub async fn start(options: LocalPodOptions) -> Result<Self, LocalPodError> {
        check_executable(&options.agent)
            .map_err(|source| LocalPodError::Agent { path: options.agent.clone(), source })?;
        let identity = Identity::generate()?;
        let (agent, agent_socket) = HiddenListener::bind().map_err(LocalPodError::Sockets)?;
        let (gateway, gateway_socket) = HiddenListener::bind().map_err(LocalPodError::Sockets)?;
        let (control, theirs) = StdUnixStream::pair().map_err(LocalPodError::Sockets)?;

        // The three sockets are the child's standard streams: the one way to pass descriptors without unsafe code.
        let mut child = Command::new(&options.self_exe)
            .arg(HIDDEN_COMMAND)
            .arg("unshare")
            .arg(&options.agent)
            .arg(identity.public_key().to_string())
            .env_clear()
            .current_dir("/")
            .process_group(0) // Ctrl-C in a terminal is for the launcher alone
            .stdin(Stdio::from(agent_socket))
            .stderr(Stdio::from(gateway_socket))
            .stdout(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .spawn()
            .map_err(|source| LocalPodError::Launch { path: options.self_exe.clone(), source })?;

        control.set_nonblocking(true).map_err(LocalPodError::Sockets)?;
        let (reader, orders) = UnixStream::from_std(control).map_err(LocalPodError::Sockets)?.into_split();
        let mut reader = BufReader::new(reader);
        tokio::time::timeout(START_LIMIT, ready(&mut reader, &options)).await.unwrap_or(Err(LocalPodError::Timeout))?;

        let (state_tx, agent_state) = watch::channel(AgentState::Running);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            read_reports(reader, &state_tx).await;
            // Everything inside has ended: nothing is left to wait for but the child's status, so that no zombie stays.
            drop(child.wait().await);
        });
        Ok(Self(Arc::new(Running {
            agent,
            gateway,
            identity,
            agent_state,
            orders: Mutex::new(orders),
            _reader: tasks,
        })))
    }

    /// The key pair that the agent inside expects of its one client.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Connects to the agent; what follows is the TLS of [`link`].
    pub async fn connect(&self) -> io::Result<UnixStream> {
        self.0.agent.connect().await
    }

    /// Connects to `address` from inside the pod's network, as another pod would: from [`VISITOR_ADDRESS`].
    pub async fn dial(&self, address: SocketAddr) -> io::Result<UnixStream> {
        let mut stream = self.0.gateway.connect().await?;
        stream.write_all(format!("{address}\n").as_bytes()).await?;
        match stream.read_i32().await? {
            0 => Ok(stream),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// Sends one HTTP/1.1 request from another address inside to the pod's web port: `GET <path>`; gives the whole
    /// response. Who answers depends on whether a session steals the port.
    pub async fn send_request(&self, path: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: {HOST_NAME}\r\nConnection: close\r\n");
        request.extend(headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]));
        request.push_str("\r\n");
        let exchange = async {
            let mut stream = self.dial(SocketAddrV4::new(POD_ADDRESS, WEB_PORT).into()).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut bytes = Vec::new();
            stream.take(Response::LIMIT_BYTES).read_to_end(&mut bytes).await?;
            Response::parse(&bytes)
        };
        tokio::time::timeout(ANSWER_LIMIT, exchange).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// Ends the agent with SIGKILL and waits until it is gone. For tests: the pod's own services must not notice.
    pub async fn kill_agent(&self) -> io::Result<()> {
        let line = Order::KillAgent.to_line();
        self.0.orders.lock().await.write_all(line.as_bytes()).await?;
        self.agent_gone().await;
        Ok(())
    }

    /// Resolves when the agent has ended, with how it ended.
    pub async fn agent_gone(&self) -> String {
        let mut state = self.0.agent_state.clone();
        match state.wait_for(|state| *state != AgentState::Running).await.as_deref() {
            Ok(AgentState::Gone(how)) => how.clone(),
            Ok(AgentState::Running) | Err(_) => "the pod has ended".to_owned(),
        }
    }
}

/// Fails unless `path` is a file that may be executed.
fn check_executable(path: &std::path::Path) -> io::Result<()> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    }
    nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).map_err(io::Error::from)
}

/// Reads until the pod reports itself ready.
async fn ready(reader: &mut BufReader<OwnedReadHalf>, options: &LocalPodOptions) -> Result<(), LocalPodError> {
    let mut last_words = "it ended without a word".to_owned();
    let mut line = String::new();
    while reader.read_line(&mut line).await.unwrap_or(0) != 0 {
        match Report::from_line(&line) {
            Report::Ready => return Ok(()),
            Report::Refused { step, errno } => {
                return Err(LocalPodError::Unavailable { step, errno: Errno::from_raw(errno) });
            }
            Report::AgentRefused { errno } => {
                let source = io::Error::from_raw_os_error(errno);
                return Err(LocalPodError::Agent { path: options.agent.clone(), source });
            }
            Report::AgentGone { how } => return Err(LocalPodError::Failed { reason: format!("the agent {how}") }),
            Report::Log(text) => {
                tracing::debug!(target: "demo_pod", "{text}");
                last_words = text;
            }
        }
        line.clear();
    }
    Err(LocalPodError::Failed { reason: last_words })
}

async fn read_reports(mut reader: BufReader<OwnedReadHalf>, agent: &watch::Sender<AgentState>) {
    let mut line = String::new();
    while reader.read_line(&mut line).await.unwrap_or(0) != 0 {
        match Report::from_line(&line) {
            Report::AgentGone { how } => {
                // Nobody may be waiting.
                let _ = agent.send(AgentState::Gone(how));
            }
            Report::Log(text) => tracing::debug!(target: "demo_pod", "{text}"),
            other => tracing::debug!(target: "demo_pod", "{other:?}"),
        }
        line.clear();
    }
}
