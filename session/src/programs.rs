//! Which processes belong to the session: those that have said hello, and those that are about to.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use protocol::link::variable;

use crate::launches::Launches;

/// Processes known before those that have ended are looked for.
const FIRST_LOOK_THROUGH: usize = 64;

/// Pause between two looks at whether all have ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A process of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its number.
    pub pid: u32,
    /// Its name, as the kernel shows it: anybody's text.
    pub name: String,
}

/// The session's processes. One that becomes another by exec(2) stays the same one.
#[derive(Debug)]
pub(crate) struct Programs {
    /// Path of the session's socket, which stands in the environment of all its processes.
    socket: PathBuf,
    known: Mutex<Known>,
    /// Where they come from.
    pub(crate) launches: Launches,
}

#[derive(Debug)]
struct Known {
    /// Start time by number: the number alone may be another process's by now.
    started: BTreeMap<u32, u64>,
    look_through_at: usize,
}

impl Programs {
    /// None yet.
    pub(crate) fn new(socket: PathBuf) -> Self {
        let known = Known { started: BTreeMap::new(), look_through_at: FIRST_LOOK_THROUGH };
        Self { socket, known: Mutex::new(known), launches: Launches::default() }
    }

    /// A process has said hello.
    pub(crate) fn add(&self, pid: u32) {
        self.launches.note(pid);
        let Some(started) = start_time(pid) else { return };
        let mut known = self.known.lock().expect("no panic while held");
        known.started.insert(pid, started);
        if known.started.len() >= known.look_through_at {
            known.started.retain(|pid, started| start_time(*pid) == Some(*started));
            known.look_through_at = FIRST_LOOK_THROUGH.max(2 * known.started.len());
        }
    }

    /// Those that run, and have said hello.
    pub(crate) fn greeted(&self) -> Vec<u32> {
        let known = self.known.lock().expect("no panic while held");
        let alive = known.started.iter().filter(|(pid, started)| start_time(**pid) == Some(**started));
        alive.map(|(pid, _)| *pid).collect()
    }

    /// Those that run, in order: also those of whose hello nothing has been heard yet. Reads procfs from end to end.
    pub(crate) fn running(&self) -> Vec<Program> {
        let mut all = self.greeted();
        let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        all.extend(numbers.filter(|pid| has_socket(*pid, &self.socket) && start_time(*pid).is_some()));
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(|pid| Program { pid, name: name(pid) }).collect()
    }

    /// Ends all but `spared`: they are asked to, and those that have not after `limit` are made to.
    pub(crate) async fn end(&self, limit: Duration, spared: &[u32]) {
        let asked = tokio::time::Instant::now();
        let without_spared = |pids: Vec<u32>| pids.into_iter().filter(|pid| !spared.contains(pid)).collect::<Vec<_>>();
        let running = without_spared(self.running().into_iter().map(|program| program.pid).collect());
        // Also those of whom nothing has been heard since they were forked are waited for.
        for pid in &running {
            self.add(*pid);
        }
        signal_all(&running, Signal::SIGTERM);
        loop {
            let left = without_spared(self.greeted());
            if left.is_empty() {
                return;
            }
            if asked.elapsed() >= limit {
                return signal_all(&left, Signal::SIGKILL);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

fn signal_all(pids: &[u32], signal: Signal) {
    for pid in pids {
        // One that has just ended needs no signal; one that has become another user's cannot have one.
        let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
    }
}

/// When a process started, in ticks since the machine did; nothing when it has ended. proc_pid_stat(5).
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold any byte: the fields begin behind the last one.
    let behind = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let mut fields = stat[behind..].split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    if matches!(fields.next()?, b"Z" | b"X") {
        return None;
    }
    // The state is field 3, the start time field 22.
    str::from_utf8(fields.nth(18)?).ok()?.parse().ok()
}

fn name(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(name.trim_ascii_end()).into_owned()
}

/// Whether the session's socket stands in the environment that a process was started with.
fn has_socket(pid: u32, socket: &Path) -> bool {
    initial_variable(pid, variable::SOCKET).is_some_and(|value| value == socket.as_os_str().as_bytes())
}

/// The value of a variable in the environment that a process was started with. Other people's cannot be read.
pub(crate) fn initial_variable(pid: u32, name: &str) -> Option<Vec<u8>> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut values = environment.split(|byte| *byte == 0).filter_map(|entry| entry.strip_prefix(name.as_bytes()));
    values.find_map(|value| value.strip_prefix(b"=")).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn start(command: &mut Command) -> Child {
        command.spawn().expect("there is a shell")
    }

    fn until(what: impl Fn() -> bool) {
        let began = std::time::Instant::now();
        while !what() {
            assert!(began.elapsed() < Duration::from_secs(10), "not in time");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[tokio::test]
    async fn they_are_found_and_ended() {
        let socket = PathBuf::from(format!("/nowhere/{}/layer.sock", std::process::id()));
        let programs = Programs::new(socket.clone());
        assert_eq!(programs.running(), []);
        // One that has said hello and does not mind being asked, and one that has not said hello yet.
        let mut deaf = start(Command::new("sh").args(["-c", "trap '' TERM; while :; do sleep 0.1; done"]));
        programs.add(deaf.id());
        let mut silent = start(Command::new("sleep").arg("100").env(variable::SOCKET, &socket));
        let mut both = Command::new("sh");
        both.args(["-c", "trap '' TERM; while :; do sleep 0.1; done"]).env(variable::SOCKET, &socket);
        let mut both = start(&mut both);
        until(|| programs.running().len() >= 3 && programs.running().iter().any(|program| program.name == "sleep"));
        assert_eq!(programs.greeted(), [deaf.id()]);
        tokio::time::sleep(Duration::from_millis(100)).await; // the trap is not set at once
        programs.end(Duration::from_millis(200), &[]).await;
        until(|| programs.running().is_empty());
        for child in [&mut deaf, &mut silent, &mut both] {
            child.wait().expect("it has ended");
        }
        assert!(programs.greeted().is_empty(), "a number is not taken for the process that had it");
    }
}
