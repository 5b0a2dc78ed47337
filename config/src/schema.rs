//! What the language consists of, read off our own types: one definition for checking, completion, hover and the
//! published schema.
//!
//! The types of this crate derive `JsonSchema`; their doc comments are the descriptions. Facts that JSON Schema has
//! no word for are written beside the fields as extensions, which [`Shape`] understands and the published schema no
//! longer contains:
//!
//! | extension | on | means |
//! |---|---|---|
//! | `x-short` | struct | which scalars stand for the object: `{"true": …, "false": …, "text": "key"}`, or `"target"`, `"path"` |
//! | `x-short` | list | `"list"`: one scalar stands for a list of one; `"names"`: so does `"A;B;C"` |
//! | `x-env` | key | the environment variables that set it, best first: `"NAME"`, or `[["NAME", {"true": "steal"}], …]` |
//! | `x-flag` | key | the flags that set it: `"-f --flag"` takes a value, `{"--flag": value}` stands for one |
//! | `x-core` | key | `true`: what ordinary users write |
//! | `x-tier` | key | `"operator"`: it needs the operator, as does everything inside; see [`Tier`] |
//! | `x-meaning` | text, number, list, mapping | what a value, each item or each key refers to: see [`Meaning`] |
//! | `x-values` | mapping | what each value refers to |
//! | `x-status` | key | `"unstable"`, `"internal"`, `{"deprecated": "sibling"}` or `null`, `{"no-effect": "why"}`: see [`Status`] |
//! | `x-name` | struct, tagged enum | what the published schema calls it, so that it stands there once |
//! | `x-tag` | tagged enum | what the tag says |
//! | `x-removed` | struct | keys that the language had once |
//! | `x-required` | struct | keys that must be there although their field is optional |
//! | `x-exclusive` | struct | at most one of its keys may be written |
//! | `x-sets` | struct | the combinations of keys that may be written |
//! | `x-pattern-keys` | mapping | its keys are regular expressions |

mod anchor;
mod derive;
mod read;
mod write;

use std::sync::LazyLock;

pub use anchor::anchor;
pub(crate) use anchor::{home, inside};

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::Config;
use crate::document::{self, Node, parts};

/// The published JSON Schema, draft 2020-12: what `schema/mirrord.schema.json` holds.
pub fn schema() -> Value {
    write::document(language())
}

/// The shape of a whole document.
pub fn language() -> &'static Shape {
    static LANGUAGE: LazyLock<Shape> = LazyLock::new(|| {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let mut shape = read::shape(settings.into_generator().into_root_schema_for::<Config>().as_value(), "");
        derive::derive(&mut shape, "");
        shape
    });
    &LANGUAGE
}

/// What may stand at one place of a document. Each JSON type occurs at most once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Where it stands, as people write it: `feature.fs.mode`.
    pub title: String,
    /// The doc comment.
    pub description: String,
    /// What counts when nothing is written; `None` when that is decided elsewhere.
    pub default: Option<Value>,
    /// Values worth showing; at least one for each key.
    pub examples: Vec<Value>,
    /// Environment variables that set it, best first.
    pub variables: Vec<Variable>,
    /// Flags of the command line that set it.
    pub flags: Vec<Flag>,
    /// Whether ordinary users write it.
    pub core: bool,
    /// What it needs to have an effect.
    pub tier: Tier,
    /// Whether it does anything, and for how long.
    pub status: Status,
    /// The shorthand forms.
    pub short: Short,
    /// `true` and `false` may stand here.
    pub boolean: bool,
    /// Numbers may, between these.
    pub integer: Option<Integer>,
    /// Text may.
    pub text: Option<Text>,
    /// A list may.
    pub list: Option<Box<List>>,
    /// A mapping may.
    pub object: Option<Object>,
    /// Anything may.
    pub any: bool,
}

