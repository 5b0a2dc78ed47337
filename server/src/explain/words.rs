//! A ruling in words, for people.

use config::{Document, document::line_column};

use super::{Act, Outcome, Ruling};

/// `file:line:column` of the key that decided, when it stands in the text of `document`.
pub fn place_of(ruling: &Ruling, name: &str, text: &str, document: &Document) -> Option<String> {
    let pointer = ruling.pointer.as_deref().filter(|_| ruling.written.as_deref() == Some("file"))?;
    let (line, column) = line_column(text, document.nearest(pointer).start);
    Some(format!("{name}:{line}:{column}"))
}

impl Act {
    /// In one word, for tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Send => "udp",
            Self::Listen => "listen",
            Self::Variable => "variable",
        }
    }
}

impl Outcome {
    /// In one word, for tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
            Self::NotFound => "not found",
            Self::Depends => "depends",
            Self::Mirrored => "mirrored",
            Self::Stolen => "stolen",
            Self::Set => "set",
            Self::Removed => "removed",
        }
    }
}
