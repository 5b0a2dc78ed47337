//! Which HTTP requests concern a session, as the user wrote it; the agent compiles it.

use bincode::{Decode, Encode};

/// Conditions of one filter.
pub const CONDITION_LIMIT: usize = 64;

/// Bytes of all texts of a filter: with its head, it has to fit into one frame.
pub const TEXT_LIMIT: usize = 32 * 1024;

/// What a request must be like to reach the program; all others stay with the target.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Filter {
    /// At most [`CONDITION_LIMIT`]; none is met by every request if `all`, else by none.
    pub conditions: Vec<Condition>,
    /// Whether every condition must hold, or at least one.
    pub all: bool,
    /// What looking at a request may cost.
    pub limits: Limits,
}

/// One condition on a request. Regular expressions have look-around, ignore case and match anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Condition {
    /// A regular expression matches a `name: value` line; names are in lower case.
    Header(String),
    /// A jq program says `true` to such a line.
    HeaderJq(String),
    /// A regular expression matches the path, or the path with its query.
    Path(String),
    /// The method has this name, in any case.
    Method(String),
    /// The body is JSON in which JSONPath `query` (RFC 9535) selects something that `matches` matches.
    Body {
        /// Selects values.
        query: String,
        /// Regular expression for them; what is no text is compared as JSON. `None`: any value will do.
        matches: Option<String>,
    },
}

/// What looking at a request may cost; a request that needs more does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Limits {
    /// Bytes of a body that are read.
    pub body_bytes: u32,
    /// Milliseconds that a body may take to arrive.
    pub body_ms: u32,
    /// Milliseconds that one run of a jq program may take.
    pub jq_ms: u32,
}

impl Filter {
    /// Says what is too much about it, if anything.
    pub fn excess(&self) -> Option<String> {
        let texts = |condition: &Condition| match condition {
            Condition::Header(text) | Condition::HeaderJq(text) | Condition::Path(text) | Condition::Method(text) => {
                text.len()
            }
            Condition::Body { query, matches } => query.len() + matches.as_ref().map_or(0, String::len),
        };
        let (conditions, bytes) = (self.conditions.len(), self.conditions.iter().map(texts).sum::<usize>());
        if conditions > CONDITION_LIMIT {
            return Some(format!("it has {conditions} conditions, more than {CONDITION_LIMIT}"));
        }
        (bytes > TEXT_LIMIT).then(|| format!("it has {bytes} bytes of text, more than {TEXT_LIMIT}"))
    }
}
