//! Would this be local or remote, and which rule says so: the answers, as plain data.
//!
//! The verdicts are those of the crate `rules`, which the layer asks as well, about the policy that a session would
//! have. Nothing here looks at files, names or the cluster.

pub(crate) mod command;
mod environment;
mod network;
mod words;

use config::{Config, Loaded, Origin};
use protocol::policy::{FileMode, Policy};
use rules::{
    Why,
    path::{Access, Mapped, PathRules, Place},
};
use serde::{Deserialize, Serialize};
use session::Here;

pub use words::place_of;

/// What somebody wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    /// Whose file is it? An absolute path.
    Path(String),
    /// Who resolves it, and where do connections to it leave? `NAME`, `ADDRESS`, each with `:PORT` or without.
    Host(String),
    /// Which traffic does a listener on this local port get?
    Port(u16),
    /// Whose environment variable is it?
    Env(String),
}

impl Question {
    /// The kind of question that `text` looks like: a path begins with `/`, `~` or `.`, a port is a number, a variable
    /// is written in capitals; all else is a host.
    pub fn guess(text: &str) -> Self {
        let is_variable = |text: &str| {
            text.contains(|c: char| c.is_ascii_uppercase())
                && !text.starts_with(|c: char| c.is_ascii_digit())
                && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        };
        if text.starts_with(['/', '~', '.']) || text.contains('/') {
            return Self::Path(text.to_owned());
        }
        match text.trim_start_matches(':').parse() {
            Ok(port) => Self::Port(port),
            Err(_) if is_variable(text) => Self::Env(text.to_owned()),
            Err(_) => Self::Host(text.to_owned()),
        }
    }
}

/// What a ruling is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Reading a file, and looking at it.
    Read,
    /// Writing, creating or changing a file.
    Write,
    /// Resolving a name.
    Resolve,
    /// Opening a TCP connection.
    Connect,
    /// Sending UDP.
    Send,
    /// Listening on a port.
    Listen,
    /// Getting a variable's value.
    Variable,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// This machine's.
    Local,
    /// The target's.
    Remote,
    /// It does not exist for the program.
    NotFound,
    /// Only known while the program runs.
    Depends,
    /// The program gets a copy of the target's traffic.
    Mirrored,
    /// The program serves instead of the target.
    Stolen,
    /// The configuration gives the value.
    Set,
    /// The variable is taken away.
    Removed,
}

/// One verdict and its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ruling {
    /// What it is about.
    pub act: Act,
    /// How it ends.
    pub outcome: Outcome,
    /// The rule, in words.
    pub because: String,
    /// Canonical pointer of the key or list item that decided; nothing when no key did. The place in the text is that of
    /// [`config::Document::nearest`], if `written` says that it stands in the file.
    pub pointer: Option<String>,
    /// Who wrote that key: `file`, `flag`, or the name of a variable; nothing when it has its default.
    pub written: Option<String>,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What was asked.
    pub question: Question,
    /// One or more verdicts, in the order in which a program meets them.
    pub rulings: Vec<Ruling>,
}

/// What `config`, which came of `loaded`, means for the thing asked about, on the machine `here`.
pub fn explain(config: &Config, loaded: &Loaded, here: &Here<'_>, question: &Question) -> Explanation {
    let case = Case { config, loaded, policy: session::policy(config, here) };
    let rulings = match question {
        Question::Path(path) => case.path(&expand(path, here)),
        Question::Host(host) => case.host(host),
        Question::Port(port) => case.port(*port),
        Question::Env(name) => case.variable(name),
    };
    Explanation { question: question.clone(), rulings }
}

/// What rulings are derived from.
struct Case<'a> {
    config: &'a Config,
    loaded: &'a Loaded,
    policy: Policy,
}

