//! The part of a launch configuration that is ours: `"adapter"` and `"mirrord"`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    adapters::AdapterWish,
    children::{self, Child},
    message::Arguments,
};

/// What a launch configuration asks of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// The debug adapter that the user named.
    pub(super) adapter: Option<AdapterWish>,
    /// The session, if there shall be a new one.
    pub(super) session: Option<SessionWish>,
    /// What there is already, if that is wanted instead.
    pub(super) join: Option<Join>,
}

/// A session that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// The one of this name, or whose name begins so: the program becomes one of it.
    Named(String),
    /// That of the program whose child is debugged, and is in it already.
    Child(Child),
}

/// Where the session's configuration comes from, and what beats it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SessionWish {
    /// The configuration.
    pub(super) config: ConfigWish,
    /// Values by canonical pointer, as flags would give them.
    pub(super) flags: Vec<(String, Value)>,
}

/// Where a configuration comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum ConfigWish {
    /// `.mirrord/mirrord.json` and its like below the working directory, if there is one.
    #[default]
    Usual,
    /// This file.
    File(PathBuf),
    /// It stands in the launch configuration.
    Inline(Value),
}

/// Keys of `"mirrord"` that beat the configuration, each with its place in the language.
const FLAGS: &[(&str, &str)] =
    &[("target", "/target/path"), ("namespace", "/target/namespace"), ("context", "/kube_context"), ("key", "/key")];

/// Takes our keys out of `arguments`; the rest is the adapter's. Fails with a sentence for the user.
pub(super) fn take(arguments: &mut Arguments) -> Result<Wish, String> {
    let adapter = AdapterWish::take(arguments)?;
    let (session, join) = match arguments.remove("mirrord") {
        None | Some(Value::Null | Value::Bool(true)) => (Some(SessionWish::default()), None),
        Some(Value::Bool(false)) => (None, None),
        Some(Value::Object(ours)) if ours.contains_key(children::KEY) => {
            (None, Some(Join::Child(children::take(ours, arguments)?)))
        }
        Some(Value::Object(ours)) => session(ours)?,
        Some(other) => return Err(format!("\"mirrord\" is an object or a boolean, not `{other}`")),
    };
    Ok(Wish { adapter, session, join })
}

fn session(ours: Arguments) -> Result<(Option<SessionWish>, Option<Join>), String> {
    let mut wish = SessionWish::default();
    let (mut enabled, mut joined) = (true, None);
    for (key, value) in ours {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("enabled", Value::Bool(value)) => enabled = value,
            ("config", Value::String(path)) => wish.config = ConfigWish::File(path.into()),
            ("config", inline @ Value::Object(_)) => wish.config = ConfigWish::Inline(inline),
            ("session", Value::String(name)) => joined = Some(name),
            ("enabled" | "config" | "session", value) => {
                return Err(format!("\"mirrord\": \"{key}\" cannot be `{value}`"));
            }
            (name, value) => match FLAGS.iter().find(|(flag, _)| *flag == name) {
                Some((_, pointer)) => wish.flags.push(((*pointer).to_owned(), value)),
                None => return Err(unknown_key(name)),
            },
        }
    }
    match joined {
        _ if !enabled => Ok((None, None)),
        Some(_) if wish != SessionWish::default() => Err(format!(
            "\"mirrord\": \"session\" joins a session that runs, which has its own configuration and target: remove {} or \"session\"",
            wish.keys().join(", ")
        )),
        Some(name) => Ok((None, Some(Join::Named(name)))),
        None => Ok((Some(wish), None)),
    }
}

impl SessionWish {
    /// The keys of `"mirrord"` that made it, in quotes.
    fn keys(&self) -> Vec<String> {
        let config = (self.config != ConfigWish::Usual).then_some("config");
        let named = |pointer: &String| FLAGS.iter().find(|(_, known)| known == pointer).map(|(name, _)| *name);
        let flags = self.flags.iter().filter_map(|(pointer, _)| named(pointer));
        config.into_iter().chain(flags).map(|key| format!("\"{key}\"")).collect()
    }
}

