//! The language as a user meets it: documents in, problems or values out.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::too_many_lines, reason = "expectations are long")]
#![allow(clippy::format_push_string, clippy::format_collect, reason = "pictures are made for reading")]
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

mod language {
    pub(super) mod agreement;
    mod edits;
    mod forms;
    mod forms_of_text;
    mod groups;
    mod hostile;
    mod limits;
    mod manual;
    mod mutations;
    mod operator;
    mod precedence;
    mod problems;
    mod roundtrip;
    mod rules;
    mod schema;
    mod templates;
    mod toml;
    mod tree;
    mod yaml;
}

use config::{Config, Loaded, Overrides, Source};
use mirrord_config as config;

const NAME: &str = ".mirrord/mirrord.json";

/// Loads `text` alone.
fn load(text: &str) -> Loaded {
    load_with(text, &Overrides::default())
}

fn load_with(text: &str, overrides: &Overrides) -> Loaded {
    config::load(Some(Source { name: NAME, text }), overrides)
}

/// All problems of a load, as a terminal shows them.
fn rendered(loaded: &Loaded, text: &str) -> String {
    loaded.problems.iter().map(|problem| problem.render(NAME, text) + "\n").collect()
}

/// The configuration of a text that must not have errors.
fn valid(text: &str) -> Config {
    let loaded = load(text);
    loaded.config.clone().unwrap_or_else(|| panic!("{text}\n{}", rendered(&loaded, text)))
}