/// Whole numbers from `least` to `most`.
#[derive(Clone, Debug, PartialEq)]
pub struct Integer {
    /// Smallest allowed.
    pub least: i64,
    /// Largest allowed.
    pub most: i64,
    /// What it refers to.
    pub meaning: Option<Meaning>,
}

/// Text: free, or one of some words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// The allowed words; none means any text.
    pub choices: Vec<Choice>,
    /// What free text refers to.
    pub meaning: Option<Meaning>,
}

/// One word of an enumeration.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// As it is written.
    pub word: String,
    /// The doc comment of the variant.
    pub description: String,
}

/// A list of equal items.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// What each item is.
    pub item: Shape,
    /// How many there must be, when that is fixed.
    pub length: Option<usize>,
}

/// A mapping.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// Its name, if equal ones stand at several places.
    pub name: Option<String>,
    /// The known keys, in the order of the documentation.
    pub keys: Vec<(String, Shape)>,
    /// What a key that is not listed may hold; `None`: there are no others.
    pub others: Option<Box<Shape>>,
    /// The keys that must be there.
    pub required: Vec<String>,
    /// The keys that the language had once.
    pub removed: Vec<String>,
    /// The combinations of keys that may be written; none means any.
    pub sets: Vec<Vec<String>>,
    /// What differs by the word under one key; `keys` then holds all that any of them has.
    pub variants: Option<Variants>,
    /// Whether the keys are regular expressions.
    pub pattern_keys: bool,
    /// What the free keys refer to, even where they are regular expressions.
    pub key_meaning: Option<Meaning>,
    /// Whether at most one key may be written.
    pub exclusive: bool,
}

/// Mappings that the word under one key tells apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Variants {
    /// The key.
    pub tag: String,
    /// Its words, each with the mapping that it announces.
    pub cases: Vec<(String, Object)>,
}

/// An environment variable that sets a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What its values stand for, where they differ from the key's; others are ignored.
    pub words: Option<Vec<(String, Value)>>,
}

/// A flag of the command line that sets a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// Its name, with the dashes.
    pub long: String,
    /// Its letter, without a dash.
    pub short: Option<char>,
    /// What it stands for; `None`: its argument is the value.
    pub value: Option<Value>,
}

/// What a key needs to have an effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// Nothing but a cluster.
    #[default]
    Open,
    /// The operator, a service in the cluster.
    Operator,
}

/// Whether a key does anything, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// It does.
    #[default]
    Supported,
    /// It does, and may change or go without notice.
    Unstable,
    /// It does, and another key took its place, or nothing did.
    Deprecated {
        /// The key beside it that takes the same value.
        replacement: Option<String>,
    },
    /// It is accepted for the sake of existing files.
    NoEffect {
        /// Half a sentence: "nothing is ever sent".
        why: String,
    },
    /// Only shorthands set it; it cannot be written.
    Internal,
}

/// Scalars that stand for a larger value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Short {
    /// None.
    #[default]
    None,
    /// `true`, `false` or text for an object.
    Object {
        /// What `true` stands for.
        on: Option<Value>,
        /// What `false` stands for.
        off: Option<Value>,
        /// The key that text is the value of.
        text: Option<String>,
    },
    /// One scalar for a list of one.
    List,
    /// The same, and text is split at semicolons.
    Names,
    /// A path, as text or in its object form, for a target.
    Target,
    /// The object form of a path for its text.
    Path,
}

/// What a value refers to: decides the check of its content, and which live values an editor offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A target path.
    TargetPath,
    /// The name of a Kubernetes object or container inside a target path.
    Name,
    /// A Kubernetes namespace.
    Namespace,
    /// A context of the kubeconfig.
    Context,
    /// A port of the target.
    RemotePort,
    /// A port of this machine.
    LocalPort,
    /// One side of a pair of ports: first the one of this machine, then the one of the target.
    PortPair,
    /// A regular expression.
    Regex,
    /// A JSONPath.
    JsonPath,
    /// A jq program.
    Jq,
    /// A regular expression over paths of the target.
    Path,
    /// An entry of an outgoing or dns filter.
    Destination,
    /// A container of the target.
    Container,
    /// Names of the target's environment variables; in patterns, `*` and `?` are wild.
    Variable,
    /// A file or folder of this machine.
    File,
    /// An address with a port.
    SocketAddress,
    /// A quantity of Kubernetes, such as `100Mi`.
    Quantity,
}