fn unknown_key(name: &str) -> String {
    let known = ["enabled", "config", "session"].into_iter().chain(FLAGS.iter().map(|(flag, _)| *flag));
    let near = known.clone().find(|known| strsim::osa_distance(known, name) <= 2);
    let help = match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("it has: {}; keys of mirrord.json go into \"config\"", known.collect::<Vec<_>>().join(", ")),
    };
    format!("unknown key \"{name}\" in \"mirrord\"; {help}")
}

/// The program that a launch names, or the folder that it is built from.
pub(super) fn program(arguments: &Arguments, working_directory: &Path) -> Option<PathBuf> {
    arguments.get("program").and_then(Value::as_str).map(|program| working_directory.join(program))
}

/// The working directory that the program will have.
pub(super) fn working_directory(arguments: &Arguments, ours: &Path) -> PathBuf {
    ours.join(arguments.get("cwd").and_then(Value::as_str).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn check(arguments: Value, expected: Expect) {
        let mut arguments = arguments.as_object().expect("an object").clone();
        let result = match take(&mut arguments) {
            Ok(Wish { adapter, session, join }) => {
                let session = session.map(|s| format!("{:?} {:?}", s.config, s.flags));
                let join = join.map(|join| format!("{join:?}"));
                let session = session.or(join).unwrap_or("none".to_owned());
                let adapter = adapter.and_then(|adapter| adapter.name);
                format!("adapter {adapter:?}, session {session}, rest {}", Value::Object(arguments))
            }
            Err(error) => error,
        };
        expected.assert_eq(&result);
    }

    #[test]
    fn what_is_ours_is_taken_and_the_rest_stays() {
        check(
            json!({"program": "x", "adapter": "debugpy", "mirrord": {"target": "deploy/x", "config": "a.json"}}),
            expect![[
                r#"adapter Some("debugpy"), session File("a.json") [("/target/path", String("deploy/x"))], rest {"program":"x"}"#
            ]],
        );
        check(json!({}), expect!["adapter None, session Usual [], rest {}"]);
        check(json!({"mirrord": false}), expect!["adapter None, session none, rest {}"]);
        check(
            json!({"mirrord": {"enabled": false, "target": "pod/x"}}),
            expect!["adapter None, session none, rest {}"],
        );
    }

    #[test]
    fn a_launch_may_join_a_session_that_runs() {
        check(json!({"mirrord": {"session": "0a1b"}}), expect![[r#"adapter None, session Named("0a1b"), rest {}"#]]);
        check(
            json!({"mirrord": {"session": "0a1b", "enabled": false}}),
            expect!["adapter None, session none, rest {}"],
        );
        check(
            json!({"mirrord": {"session": "0a1b", "target": "pod/x", "config": "a.json"}}),
            expect![[
                r#""mirrord": "session" joins a session that runs, which has its own configuration and target: remove "config", "target" or "session""#
            ]],
        );
        check(json!({"mirrord": {"session": 7}}), expect![[r#""mirrord": "session" cannot be `7`"#]]);
    }

    #[test]
    fn mistakes_are_named() {
        check(
            json!({"mirrord": {"traget": "x"}}),
            expect![[r#"unknown key "traget" in "mirrord"; did you mean "target"?"#]],
        );
        check(
            json!({"mirrord": {"feature": {}}}),
            expect![[
                r#"unknown key "feature" in "mirrord"; it has: enabled, config, session, target, namespace, context, key; keys of mirrord.json go into "config""#
            ]],
        );
        check(json!({"mirrord": 1}), expect![[r#""mirrord" is an object or a boolean, not `1`"#]]);
        check(json!({"mirrord": {"config": 3}}), expect![[r#""mirrord": "config" cannot be `3`"#]]);
    }
}
