//! Processes: spawning a debug adapter, hearing its complaints, and ending it with everything that it started.

use std::{collections::BTreeMap, fs, io, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, ChildStdin, ChildStdout},
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::adapters::Command;

/// How long an adapter may take to leave once its input is closed, and again after SIGTERM.
const GRACE: Duration = Duration::from_secs(1);

/// How long a process may live on after it closed its output, when somebody wants to know how it ended.
const FATE_LIMIT: Duration = Duration::from_millis(200);

/// Bytes of one line of an adapter's standard error that are passed on.
const COMPLAINT_LIMIT: usize = 4 * 1024;

/// Bytes of an adapter's standard error that are passed on in all.
const COMPLAINTS_LIMIT: usize = 256 * 1024;

/// Lines that wait to be passed on; the adapter waits when there are more.
const COMPLAINTS_WAITING: usize = 64;

/// A process in a group of its own: a debug adapter's, or a program's.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    id: u32,
    /// Read what it complains of.
    listeners: JoinSet<()>,
}

/// The streams of a fresh process.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) input: ChildStdin,
    pub(super) output: ChildStdout,
    /// adapter --lines of standard error--> proxy
    pub(super) complaints: mpsc::Receiver<String>,
}

/// Starts `command`, which talks on its standard streams. The process dies with its handle.
pub(super) fn spawn(command: &Command) -> io::Result<(Process, Streams)> {
    let mut process = start(tokio_command(command).stdin(Stdio::piped()))?;
    let (complaints_tx, complaints) = mpsc::channel(COMPLAINTS_WAITING);
    process.hear_errors(complaints_tx);
    let streams = process.child.stdin.take().zip(process.child.stdout.take());
    let (input, output) = streams.expect("both were asked for");
    Ok((process, Streams { input, output, complaints }))
}

/// Starts `command`, which talks elsewhere: all that it prints is complaints. The process dies with its handle.
pub(super) fn serve(command: &Command) -> io::Result<(Process, mpsc::Receiver<String>)> {
    let mut process = start(tokio_command(command).stdin(Stdio::null()))?;
    let (complaints_tx, complaints) = mpsc::channel(COMPLAINTS_WAITING);
    let output = process.child.stdout.take().expect("it was asked for");
    process.listeners.spawn(listen(output, complaints_tx.clone()));
    process.hear_errors(complaints_tx);
    Ok((process, complaints))
}

/// Starts a program whose output somebody reads. The process dies with its handle.
pub(super) fn run(
    command: &mut tokio::process::Command,
) -> io::Result<(Process, impl AsyncRead + Send + Unpin + use<>, impl AsyncRead + Send + Unpin + use<>)> {
    let mut process = start(command.stdin(Stdio::null()))?;
    let streams = process.child.stdout.take().zip(process.child.stderr.take());
    let (output, errors) = streams.expect("both were asked for");
    Ok((process, output, errors))
}

fn tokio_command(command: &Command) -> tokio::process::Command {
    let mut process = tokio::process::Command::new(&command.program);
    crate::exec::apply(&mut process, &command.injection);
    process.args(&command.arguments);
    process
}

fn start(command: &mut tokio::process::Command) -> io::Result<Process> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let child = command.spawn()?;
    let id = child.id().expect("it was not waited for yet");
    Ok(Process { child, id, listeners: JoinSet::new() })
}

impl Process {
    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    fn hear_errors(&mut self, complaints_tx: mpsc::Sender<String>) {
        let errors = self.child.stderr.take().expect("it was asked for");
        self.listeners.spawn(listen(errors, complaints_tx));
    }

    /// Resolves when it has ended, and reaps it. May be given up at any time.
    pub(super) async fn ended(&mut self) {
        let _ = self.child.wait().await; // only fails when it was waited for already
    }

    /// How it ended, for a message; `None` while it runs. A process closes its streams a moment before it is gone.
    pub(super) async fn ending(&mut self) -> Option<String> {
        let status = timeout(FATE_LIMIT, self.child.wait()).await.ok()?.ok()?;
        Some(status.to_string())
    }

    /// Ends it, after its input was closed: waits, asks, kills. With `program`, everything that it started ends as well,
    /// in whatever process group that is.
    pub(super) async fn end(mut self, program: Program) {
        let family = match program {
            Program::Spared => BTreeMap::new(),
            Program::Ends(pid) => {
                let mut family = descendants(self.id);
                family.extend(pid.and_then(|pid| Some((pid, started(pid)?))));
                family
            }
        };
        if timeout(GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::SIGTERM);
            if timeout(GRACE, self.child.wait()).await.is_err() {
                self.signal(Signal::SIGKILL);
                let _ = self.child.wait().await; // only fails when it was waited for already
            }
        }
        end_family(&family).await;
    }

    fn signal(&self, signal: Signal) {
        let _ = killpg(pid(self.id), signal); // gone already: what we want
    }
}

