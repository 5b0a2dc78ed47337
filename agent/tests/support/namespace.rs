//! Tests run in network namespaces of their own, one per thread: a pod, and an outside joined to it by a veth pair.

use std::{
    future::Future,
    net::SocketAddr,
    process::Command,
    sync::mpsc::{Sender, channel},
    time::Duration,
};

use nix::sched::{CloneFlags, unshare};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// How long a whole test may take.
const TEST_LIMIT: Duration = Duration::from_secs(40);

/// Address of the pod's end of the veth pair.
pub(crate) const POD: &str = "198.18.0.2";

/// Runs `test` in a fresh network namespace with loopback up; says so and returns where that is not permitted.
pub(crate) fn in_pod<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::spawn(move || {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            return eprintln!("not run: no network namespace: {error}");
        }
        ip("link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            tokio::time::timeout(TEST_LIMIT, test()).await.expect("the test takes too long");
        });
        runtime.shutdown_timeout(Duration::ZERO);
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` in the calling thread's namespace.
pub(crate) fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).status().expect("iproute2 is installed");
    assert!(done.success(), "ip {arguments}");
}

/// A thread in a namespace outside of the pod, with a wire to it; ends with this.
pub(crate) struct Outside {
    work_tx: Sender<Box<dyn FnOnce() + Send>>,
}

impl Outside {
    /// Joins the calling thread's namespace, which gets the address [`POD`].
    pub(crate) fn join() -> Self {
        let (work_tx, work) = channel::<Box<dyn FnOnce() + Send>>();
        let (thread_tx, thread) = channel();
        std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("allowed a moment ago");
            thread_tx.send(nix::unistd::gettid()).expect("awaited");
            for act in work {
                act();
            }
        });
        let thread = thread.recv().expect("the thread runs");
        ip(&format!("link add pod0 type veth peer name out0 netns {thread}"));
        ip(&format!("addr add {POD}/30 dev pod0"));
        ip("link set pod0 up");
        let outside = Self { work_tx };
        outside.run(|| {
            ip("addr add 198.18.0.1/30 dev out0");
            ip("link set out0 up");
        });
        outside
    }

    /// Runs `act` outside and waits for it, without keeping the pod's tasks from running.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> T + Send + 'static,
    ) -> tokio::sync::oneshot::Receiver<T> {
        let (done_tx, done) = tokio::sync::oneshot::channel();
        self.work_tx.send(Box::new(move || drop(done_tx.send(act())))).expect("the thread runs");
        done
    }

    fn run<T: Send + 'static>(&self, act: impl FnOnce() -> T + Send + 'static) -> T {
        let (done_tx, done) = channel();
        self.work_tx.send(Box::new(move || done_tx.send(act()).expect("awaited"))).expect("the thread runs");
        done.recv().expect("the thread runs")
    }

    /// [`ask`], from outside.
    pub(crate) async fn ask(&self, to: SocketAddr, question: &'static str) -> String {
        let answer = self.start(move || {
            use std::io::{Read, Write};
            let mut tcp = std::net::TcpStream::connect_timeout(&to, Duration::from_secs(5)).expect("connects");
            tcp.write_all(question.as_bytes()).expect("sends");
            tcp.shutdown(std::net::Shutdown::Write).expect("half-closes");
            let mut answer = String::new();
            match tcp.read_to_string(&mut answer) {
                Ok(_) => answer,
                Err(error) => format!("{:?}", error.kind()),
            }
        });
        answer.await.expect("the thread runs")
    }
}

/// The original program: answers each connection, once the client has finished, with `original: ` and what it sent.
pub(crate) async fn original_program(at: &str, tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind(at).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut tcp, _) = listener.accept().await.expect("accepts");
            connections.spawn(async move {
                let mut question = Vec::new();
                if tcp.read_to_end(&mut question).await.is_ok() {
                    // A client that is gone asks for nothing.
                    drop(tcp.write_all(&[b"original: ", question.as_slice()].concat()).await);
                }
            });
        }
    });
    address
}

/// Connects, sends `question`, half-closes, and gives the answer, or the kind of error.
pub(crate) async fn ask(to: SocketAddr, question: &str) -> String {
    let asked = async {
        let mut tcp = TcpStream::connect(to).await?;
        tcp.write_all(question.as_bytes()).await?;
        tcp.shutdown().await?;
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    asked.await.unwrap_or_else(|error| format!("{:?}", error.kind()))
}
