//! Environment variables in launch configurations: the shapes that debug adapters take, and what users write.

use serde_json::Value;
use session::Injection;

use super::super::message::Arguments;

/// The shape in which an adapter takes environment variables. Some ignore a wrong one in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnvShape {
    /// `"env"` is an object; `null` removes a variable.
    Object,
    /// `"env"` is an object of texts: nothing can be removed.
    Texts,
    /// `"env"` is a list of `NAME=VALUE`: nothing can be removed.
    List,
    /// It takes none: the program has the environment of the adapter's own process.
    Process,
}

impl EnvShape {
    /// As users name it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            // Whether it understands `null` is not known.
            "object" => Some(Self::Texts),
            "list" => Some(Self::List),
            "process" => Some(Self::Process),
            _ => None,
        }
    }

    /// The names that [`Self::named`] knows.
    pub(crate) const NAMES: [&str; 3] = ["object", "list", "process"];

    /// Whether a launch can take a variable away from the program.
    pub(crate) fn removes(self) -> bool {
        match self {
            Self::Object => true,
            Self::Texts | Self::List | Self::Process => false,
        }
    }

    /// Lays `injection` over what `arguments` set, in the adapter's shape, whatever the user's was. Gives the names of
    /// variables that are no text: JSON has no bytes.
    pub(crate) fn apply(self, arguments: &mut Arguments, injection: &Injection) -> Vec<String> {
        if self == Self::Process {
            return Vec::new();
        }
        let mut wanted: Vec<(String, Option<String>)> = entries(arguments.get("env"));
        let mut inexpressible = Vec::new();
        let set = injection.set.iter().map(|(name, value)| (name, Some(value)));
        for (name, value) in set.chain(injection.unset.iter().map(|name| (name, None))) {
            let (Some(name), Ok(value)) = (name.to_str(), value.map(|value| value.to_str().ok_or(())).transpose())
            else {
                inexpressible.push(name.to_string_lossy().into_owned());
                continue;
            };
            let value = value.map(str::to_owned);
            match wanted.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = value,
                None => wanted.push((name.to_owned(), value)),
            }
        }
        arguments.insert("env".to_owned(), self.written(wanted));
        inexpressible
    }

    fn written(self, variables: Vec<(String, Option<String>)>) -> Value {
        let texts = variables.clone().into_iter().filter_map(|(name, value)| Some((name, value?)));
        match self {
            Self::List => texts.map(|(name, value)| Value::from(format!("{name}={value}"))).collect(),
            Self::Texts => texts.collect(),
            Self::Object | Self::Process => variables.into_iter().collect(),
        }
    }
}

/// What the `"env"` of a launch sets or removes, in either shape. An entry of a list without `=` removes nothing and sets
/// nothing.
pub(crate) fn entries(env: Option<&Value>) -> Vec<(String, Option<String>)> {
    match env {
        Some(Value::Object(env)) => env.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        Some(Value::Array(env)) => {
            let pairs = env.iter().filter_map(|entry| entry.as_str()?.split_once('='));
            pairs.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).collect()
        }
        _ => Vec::new(),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};

    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn check(shape: EnvShape, env: Value, expected: Expect) {
        let mut arguments = json!({"env": env}).as_object().unwrap().clone();
        let injection = Injection {
            set: [("B".into(), "3".into()), ("C".into(), OsString::from_vec(vec![255]))].into(),
            unset: vec!["D".into()],
        };
        assert_eq!(shape.apply(&mut arguments, &injection), ["C"]);
        expected.assert_eq(&arguments["env"].to_string());
    }

    #[test]
    fn injection_is_laid_over_what_the_user_wrote() {
        let user = || json!({"A": "1", "B": "2", "D": "4", "N": 5, "Z": null});
        check(EnvShape::Object, user(), expect![[r#"{"A":"1","B":"3","D":null,"N":"5","Z":null}"#]]);
        check(EnvShape::Texts, user(), expect![[r#"{"A":"1","B":"3","N":"5"}"#]]);
        check(EnvShape::List, user(), expect![[r#"["A=1","B=3","N=5"]"#]]);
    }

    #[test]
    fn a_users_list_is_as_good_as_an_object() {
        let user = || json!(["A=1=1", "B=2", "D=4", "odd", 7]);
        check(EnvShape::Object, user(), expect![[r#"{"A":"1=1","B":"3","D":null}"#]]);
        check(EnvShape::List, user(), expect![[r#"["A=1=1","B=3"]"#]]);
        check(EnvShape::List, json!("nonsense"), expect![[r#"["B=3"]"#]]);
    }
}
