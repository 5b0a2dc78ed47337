//! Which launches the session's processes come from. Several may share a session; a variable that whoever launches sets
//! tells them apart.

use std::{collections::VecDeque, time::Duration};

use protocol::link::variable;
use tokio::{sync::watch, time::timeout};

use crate::programs::initial_variable;

/// Launches that are remembered: the newest. Far more than begin at once.
const REMEMBERED: usize = 256;

/// Bytes of a launch's name; ours are shorter, and others are not asked for.
const NAME_LIMIT: usize = 64;

/// How many processes of each launch have said hello.
#[derive(Debug, Default)]
pub(crate) struct Launches(watch::Sender<VecDeque<Launch>>);

#[derive(Debug)]
struct Launch {
    name: Vec<u8>,
    processes: u64,
}

impl Launches {
    /// A process has said hello.
    pub(crate) fn note(&self, pid: u32) {
        let Some(name) = initial_variable(pid, variable::LAUNCH).filter(|name| name.len() <= NAME_LIMIT) else {
            return;
        };
        self.0.send_modify(|launches| {
            if let Some(known) = launches.iter_mut().find(|launch| launch.name == name) {
                known.processes += 1;
                return;
            }
            if launches.len() == REMEMBERED {
                launches.pop_front();
            }
            launches.push_back(Launch { name, processes: 1 });
        });
    }

    /// How many of this launch there have been.
    pub(crate) fn processes(&self, launch: &str) -> u64 {
        processes(&self.0.borrow(), launch)
    }

    /// Whether there are more than `before` within `limit`.
    pub(crate) async fn come(&self, launch: &str, before: u64, limit: Duration) -> bool {
        let mut launches = self.0.subscribe();
        let come = launches.wait_for(|launches| processes(launches, launch) > before);
        timeout(limit, come).await.is_ok_and(|come| come.is_ok())
    }
}

fn processes(launches: &VecDeque<Launch>, name: &str) -> u64 {
    launches.iter().find(|launch| launch.name == name.as_bytes()).map_or(0, |launch| launch.processes)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn process(launch: &str) -> Child {
        Command::new("sleep").arg("100").env(variable::LAUNCH, launch).spawn().expect("there is a sleep")
    }

    #[tokio::test]
    async fn processes_count_for_the_launch_that_their_environment_names() {
        let launches = Launches::default();
        let long = "x".repeat(NAME_LIMIT + 1);
        let mut processes = [process("one"), process("one"), process("other"), process(&long)];
        let come = |launch, before| launches.come(launch, before, Duration::from_millis(50));
        assert!(!come("one", 0).await);
        launches.note(processes[2].id());
        assert!(!come("one", 0).await, "another launch's process passes for this one's");
        launches.note(processes[0].id());
        assert!(come("one", 0).await && !come("one", 1).await);
        let (more, ()) = tokio::join!(come("one", 1), async { launches.note(processes[1].id()) });
        assert!(more);
        launches.note(processes[3].id());
        launches.note(std::process::id());
        assert_eq!(["one", "other", &long, ""].map(|name| launches.processes(name)), [2, 1, 0, 0]);
        for process in &mut processes {
            process.kill().and_then(|()| process.wait()).expect("it runs");
        }
    }
}
