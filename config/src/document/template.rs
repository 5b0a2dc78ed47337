//! Templates: expressions in the text that are rendered before it is parsed.

mod functions;
mod map;
mod mask;
mod render;
mod tags;

use std::collections::BTreeMap;

pub(super) use mask::Masked;
pub(super) use render::render;
use tags::Kind;

/// Whether `text` has a tag of a template, so that rendering could change it.
pub(super) fn has_tags(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

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

/// Whether an expression in `text` uses a name.
pub(super) fn uses(text: &str, name: &str) -> bool {
    let tags = tags::pieces(text).into_iter().filter(|piece| matches!(piece.kind, Kind::Expression | Kind::Block));
    tags.into_iter().any(|piece| functions::names(piece.inner(text)).any(|found| found == name))
}
