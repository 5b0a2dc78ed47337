//! Debug sessions of a program's own children: what their configurations say, from the session that offers them to the one
//! that the editor starts.
//!
//! ```json
//! { "type": "mirrord", "adapter": "js-debug", "__pendingTargetId": "…",
//!   "mirrord": { "child": { "control": "/run/user/1000/mirrord-0a1b2c3d/control.sock", "adapter": "127.0.0.1:40001",
//!                           "type": "pwa-node" } } }
//! ```
//!
//! The editor gives it back to a debug adapter of ours, whose type it has, which talks to the same real adapter and joins
//! the session instead of starting one.

use std::{net::SocketAddr, path::PathBuf};

use serde_json::{Value, json};

use super::message::Arguments;

/// The key below `"mirrord"` by which a child's configuration is known.
pub(super) const KEY: &str = "child";

/// What a debug session of a program's child starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Child {
    /// The control socket of the session, if there is one.
    pub(super) control: Option<PathBuf>,
    /// Where the debug adapter listens, if the rest of the configuration does not say it.
    pub(super) adapter: Option<SocketAddr>,
}

/// What a debug session says to those of its program's children.
#[derive(Clone, Debug, Default)]
pub(super) struct Heritage {
    /// Name of the debug adapter.
    pub(super) adapter: &'static str,
    /// The type of launch configuration by which the editor has found us.
    pub(super) kind: Option<Value>,
    /// What the children join.
    pub(super) child: Child,
}

impl Heritage {
    /// Lays itself over `configuration`, which the debug adapter has made.
    pub(super) fn furnish(&self, configuration: &mut Arguments) {
        let Child { control, adapter } = &self.child;
        let mut child = Arguments::new();
        // The folder's name is ours, below one that was named as text.
        child.extend(control.as_ref().map(|path| ("control".to_owned(), path.to_string_lossy().into())));
        child.extend(adapter.map(|address| ("adapter".to_owned(), address.to_string().into())));
        if let Some(kind) = &self.kind {
            let theirs = configuration.insert("type".to_owned(), kind.clone());
            child.insert("type".to_owned(), theirs.unwrap_or_default());
        }
        configuration.insert("adapter".to_owned(), self.adapter.into());
        configuration.insert("mirrord".to_owned(), json!({ KEY: child }));
    }
}

/// Reads it again; `configuration` becomes the debug adapter's own. Fails with a sentence for the user.
pub(super) fn take(ours: Arguments, configuration: &mut Arguments) -> Result<Child, String> {
    let mut child = Child::default();
    let unfit = |key: &str, value: &Value| {
        format!(
            "\"mirrord\": \"{key}\" cannot be `{value}`; \"{KEY}\" is written by mirrord for programs that a debugged one starts"
        )
    };
    for (key, value) in ours {
        match (key.as_str(), value) {
            (KEY, Value::Object(fields)) => {
                for (key, value) in fields {
                    match (key.as_str(), &value) {
                        ("control", Value::String(path)) => child.control = Some(PathBuf::from(path)),
                        ("adapter", Value::String(address)) => {
                            let address: SocketAddr = address.parse().map_err(|_| unfit(&key, &value))?;
                            child.adapter = Some(address);
                        }
                        ("type", Value::Null) => drop(configuration.remove(&key)),
                        ("type", _) => drop(configuration.insert(key, value)),
                        _ => return Err(unfit(&key, &value)),
                    }
                }
            }
            (_, value) => return Err(unfit(&key, &value)),
        }
    }
    Ok(child)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn object(value: Value) -> Arguments {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn what_is_handed_on_is_read_again() {
        let child =
            Child { control: Some("/run/mirrord-1/control.sock".into()), adapter: Some(([127, 0, 0, 1], 4711).into()) };
        let heritage = Heritage { adapter: "js-debug", kind: Some("mirrord".into()), child: child.clone() };
        let plain = object(json!({"type": "pwa-node", "__pendingTargetId": "a"}));
        let mut configuration = plain.clone();
        heritage.furnish(&mut configuration);
        expect![[r#"{"type":"mirrord","__pendingTargetId":"a","adapter":"js-debug","mirrord":{"child":{"control":"/run/mirrord-1/control.sock","adapter":"127.0.0.1:4711","type":"pwa-node"}}}"#]].assert_eq(&Value::Object(configuration.clone()).to_string());
        configuration.remove("adapter");
        let Some(Value::Object(ours)) = configuration.remove("mirrord") else { panic!("{configuration:?}") };
        assert_eq!(take(ours, &mut configuration).unwrap(), child);
        assert_eq!(configuration, plain);

        // Without a session, an address or a type of the editor's, nothing of them is there.
        let heritage = Heritage { adapter: "debugpy", ..Heritage::default() };
        let mut configuration = plain.clone();
        heritage.furnish(&mut configuration);
        assert_eq!((&configuration["type"], &configuration["mirrord"]), (&json!("pwa-node"), &json!({"child": {}})));
    }

    #[test]
    fn what_nobody_hands_on_is_refused() {
        for ours in [
            json!({"child": 1}),
            json!({"child": {}, "target": "pod/x"}),
            json!({"child": {"adapter": "localhost"}}),
            json!({"child": {"control": 7}}),
            json!({"child": {"colour": "blue"}}),
        ] {
            let refused = take(object(ours.clone()), &mut Arguments::new()).expect_err(&ours.to_string());
            assert!(refused.contains("written by mirrord"), "{refused}");
        }
    }
}
