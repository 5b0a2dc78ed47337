//! PID 1 of the pod: sets the namespaces up, starts what runs inside, and ends everything when the launcher is gone.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, BufRead, BufReader},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{
            net::{UnixListener, UnixStream},
            process::CommandExt,
        },
    },
    process::{Child, Command, Stdio},
    thread,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, kill},
        wait::{WaitStatus, wait},
    },
    unistd::{Pid, sethostname},
};

use super::{
    BACKEND_ADDRESS, HIDDEN_COMMAND, HOST_NAME, MESSAGE_VARIABLE, POD_ADDRESS, RESOLVER_ADDRESS, VISITOR_ADDRESS,
    gateway,
    inside::{Refused, Sockets, Step},
    network,
    report::{Order, Report},
    root,
};

/// Environment of the target, besides what every process has.
const TARGET_ENVIRONMENT: [(&str, &str); 6] = [
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("HOSTNAME", HOST_NAME),
    (MESSAGE_VARIABLE, "hello from the pod's environment"),
    ("BACKEND_URL", "http://backend/"),
    ("DEMO_STAGE", "cluster"),
    ("KUBERNETES_SERVICE_HOST", "10.20.0.1"),
];

/// The agent ends with the pod; however long nobody uses it before that does not matter.
const GRACE_SECONDS: &str = "1000000";

/// Runs until the launcher goes away.
pub(super) fn run(agent: &OsStr, client_key: &OsStr) -> Result<(), Refused> {
    // The control connection tells of the launcher's end; this one of the process in between.
    set_pdeathsig(Signal::SIGKILL).step("parent's death signal")?;
    let Sockets { agent: agent_socket, control, gateway } = Sockets::take()?;
    sethostname(HOST_NAME).step("host name")?;
    network::set_up(&[POD_ADDRESS, BACKEND_ADDRESS, RESOLVER_ADDRESS, VISITOR_ADDRESS]).step("address on lo")?;
    // Once the root is the pod's own, the agent's executable has no name any more: hold it.
    let agent_file = File::open(agent).step("agent")?;
    root::set_up()?;

    let (backend, _) = start_service("backend", &[])?;
    let (web, target_pid) = start_service("web", &TARGET_ENVIRONMENT)?;
    let agent = match start_agent(&agent_file, &agent_socket, &target_pid, client_key) {
        Ok(agent) => Pid::from_raw(agent.id().cast_signed()),
        Err(error) => {
            Report::AgentRefused { errno: error.raw_os_error().unwrap_or(Errno::EIO as i32) }.send();
            return Ok(());
        }
    };
    drop(agent_socket);
    let services = [&backend, &web].map(|child| Pid::from_raw(child.id().cast_signed()));
    thread::spawn(move || reap(agent, services));
    let gateway = UnixListener::from(gateway);
    thread::spawn(move || gateway::serve(&gateway));
    Report::Ready.send();

    // The end of this loop is the end of the launcher, or of its wish to have a pod; the kernel ends the rest.
    for line in BufReader::new(UnixStream::from(control)).lines().map_while(Result::ok) {
        match Order::from_line(&line) {
            // Gone already is as good.
            Some(Order::KillAgent) => drop(kill(agent, Signal::SIGKILL)),
            None => eprintln!("unknown order {line:?}"),
        }
    }
    Ok(())
}

/// Starts a service of ours and waits until it listens; gives its process id as `/proc` counts, which is another one
/// where the outer `/proc` had to be kept.
fn start_service(role: &str, environment: &[(&str, &str)]) -> Result<(Child, String), Refused> {
    let mut child = Command::new("/proc/self/exe")
        .arg0(format!("demo-{role}"))
        .args([HIDDEN_COMMAND, role])
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .step("service")?;
    let mut line = String::new();
    let stdout = child.stdout.take().expect("piped above");
    BufReader::new(stdout).read_line(&mut line).step("service")?;
    match line.trim_end().strip_prefix("listening ") {
        Some(pid) => Ok((child, pid.to_owned())),
        // Its own reason has been reported; the first report counts.
        None => Err(Refused { step: "service", errno: Errno::EIO }),
    }
}

/// Starts the agent, which serves the holder of `client_key` on the inherited `socket`.
fn start_agent(file: &File, socket: &OwnedFd, target_pid: &str, client_key: &OsStr) -> io::Result<Child> {
    // Only one thread exists yet, so no other child inherits it.
    fcntl(socket, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Command::new(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .arg0("mirrord-agent")
        .args(["--listen-fd", &socket.as_raw_fd().to_string()])
        .args(["--target-pid", target_pid, "--grace", GRACE_SECONDS, "--client-key"])
        .arg(client_key)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
}

/// Collects every process that ends, as the first process of a pod must; a pod without its services has ended.
fn reap(agent: Pid, services: [Pid; 2]) {
    loop {
        let (pid, how) = match wait() {
            Ok(WaitStatus::Exited(pid, code)) => (pid, format!("exited with code {code}")),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, format!("was killed by {signal}")),
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(_) => return, // no process is left
        };
        if pid == agent {
            Report::AgentGone { how }.send();
        } else if services.contains(&pid) {
            eprintln!("a service of the pod {how}");
        }
    }
}
