//! Templates: expressions in the text that are rendered before it is parsed.

mod mask;
mod tags;

use std::collections::BTreeMap;

pub(super) use mask::Masked;

/// What templates may use.
#[derive(Clone, Copy, Debug)]
pub struct Templates<'a> {
    /// Key of the session.
    pub key: Option<&'a str>,
    /// Branch of the working directory, if there is one.
    pub git_branch: Option<&'a str>,
    /// For `get_env`.
    pub env: &'a BTreeMap<String, String>,
    /// Whether a name without a value is no mistake, as the launch may have other values.
    pub editing: bool,
}
