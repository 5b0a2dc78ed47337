//! Keys with values that people write often.

use serde_json::{Value as Json, json};

use super::{Form, Idea, ItemKind, Write};

/// A key with a value of several keys.
struct Block {
    /// Pointer of the object that it goes into.
    object: &'static str,
    key: &'static str,
    label: &'static str,
    about: &'static str,
    form: fn() -> Form,
}

const BLOCKS: &[Block] = &[
    Block {
        object: "",
        key: "feature",
        label: "feature: network, files, environment",
        about: "What most projects take from the cluster.",
        form: feature,
    },
    Block {
        object: "",
        key: "target",
        label: "target: nobody",
        about: "An agent of its own, with the network of the namespace: nobody's traffic, nobody's files.",
        form: || Form::Object(vec![("path", Form::Value("targetless".into())), ("namespace", stop("default"))]),
    },
    Block {
        object: "/feature",
        key: "fs",
        label: "fs: write some paths in the cluster",
        about: "Files are read from the target; those under the listed paths are written there, too.",
        form: || Form::Object(vec![("mode", Form::Value("read".into())), ("read_write", list("^/data/"))]),
    },
    Block {
        object: "/feature",
        key: "env",
        label: "env: set a variable",
        about: "The target's variables, with some final values of yours.",
        form: || Form::Object(vec![("override", Form::Object(vec![("LOG_LEVEL", stop("debug"))]))]),
    },
    Block {
        object: "/feature/network",
        key: "incoming",
        label: "incoming: steal my requests",
        about: "Only requests with a header of yours come to you; the target handles all others.",
        form: steal,
    },
    Block {
        object: "/feature/network",
        key: "incoming",
        label: "incoming: listen on another port",
        about: "A listener on the local port gets the traffic of the target's port.",
        form: || Form::Object(vec![("mode", mode()), ("port_mapping", pair())]),
    },
    Block {
        object: "/feature/network",
        key: "outgoing",
        label: "outgoing: some connections from here",
        about: "Listed destinations are reached from this machine, all others through the target.",
        form: || Form::Object(vec![("filter", Form::Object(vec![("local", list("localhost"))]))]),
    },
];

/// The blocks that may be added to an object.
pub(super) fn fitting(object: &str, present: &[String]) -> Vec<Idea> {
    let fits = |block: &&Block| block.object == object && present.iter().all(|key| key != block.key);
    let idea = |block: &Block| {
        let write = Write::Entry(block.key.to_owned(), (block.form)());
        Idea::new(block.label, ItemKind::Block, write).about(block.about)
    };
    BLOCKS.iter().filter(fits).map(idea).collect()
}

/// A whole new document.
pub(super) fn document() -> Form {
    let target = Form::Object(vec![("path", stop("deployment/my-app")), ("namespace", stop("default"))]);
    Form::Object(vec![("target", target), ("feature", feature())])
}

fn feature() -> Form {
    let network = Form::Object(vec![("incoming", mode()), ("outgoing", Form::Value(true.into()))]);
    let fs = Form::Choice(words(&["read", "write", "local"]));
    Form::Object(vec![("network", network), ("fs", fs), ("env", Form::Value(true.into()))])
}

fn steal() -> Form {
    let filter = Form::Object(vec![("header_filter", stop("^x-session: me$"))]);
    Form::Object(vec![("mode", Form::Value("steal".into())), ("http_filter", filter)])
}

fn mode() -> Form {
    Form::Choice(words(&["mirror", "steal", "off"]))
}

fn pair() -> Form {
    Form::List(vec![Form::List(vec![Form::Stop(json!(8080)), Form::Stop(json!(80))])])
}

fn stop(text: &str) -> Form {
    Form::Stop(text.into())
}

fn list(text: &str) -> Form {
    Form::List(vec![stop(text)])
}

fn words(words: &[&str]) -> Vec<Json> {
    words.iter().map(|word| Json::from(*word)).collect()
}

#[cfg(test)]
mod tests {
    use config::{Overrides, Source};

    use super::*;
    use crate::lsp::completion::form::Writer;
    use crate::lsp::cursor::{Layout, Room};

    #[test]
    fn blocks_are_valid_configurations_in_every_syntax() {
        let yaml = Layout::Yaml { column: 0, margin: 0, room: Room::Node };
        for (name, layout) in [("a.json", Layout::Json), ("a.yaml", yaml), ("a.toml", Layout::TomlTable)] {
            let check = |form: &Form| {
                let text = Writer::new(layout, "", None, "", false).value_here(form);
                let problems = config::load(Some(Source { name, text: &text }), &Overrides::default()).problems;
                let is_wrong = |problem: &&config::Problem| problem.code != config::Code::TargetlessSteal;
                let wrong: Vec<_> = problems.iter().filter(is_wrong).collect();
                assert!(wrong.is_empty(), "{text}\n{wrong:?}");
            };
            check(&document());
            for block in BLOCKS {
                let keys = block.object.split('/').skip(1).map(|key| &*key.to_owned().leak());
                let body = Form::Object(vec![(block.key, (block.form)())]);
                check(
                    &keys
                        .collect::<Vec<_>>()
                        .into_iter()
                        .rev()
                        .fold(body, |inner, key| Form::Object(vec![(key, inner)])),
                );
            }
        }
    }
}
