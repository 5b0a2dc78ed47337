//! The open documents, as their editors see them. The newest version wins, in whatever order edits arrive.

use std::collections::HashMap;
use std::sync::Arc;

/// A document at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last part of its path; the extension tells the syntax.
    pub name: Arc<str>,
    /// The editor's count of edits.
    pub version: i32,
    /// The whole text.
    pub text: Arc<str>,
}

/// The open documents by URI.
#[derive(Debug, Default)]
pub struct Documents {
    open: HashMap<String, Snapshot>,
}

impl Documents {
    /// A document is opened, or has a new text. Whether that was news: of a configuration, and not older than what is
    /// known.
    ///
    /// A change may overtake the opening, so the two are one.
    pub fn change(&mut self, uri: &str, version: i32, text: String) -> bool {
        let stale = self.open.get(uri).is_some_and(|known| known.version >= version);
        if stale || !is_configuration(uri) {
            return false;
        }
        let name = uri.rsplit('/').next().unwrap_or_default().into();
        self.open.insert(uri.to_owned(), Snapshot { name, version, text: text.into() });
        true
    }

    /// A document is closed and forgotten. Whether it was known.
    pub fn close(&mut self, uri: &str) -> bool {
        self.open.remove(uri).is_some()
    }

    /// The document now.
    pub fn get(&self, uri: &str) -> Option<Snapshot> {
        self.open.get(uri).cloned()
    }
}

const EXTENSIONS: [&str; 5] = ["json", "jsonc", "yaml", "yml", "toml"];

/// Whether a URI names a configuration: `.mirrord/*.json` and `*mirrord.json`, in all syntaxes.
pub fn is_configuration(uri: &str) -> bool {
    let mut parts = uri.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let folder = parts.next().unwrap_or_default();
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    EXTENSIONS.contains(&extension) && (folder.ends_with(".mirrord") || stem.ends_with("mirrord"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_known_by_their_names() {
        for (uri, expected) in [
            ("file:///a/.mirrord/mirrord.json", true),
            ("file:///a/.mirrord/staging.jsonc", true),
            ("file:///a/x.mirrord/staging.yaml", true),
            ("file:///a/my-mirrord.toml", true),
            ("file:///a/package.json", false),
            ("file:///a/.mirrord/notes.txt", false),
            ("file:///a/mirrord", false),
        ] {
            assert_eq!(is_configuration(uri), expected, "{uri}");
        }
    }

    #[test]
    fn the_newest_version_wins_in_whatever_order() {
        let uri = "file:///a/.mirrord/mirrord.json";
        let mut documents = Documents::default();
        assert!(documents.change(uri, 3, "three".into()));
        assert!(!documents.change(uri, 1, "one".into()));
        assert!(!documents.change(uri, 2, "two".into()));
        assert_eq!(documents.get(uri).map(|snapshot| snapshot.text.to_string()), Some("three".to_owned()));
        assert!(documents.close(uri));
        assert!(documents.change(uri, 1, "again".into()));
        assert_eq!(documents.get(uri).map(|snapshot| snapshot.version), Some(1));
    }
}
