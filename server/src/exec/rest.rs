//! What a program leaves behind when it ends: daemons, jobs in the background. They keep their session.

use std::time::Duration;

use session::{Session, programs::Program};

use crate::{signals::Signals, terminal};

/// Pause between two looks at what still runs.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Names that are shown; of the rest, how many there are.
const SHOWN: usize = 5;

/// Waits until nothing of the program runs, or somebody ends it, or the session is lost.
pub(super) async fn wait(session: &Session, signals: &mut Signals) {
    let running = session.programs().await;
    if running.is_empty() {
        return;
    }
    terminal::say(&format!(
        "the program has ended, but not what it started: {}; the session stays for that; Ctrl-C ends both",
        listed(&running)
    ));
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_INTERVAL) => if session.programs().await.is_empty() {
                return;
            },
            who = session.stop_wanted() => {
                terminal::say(&format!("the session is stopped by {who}; what the program started is ended"));
                return session.end_programs().await;
            }
            reason = session.lost() => {
                terminal::say_error(&format!("the session is lost: {reason}; what the program started is ended"));
                return session.end_programs().await;
            }
            received = signals.next() => if received.ends() {
                return session.end_programs().await;
            }
        }
    }
}

fn listed(programs: &[Program]) -> String {
    let names = programs.iter().take(SHOWN).map(|Program { pid, name }| format!("{name} ({pid})"));
    let more = programs.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("{more} more"));
    names.chain(more).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_named() {
        let program = |pid| Program { pid, name: "sleep".to_owned() };
        assert_eq!(listed(&[program(7)]), "sleep (7)");
        let many: Vec<_> = (1..=7).map(program).collect();
        assert_eq!(listed(&many), "sleep (1), sleep (2), sleep (3), sleep (4), sleep (5), 2 more");
    }
}
