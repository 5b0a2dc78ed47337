//! Whether a debugger holds the program: told from the messages that pass, thread by thread.

use std::collections::BTreeSet;

use serde_json::Value;

/// Threads to remember one by one. A program with more that stand counts as standing until all go on.
const THREADS: usize = 4096;

/// Which threads stand. A program stands while one of its threads does.
#[derive(Debug, Default)]
pub(super) struct Stand {
    threads: BTreeSet<i64>,
    /// All, or more than can be remembered.
    all: bool,
}

impl Stand {
    /// Whether the program stands.
    pub(super) fn is_standing(&self) -> bool {
        self.all || !self.threads.is_empty()
    }

    /// An event of the adapter.
    pub(super) fn event(&mut self, name: &str, body: &Value) {
        let thread = body["threadId"].as_i64();
        match (name, thread) {
            ("stopped", Some(thread)) if body["allThreadsStopped"] != true => {
                self.threads.insert(thread);
                self.all |= self.threads.len() > THREADS;
            }
            ("stopped", _) => self.all = true,
            // All, where nothing is said: the specification of `allThreadsContinued`.
            ("continued", Some(thread)) if body["allThreadsContinued"] == false => self.gone_on(Some(thread)),
            ("continued" | "terminated" | "exited", _) => self.gone_on(None),
            ("thread", Some(thread)) if body["reason"] == "exited" => self.gone_on(Some(thread)),
            _ => {}
        }
    }

    /// The adapter has done what `command` asks for.
    pub(super) fn answered(&mut self, command: &str, thread: Option<i64>, body: &Value) {
        match command {
            "continue" | "reverseContinue" if body["allThreadsContinued"] == false => self.gone_on(thread),
            // Steps run other threads as well, unless they ask for a single one.
            "next" | "stepIn" | "stepOut" | "stepBack" if thread.is_some() => self.gone_on(thread),
            "continue" | "reverseContinue" | "next" | "stepIn" | "stepOut" | "stepBack" | "goto" | "restartFrame" => {
                self.gone_on(None);
            }
            _ => {}
        }
    }

    fn gone_on(&mut self, thread: Option<i64>) {
        match thread {
            Some(thread) => drop(self.threads.remove(&thread)),
            None => *self = Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `true` for each message after which the program stands.
    fn check(messages: &[(&str, Value)], expected: &[bool]) {
        let mut stand = Stand::default();
        let told = messages.iter().map(|(name, body)| {
            match name.strip_prefix("answer ") {
                Some(command) => stand.answered(command, body["single"].as_i64(), body),
                None => stand.event(name, body),
            }
            stand.is_standing()
        });
        assert_eq!(told.collect::<Vec<_>>(), expected, "{messages:?}");
    }

    #[test]
    fn it_stands_while_one_thread_does() {
        let thread = |number: i64| json!({"threadId": number, "allThreadsContinued": false});
        check(&[("stopped", thread(1)), ("stopped", thread(2))], &[true, true]);
        check(
            &[("stopped", thread(1)), ("stopped", thread(2)), ("continued", thread(1)), ("continued", thread(2))],
            &[true, true, true, false],
        );
        check(
            &[
                ("stopped", thread(1)),
                ("thread", json!({"threadId": 1, "reason": "started"})),
                ("thread", json!({"threadId": 1, "reason": "exited"})),
            ],
            &[true, true, false],
        );
    }

    #[test]
    fn all_of_it_stands_and_goes_on() {
        let all = json!({"threadId": 1, "allThreadsStopped": true});
        for end in ["answer continue", "answer next", "answer stepOut", "continued", "terminated", "exited"] {
            check(&[("stopped", all.clone()), (end, json!({}))], &[true, false]);
        }
        check(&[("stopped", all.clone()), ("answer threads", json!({})), ("output", json!({}))], &[true; 3]);
        // One thread alone goes on: the others do not.
        check(&[("stopped", all.clone()), ("answer next", json!({"single": 1}))], &[true, true]);
        let single = json!({"allThreadsContinued": false, "single": 1});
        check(&[("stopped", all), ("answer continue", single)], &[true, true]);
        check(&[("stopped", json!({"reason": "pause"})), ("continued", json!({"threadId": 9}))], &[true, false]);
    }
}