impl Shape {
    /// The shape of `key` inside this one.
    pub fn key(&self, key: &str) -> Option<&Shape> {
        self.object.as_ref()?.key(key)
    }

    /// The shape at a canonical JSON pointer below this one.
    pub fn at(&self, pointer: &str) -> Option<&Shape> {
        parts(pointer).try_fold(self, |shape, part| match &shape.list {
            Some(list) if part.parse::<usize>().is_ok() => Some(&list.item),
            _ => shape.key(&part),
        })
    }

    /// The shape at the pointer of a document whose root is `node`: as [`Shape::at`], but where the word under a key
    /// decides what may stand beside it, the document's word counts.
    pub fn at_in<'a>(&'a self, pointer: &str, node: &Node) -> Option<&'a Shape> {
        let mut at = Some(node);
        parts(pointer).try_fold(self, |shape, part| {
            let inner = match &shape.list {
                Some(list) if part.parse::<usize>().is_ok() => Some(&list.item),
                _ => {
                    let object = shape.object.as_ref()?;
                    let exact = at.map_or(object, |node| object.variant(|key| word(node, key)));
                    exact.key(&part).or_else(|| object.key(&part))
                }
            };
            at = at.and_then(|node| node.child(&part));
            inner
        })
    }

    /// In words, what may stand here: "true, false, `read`, `write` or an object".
    pub fn expected(&self) -> String {
        let Self { boolean, integer, text, list, object, any, .. } = self;
        let mut forms: Vec<String> = Vec::new();
        if *any {
            forms.push("any value".to_owned());
        }
        if *boolean {
            forms.extend(["true".to_owned(), "false".to_owned()]);
        }
        if let Some(Integer { least, most, meaning: _ }) = integer {
            forms.push(match *most {
                // Nobody means a number that large.
                most if most >= i64::from(u32::MAX) => format!("a whole number from {least}"),
                most => format!("a whole number from {least} to {most}"),
            });
        }
        match text {
            Some(Text { choices, meaning: _ }) if choices.is_empty() => forms.push("text".to_owned()),
            Some(Text { choices, meaning: _ }) => {
                forms.extend(choices.iter().map(|choice| format!("`{}`", choice.word)));
            }
            None => {}
        }
        if let Some(list) = list {
            let length = list.length.map(|length| format!(" of {length}")).unwrap_or_default();
            forms.push(format!("a list{length}"));
        }
        if object.is_some() {
            forms.push("an object".to_owned());
        }
        match forms.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
            None => "nothing".to_owned(),
        }
    }
}

impl Object {
    /// The shape of the value under `key`.
    pub fn key(&self, key: &str) -> Option<&Shape> {
        self.keys.iter().find(|(name, _)| name == key).map(|(_, shape)| shape).or(self.others.as_deref())
    }

    /// The mapping that the word under the tag announces, where `word` gives the text under a key; else this one.
    pub fn variant<'a, 'b>(&'a self, word: impl Fn(&str) -> Option<&'b str>) -> &'a Object {
        let Some(Variants { tag, cases }) = &self.variants else { return self };
        let word = word(tag);
        cases.iter().find(|(name, _)| Some(name.as_str()) == word).map_or(self, |(_, object)| object)
    }
}

/// The text under `key` of a mapping.
fn word<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    match &node.child(key)?.value {
        document::Value::String(text) => Some(text),
        _ => None,
    }
}