impl Case<'_> {
    fn path(&self, path: &str) -> Vec<Ruling> {
        // The program's own file is not known: it is local anyway.
        let rules = PathRules::new(&self.policy.files);
        let ruling = |access, act| {
            let verdict = rules.decide(path.as_bytes(), access);
            let outcome = match verdict.place {
                Place::Local => Outcome::Local,
                Place::Remote => Outcome::Remote,
                Place::NotFound => Outcome::NotFound,
            };
            let mut ruling = self.ruling(act, outcome, verdict.why);
            if let Some(tree) = rules.own_tree(path.as_bytes())
                && outcome == Outcome::Remote
            {
                let tree = String::from_utf8_lossy(tree);
                let but = format!("; local if the target has no folder `/{tree}`, which the working directory is in");
                ruling.because.push_str(&but);
            }
            match &verdict.mapped {
                Some(mapped) => self.rewritten(mapped, ruling),
                None => ruling,
            }
        };
        vec![ruling(Access::Read, Act::Read), ruling(Access::Write, Act::Write)]
    }

    /// `ruling` is about the path that a rewrite made.
    fn rewritten(&self, Mapped { path, rule }: &Mapped, ruling: Ruling) -> Ruling {
        let pattern = self.config.feature.fs.mapping.0.get(*rule).map_or("", |rewrite| &rewrite.pattern);
        let because = format!(
            "becomes `{}` by pattern {} of feature.fs.mapping, `{pattern}`; {}",
            String::from_utf8_lossy(path),
            rule + 1,
            ruling.because
        );
        let pointer = Some(format!("/feature/fs/mapping/{}", pattern.replace('~', "~0").replace('/', "~1")));
        let written = self.written("/feature/fs/mapping");
        match ruling.pointer {
            // The rule that decided about the result is what the user looks for.
            Some(_) => Ruling { because, ..ruling },
            None => Ruling { because, pointer, written, ..ruling },
        }
    }

    /// A ruling for a reason of the crate `rules`.
    fn ruling(&self, act: Act, outcome: Outcome, why: Why) -> Ruling {
        let (because, pointer) = match why {
            Why::Pattern(list, index) => {
                let pointer = format!("/feature/fs/{}/{index}", list.key());
                let pattern = serde_json::to_value(&self.config.feature.fs).unwrap_or_default();
                let pattern = pattern[list.key()][index].as_str().unwrap_or_default().to_owned();
                let text = format!("matches pattern {} of feature.fs.{}, `{pattern}`", index + 1, list.key());
                (text, Some(pointer))
            }
            Why::Mode(mode) => {
                let written = self.loaded.is_written("/feature/fs/mode");
                let default = if written || mode != FileMode::Read { "" } else { ", as by default" };
                (format!("no pattern matches, and {why}{default}"), Some("/feature/fs/mode".to_owned()))
            }
            Why::Entry(key, index) => {
                let list = format!("/{}", key.replace('.', "/"));
                let all = serde_json::to_value(self.config).unwrap_or_default();
                let entry = all.pointer(&format!("{list}/{index}")).map(|entry| match entry.as_str() {
                    Some(text) => text.to_owned(),
                    None => entry.to_string(),
                });
                let text = format!("matches entry {} of {key}, `{}`", index + 1, entry.unwrap_or_default());
                (text, Some(format!("{list}/{index}")))
            }
            Why::Unlisted(key) | Why::Key(key) => (why.to_string(), Some(format!("/{}", key.replace('.', "/")))),
            Why::Default(_) | Why::Fact(_) => (why.to_string(), None),
        };
        self.because(act, outcome, because, pointer)
    }

    fn because(&self, act: Act, outcome: Outcome, because: impl Into<String>, pointer: Option<String>) -> Ruling {
        let written = pointer.as_deref().and_then(|pointer| self.written(pointer));
        Ruling { act, outcome, because: because.into(), pointer, written }
    }

    /// Who wrote the key at `pointer`, something below it, or the list that it is an item of.
    fn written(&self, pointer: &str) -> Option<String> {
        let within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut keys = self.loaded.written.iter();
        let key = keys.find(|key| within(&key.pointer, pointer) || within(pointer, &key.pointer))?;
        Some(match &key.origin {
            Origin::File => "file".to_owned(),
            Origin::Flag => "flag".to_owned(),
            Origin::Variable(name) => name.clone(),
        })
    }
}

/// A path as a shell would hand it to the program.
fn expand(path: &str, here: &Here<'_>) -> String {
    let home = here.environment.get(std::ffi::OsStr::new("HOME")).map(|home| home.to_string_lossy());
    match (path.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => format!("{home}{rest}"),
        _ if path.starts_with('.') => here.working_directory.join(path).to_string_lossy().into_owned(),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests;