/// What happens to the program when its debug adapter ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// It lives on.
    Spared,
    /// It ends; the adapter may have told its process id.
    Ends(Option<u32>),
}

/// Asks, then kills what is left of `family` (process ids with the time they started).
async fn end_family(family: &BTreeMap<u32, u64>) {
    let alive = || family.iter().filter(|(id, start)| started(**id) == Some(**start)).map(|(id, _)| *id);
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        for id in alive() {
            let _ = kill(pid(id), signal); // gone already: what we want
        }
        for _ in 0..20 {
            if alive().next().is_none() {
                return;
            }
            sleep(GRACE / 20).await;
        }
    }
}

/// Processes below `ancestor`, with the time they started.
fn descendants(ancestor: u32) -> BTreeMap<u32, u64> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut rest: BTreeMap<u32, Status> = ids.filter_map(|id| Some((id, status(id)?))).collect();
    let (mut found, mut parents) = (BTreeMap::new(), vec![ancestor]);
    while let Some(parent) = parents.pop() {
        let children: Vec<u32> = rest.iter().filter(|(_, status)| status.parent == parent).map(|(id, _)| *id).collect();
        for id in children {
            found.extend(rest.remove(&id).map(|status| (id, status.started)));
            parents.push(id);
        }
    }
    found
}

/// When process `id` started, in clock ticks since boot; `None` when it has ended.
fn started(id: u32) -> Option<u64> {
    status(id).map(|status| status.started)
}

struct Status {
    parent: u32,
    started: u64,
}

/// `/proc/<id>/stat`, proc(5): the name in brackets may hold anything; `state` and `ppid` follow it, `starttime` is the
/// 20th. A zombie has ended.
fn status(id: u32) -> Option<Status> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if *fields.first()? == "Z" {
        return None;
    }
    Some(Status { parent: fields.get(1)?.parse().ok()?, started: fields.get(19)?.parse().ok()? })
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("process ids are below 2^22"))
}

/// Passes `errors` on, line by line and within limits. It reads on beyond them, so that the adapter never stalls.
async fn listen(mut errors: impl AsyncRead + Unpin, complaints_tx: mpsc::Sender<String>) {
    let (mut chunk, mut line, mut total) = (vec![0; COMPLAINT_LIMIT], Vec::new(), 0_usize);
    while let Ok(length @ 1..) = errors.read(&mut chunk).await {
        if total > COMPLAINTS_LIMIT {
            continue;
        }
        total += length;
        for byte in &chunk[..length] {
            if *byte == b'\n' || line.len() == COMPLAINT_LIMIT {
                complain(&complaints_tx, &mut line).await;
            }
            if *byte != b'\n' {
                line.push(*byte);
            }
        }
        if total > COMPLAINTS_LIMIT {
            complain(&complaints_tx, &mut b"(the adapter's further complaints are left out)".to_vec()).await;
        }
    }
    complain(&complaints_tx, &mut line).await;
}

async fn complain(complaints_tx: &mpsc::Sender<String>, line: &mut Vec<u8>) {
    if !line.is_empty() {
        let _ = complaints_tx.send(String::from_utf8_lossy(line).into_owned()).await; // nobody left who listens
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Process, Streams) {
        let command = Command::new("sh", ["-c", script]);
        spawn(&command).expect("there is a shell")
    }

    #[tokio::test]
    async fn an_adapter_that_ignores_everything_is_killed_with_what_it_started() {
        let (process, mut streams) =
            shell("trap '' TERM; setsid sleep 1000 & echo $! >&2; exec >/dev/null; while :; do sleep 1; done");
        let grandchild: u32 = streams.complaints.recv().await.expect("it told its child").parse().expect("a number");
        assert!(started(grandchild).is_some());
        drop(streams);
        let id = process.id();
        process.end(Program::Ends(None)).await;
        assert_eq!((started(id), started(grandchild)), (None, None));
    }

    #[tokio::test]
    async fn complaints_are_bounded() {
        let (process, mut streams) = shell("yes complaint | head -c 1000000 >&2; printf end >&2");
        let mut lines = Vec::new();
        while let Some(line) = streams.complaints.recv().await {
            lines.push(line);
        }
        assert!(lines.iter().map(String::len).sum::<usize>() <= COMPLAINTS_LIMIT + 2 * COMPLAINT_LIMIT);
        assert!(lines.iter().any(|line| line.contains("left out")), "{:?}", lines.last());
        process.end(Program::Spared).await;
    }
}
