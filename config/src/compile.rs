//! What the language embeds, compiled: regular expressions, JSONPath and jq.

mod memo;

pub(crate) use memo::{Language, problem};
pub use pattern::{Invalid, Jq, JsonPath, Regex, regex, regex_ignoring_case};
