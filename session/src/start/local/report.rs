//! Lines on the control connection between the launcher and the pod's init.

use serde::{Deserialize, Serialize};

/// Marks a line as a report; everything else is a log line of somebody inside.
const MARK: &str = "demo-pod: ";

/// What comes from inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// All services listen and the agent was started.
    Ready,
    /// The kernel refused a step of the making.
    Refused {
        /// What was attempted.
        step: String,
        /// What the kernel said.
        errno: i32,
    },
    /// The agent's executable cannot be run.
    AgentRefused {
        /// What the kernel said.
        errno: i32,
    },
    /// The agent has ended.
    AgentGone {
        /// How, as in "the agent …": `was killed by SIGKILL`.
        how: String,
    },
    /// A line that somebody wrote to standard error.
    #[serde(skip)]
    Log(String),
}

/// What the launcher wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// SIGKILL for the agent.
    KillAgent,
}

impl Report {
    pub(super) fn from_line(line: &str) -> Self {
        let report = line.strip_prefix(MARK).and_then(|json| serde_json::from_str(json).ok());
        report.unwrap_or_else(|| Self::Log(line.trim_end().to_owned()))
    }

    /// Writes the report to standard output, which is the control connection for everybody inside.
    pub(super) fn send(&self) {
        use std::io::Write;
        let json = serde_json::to_string(self).expect("plain strings and numbers");
        // When nobody reads any more, the pod is about to end.
        let _ = std::io::stdout().write_all(format!("{MARK}{json}\n").as_bytes());
        let _ = std::io::stdout().flush();
    }
}

impl Order {
    pub(super) fn to_line(self) -> String {
        match self {
            Self::KillAgent => "kill-agent\n".to_owned(),
        }
    }

    pub(super) fn from_line(line: &str) -> Option<Self> {
        (line.trim_end() == "kill-agent").then_some(Self::KillAgent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_told_from_log_lines() {
        assert_eq!(Report::from_line("demo-pod: \"Ready\"\n"), Report::Ready);
        assert_eq!(Report::from_line("listening\n"), Report::Log("listening".into()));
        assert_eq!(
            Report::from_line("demo-pod: {\"Refused\":{\"step\":\"unshare\",\"errno\":1}}\n"),
            Report::Refused { step: "unshare".into(), errno: 1 }
        );
        assert_eq!(Order::from_line(&Order::KillAgent.to_line()), Some(Order::KillAgent));
    }
}
