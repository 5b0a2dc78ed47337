//! What a session tells, as messages for the editor: progress where the client shows it, else lines in its console.

use serde_json::Value;
use session::event::{Event, Mode, State};

use super::message::{self, Category};

/// The report of one session's start, and the voice of the session afterwards.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Whether the client shows progress reports.
    supported: bool,
    /// Whether a report is open.
    open: bool,
    /// Whether the session was said to be in trouble.
    degraded: bool,
}

/// One session a connection, so one name will do.
pub(super) const PROGRESS_ID: &str = "mirrord-start";

/// The report that lasts while the connection to the cluster is in trouble.
const TROUBLE_ID: &str = "mirrord-trouble";

impl Progress {
    /// For a client that shows progress, or not.
    pub(super) fn new(supported: bool) -> Self {
        Self { supported, ..Self::default() }
    }

    /// The start of a session for request `seq` begins.
    pub(super) fn begin(&mut self, seq: i64) -> Option<Value> {
        self.open = true;
        self.supported.then(|| message::progress_start(PROGRESS_ID, "mirrord", Some(seq)))
    }

    /// The start is over, well or not.
    pub(super) fn end(&mut self, how: &str) -> Option<Value> {
        let ends = std::mem::take(&mut self.open) && self.supported;
        ends.then(|| message::progress_end(PROGRESS_ID, how))
    }

    /// The session is over: what is open of its trouble ends.
    pub(super) fn end_trouble(&mut self) -> Option<Value> {
        let ends = std::mem::take(&mut self.degraded) && self.supported;
        ends.then(|| message::progress_end(TROUBLE_ID, "the session has ended"))
    }

    /// What `event` is for the user, if anything.
    pub(super) fn tell(&mut self, event: Event) -> Vec<Value> {
        let told = match event {
            Event::State(state) => return self.state(state),
            Event::Step(step) => Some(self.step(&step.to_string())),
            Event::Warning(text) => Some(line(Category::Important, &format!("warning: {text}"))),
            Event::Info(text) => Some(line(Category::Console, &text)),
            Event::Subscribed { port, local, mode, means: _, filter } => {
                let what = match mode {
                    Mode::Mirror => "copies of the traffic to",
                    Mode::Steal => "the traffic to",
                };
                let which = filter.map_or_else(String::new, |filter| {
                    format!(": requests that match {filter}; all others stay with the target")
                });
                Some(line(Category::Console, &format!("{what} port {port} of the target goes to {local}{which}")))
            }
            Event::Incoming { .. } => None, // one line a connection would bury the program's own output
        };
        told.into_iter().collect()
    }

    fn step(&self, text: &str) -> Value {
        if self.supported && self.open {
            message::progress_update(PROGRESS_ID, text)
        } else {
            line(Category::Console, text)
        }
    }

    fn state(&mut self, state: State) -> Vec<Value> {
        let was_degraded = std::mem::replace(&mut self.degraded, matches!(state, State::Degraded { .. }));
        let (text, report) = match state {
            State::Connected if was_degraded => {
                let text = "the connection to the cluster works again";
                (text.to_owned(), message::progress_end(TROUBLE_ID, text))
            }
            State::Degraded { reason } if !was_degraded => {
                let title = "mirrord: waiting for the cluster";
                let text = format!("the connection to the cluster is in trouble: {reason}; remote operations wait");
                (text, message::progress_start(TROUBLE_ID, title, None))
            }
            State::Lost { .. } | State::Stopped => {
                // Said by the end of the debug session, and the trouble's with it.
                self.degraded = was_degraded;
                return Vec::new();
            }
            State::Connected | State::Degraded { .. } | State::Starting => return Vec::new(),
        };
        let report = self.supported.then_some(report);
        [line(Category::Important, &text)].into_iter().chain(report).collect()
    }
}

/// A line of ours in the editor's console.
pub(super) fn line(category: Category, text: &str) -> Value {
    message::output(category, &format!("mirrord: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use session::event::Step;

    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn check(supported: bool, expected: Expect) {
        let mut progress = Progress::new(supported);
        let events = [
            Event::Step(Step::Connecting),
            Event::State(State::Degraded { reason: "silence".into() }),
            Event::State(State::Connected),
            Event::State(State::Connected),
            Event::State(State::Degraded { reason: "again".into() }),
            Event::State(State::Lost { reason: "for good".into() }),
            Event::Warning("a\u{1b}b".into()),
        ];
        let told = progress.begin(7).into_iter().chain(progress.end("ready")).chain(progress.begin(8));
        let mut told: Vec<Value> = told.collect();
        told.extend(events.into_iter().flat_map(|event| progress.tell(event)));
        told.extend(progress.end_trouble());
        let lines = told.iter().map(|told| format!("{} {}", told["event"].as_str().unwrap(), told["body"]));
        expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_client_that_shows_progress_gets_it() {
        check(
            true,
            expect![[r#"
                progressStart {"progressId":"mirrord-start","title":"mirrord","requestId":7,"cancellable":true}
                progressEnd {"progressId":"mirrord-start","message":"ready"}
                progressStart {"progressId":"mirrord-start","title":"mirrord","requestId":8,"cancellable":true}
                progressUpdate {"progressId":"mirrord-start","message":"connecting to the cluster"}
                output {"category":"important","output":"mirrord: the connection to the cluster is in trouble: silence; remote operations wait\n"}
                progressStart {"progressId":"mirrord-trouble","title":"mirrord: waiting for the cluster","cancellable":false}
                output {"category":"important","output":"mirrord: the connection to the cluster works again\n"}
                progressEnd {"progressId":"mirrord-trouble","message":"the connection to the cluster works again"}
                output {"category":"important","output":"mirrord: the connection to the cluster is in trouble: again; remote operations wait\n"}
                progressStart {"progressId":"mirrord-trouble","title":"mirrord: waiting for the cluster","cancellable":false}
                output {"category":"important","output":"mirrord: warning: a\\u{1b}b\n"}
                progressEnd {"progressId":"mirrord-trouble","message":"the session has ended"}"#]],
        );
    }

    #[test]
    fn a_plain_client_gets_lines() {
        check(
            false,
            expect![[r#"
                output {"category":"console","output":"mirrord: connecting to the cluster\n"}
                output {"category":"important","output":"mirrord: the connection to the cluster is in trouble: silence; remote operations wait\n"}
                output {"category":"important","output":"mirrord: the connection to the cluster works again\n"}
                output {"category":"important","output":"mirrord: the connection to the cluster is in trouble: again; remote operations wait\n"}
                output {"category":"important","output":"mirrord: warning: a\\u{1b}b\n"}"#]],
        );
    }
}
