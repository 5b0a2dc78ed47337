//! The open documents, as their editors see them, and what is derived from each version once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use config::{Document, Loaded};

/// Largest text that is read, in bytes. A configuration is a few kilobytes; what is larger is some other file.
pub const LIMIT: usize = 16 << 20;

/// A document at one moment. Clones share what is derived from it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its whole URI.
    pub uri: Arc<str>,
    /// The last part of its path; the extension tells the syntax.
    pub name: Arc<str>,
    /// The editor's count of edits.
    pub version: i32,
    /// The whole text.
    pub text: Arc<str>,
    derived: Arc<Derived>,
}

#[derive(Debug, Default)]
struct Derived {
    document: OnceLock<Document>,
    loaded: OnceLock<Loaded>,
}

impl Snapshot {
    /// A document with this text.
    pub fn new(uri: &str, version: i32, text: String) -> Self {
        let name = uri.rsplit('/').next().unwrap_or_default().into();
        Self { uri: uri.into(), name, version, text: text.into(), derived: Arc::default() }
    }

    /// The tree, read the first time that somebody wants it. Empty when the text is over [`LIMIT`].
    pub fn document(&self) -> &Document {
        self.derived.document.get_or_init(|| {
            let text = if self.is_oversized() { "" } else { &self.text };
            Document::parse(&self.name, text)
        })
    }

    /// What `load` makes of the text, made the first time that somebody wants it.
    pub fn loaded(&self, load: impl FnOnce(&Self) -> Loaded) -> &Loaded {
        self.derived.loaded.get_or_init(|| load(self))
    }

    /// Whether the text is over [`LIMIT`].
    pub fn is_oversized(&self) -> bool {
        self.text.len() > LIMIT
    }

    /// Whether both are the same version, with the same surroundings.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.derived, &other.derived)
    }
}

/// The open documents by URI.
#[derive(Debug, Default)]
pub struct Documents {
    open: HashMap<Arc<str>, Snapshot>,
}

impl Documents {
    /// A document is opened, perhaps again. Whether it is one of ours.
    pub fn open(&mut self, uri: &str, version: i32, text: String) -> bool {
        let ours = is_configuration(uri);
        if ours {
            self.insert(Snapshot::new(uri, version, text));
        }
        ours
    }

    /// A document is edited. Whether it is open here.
    ///
    /// Edits are applied in the order in which they come, whatever their versions say: each one describes the text
    /// that the ones before it left.
    pub fn edit(&mut self, uri: &str, version: i32, edit: impl FnOnce(&mut String)) -> bool {
        let Some(known) = self.open.get(uri) else { return false };
        let mut text = known.text.to_string();
        edit(&mut text);
        self.insert(Snapshot::new(uri, version, text));
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

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Snapshot> {
        self.open.values()
    }

    /// Forgets what was derived, as the surroundings of the documents have changed.
    pub fn reconsider(&mut self) {
        for snapshot in self.open.values_mut() {
            snapshot.derived = Arc::default();
        }
    }

    fn insert(&mut self, snapshot: Snapshot) {
        self.open.insert(Arc::clone(&snapshot.uri), snapshot);
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
    fn what_is_derived_lasts_until_the_next_edit() {
        let uri = "file:///a/.mirrord/mirrord.json";
        let mut documents = Documents::default();
        assert!(!documents.edit(uri, 1, |_| {}), "it is not open");
        assert!(documents.open(uri, 1, "{".to_owned()));
        let first = documents.get(uri).expect("open");
        assert!(std::ptr::eq(first.document(), documents.get(uri).expect("open").document()));
        assert!(documents.edit(uri, 2, |text| text.push('}')));
        let second = documents.get(uri).expect("open");
        assert!(!second.is(&first) && second.document().problems.is_empty());
        documents.reconsider();
        assert!(!second.is(&documents.get(uri).expect("open")), "the surroundings may tell otherwise now");
        assert!(documents.close(uri) && documents.get(uri).is_none());
    }
}
