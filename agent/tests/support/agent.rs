//! The real binary, started as the cluster would start it, and a session with it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use link::{Accept, Identity, Link, PublicKey, Role, Stream};
use protocol::{
    Errno, PROTOCOL_VERSION,
    codec::{decode, encode},
    control::{Hello, StreamHead, Welcome},
    incoming::{Mode, Probes, Subscribe, SubscribeError, Subscribed},
    operation::{BLOB_FOLLOWS, Operation, Request, decode_answer},
    outgoing::{Connect, Connected},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

/// The agent's port in a test's own namespace.
pub(crate) const PORT: u16 = 61_000;

/// Names a directory that holds `mirrord-agent`, the static one, and `proc`, and nothing else: with this variable the
/// tests run the agent there, as it is in its image.
const ROOT_VARIABLE: &str = "MIRRORD_AGENT_ROOT";

/// What the agent has in a pod, and nothing more.
const POD_CAPABILITIES: &str =
    "-all,+net_admin,+net_raw,+bpf,+sys_ptrace,+setuid,+setgid,+chown,+dac_override,+fowner,+fsetid";

/// A process with an environment, for the agent to look at. Killed at the end.
pub(crate) struct Target(Child);

/// A running agent. Killed at the end.
pub(crate) struct Agent {
    pub(crate) process: Child,
    /// The key that it has printed.
    pub(crate) key: PublicKey,
    /// The key that it serves.
    pub(crate) client: Identity,
}

/// A session with an agent.
pub(crate) struct Session {
    pub(crate) link: Link,
    pub(crate) accept: Accept,
    pub(crate) welcome: Welcome,
}

impl Target {
    pub(crate) fn start() -> Self {
        let mut command = Command::new("sleep");
        command.arg("1000").env_clear().env("COLOUR", "teal").env("EMPTY", "");
        Self(command.spawn().expect("sleep exists"))
    }

    /// One that runs as another user, in that user's group and no other.
    pub(crate) fn start_as(user: u32) -> Self {
        let mut command = Command::new("sleep");
        Self(command.arg("1000").uid(user).gid(user).spawn().expect("sleep exists"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

fn end(process: &mut Child) {
    // It may have ended by itself.
    drop(process.kill());
    drop(process.wait());
}

impl Agent {
    /// Starts an agent with the capabilities of a pod's ephemeral container, on [`PORT`].
    pub(crate) fn start(target: &Target, more: &[&str]) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", POD_CAPABILITIES, "--inh-caps", "-all"]);
        match std::env::var(ROOT_VARIABLE) {
            Ok(root) => command = in_root(&root),
            Err(_) => drop(command.arg(binary())),
        }
        command.args(["--port", &PORT.to_string()]).args(more);
        Self::start_with(command, target)
    }

    /// Starts an agent with a command that lacks only key and target.
    pub(crate) fn start_with(mut command: Command, target: &Target) -> Self {
        let client = Identity::generate().expect("random numbers");
        command.args(["--client-key", &client.public_key().to_string(), "--log-level", "warn"]);
        command.args(["--target-pid", &target.pid().to_string()]).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the agent starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["mirrord-agent", _, "protocol", protocol, "key", key] = words[..] else { panic!("first line: {line:?}") };
        assert_eq!(protocol, PROTOCOL_VERSION.to_string());
        Self { process, key: key.parse().expect("a key"), client }
    }

    /// Opens a session on [`PORT`].
    pub(crate) async fn session(&self) -> Session {
        let hello =
            Hello { version: PROTOCOL_VERSION, client: "ada@laptop".to_owned(), lease_ms: 30_000, resume: None };
        self.session_with(connect().await, &hello).await
    }

    /// Opens a session over a connection, with a greeting.
    pub(crate) async fn session_with<IO>(&self, io: IO, hello: &Hello) -> Session
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (io, key) = link::tls::connect(io, &self.client, Some(&self.key)).await.expect("both hold their keys");
        assert_eq!(key, self.key);
        let (link, mut accept) = Link::start(io, Role::Session, encode(hello).expect("small"));
        let welcome = decode(&accept.peer_hello().await.expect("greets")).expect("a welcome");
        Session { link, accept, welcome }
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.process.try_wait().expect("ours") {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// `kill -9`, and its end.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().expect("runs");
        assert_eq!(self.ended().await.signal(), Some(9));
    }
}

/// The binary under test.
pub(crate) fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_mirrord-agent")
}

fn in_root(root: &str) -> Command {
    let capabilities = format!("{POD_CAPABILITIES},+sys_chroot");
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", &capabilities, "--inh-caps", "-all", "chroot", root, "/mirrord-agent"]);
    command
}

/// A connection to [`PORT`].
pub(crate) async fn connect() -> TcpStream {
    let tcp = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], PORT))).await.expect("the agent listens");
    tcp.set_nodelay(true).expect("settable");
    tcp
}

impl Session {
    /// Performs an operation; gives its reply and blob.
    pub(crate) async fn perform<R: Request>(&self, request: R) -> Result<(R::Reply, Vec<u8>), Errno> {
        let operation: Operation = request.into();
        let head = StreamHead::Operation(encode(&operation).expect("small"));
        let mut stream = self.link.open(&head).expect("open");
        let answer = stream.read_encoded().await.expect("an answer");
        stream.shutdown().await.expect("there"); // locks are ours from here on
        let reply = decode_answer::<R>(&answer).expect("of this request")?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("whole");
        let (mark, blob) = rest.split_first().expect("the mark");
        assert!(*mark == BLOB_FOLLOWS || blob.is_empty());
        Ok((reply, blob.to_vec()))
    }

    /// Connects from the pod.
    pub(crate) async fn connect(&self, destination: SocketAddr) -> Result<(Connected, Stream), Errno> {
        let mut stream = self.link.open(&StreamHead::Connect(Connect { destination })).expect("open");
        let connected: Result<Connected, Errno> = stream.read_message().await.expect("an answer");
        Ok((connected?, stream))
    }

    /// Subscribes a port; the stream keeps it.
    pub(crate) async fn subscribe(&self, port: u16, mode: Mode) -> (Result<Subscribed, SubscribeError>, Stream) {
        let head = StreamHead::Subscribe(Subscribe { port, mode, spared: Probes::default(), filter: None });
        let mut stream = self.link.open(&head).expect("open");
        let answer = stream.read_message().await.expect("an answer");
        (answer, stream)
    }
}
