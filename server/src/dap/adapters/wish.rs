//! Which debug adapter a user wants: one of the table by its name, or any other, described.
//!
//! ```json
//! "adapter": "dlv"
//! "adapter": { "name": "js-debug", "command": ["node", "/opt/js-debug/src/dapDebugServer.js"] }
//! "adapter": { "command": ["my-adapter", "--stdio"], "environment": "list", "terminal": true }
//! "adapter": { "command": ["my-adapter", "--port", "0"], "server": true }
//! "adapter": { "name": "java-debug", "address": "127.0.0.1:4711" }
//! ```

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use serde_json::Value;

use super::{Adapter, Command, EnvShape, Place, Transport, known, named, other};
use crate::dap::message::Arguments;

/// What a user says of the debug adapter, in a launch configuration or on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdapterWish {
    /// One of the table, `--adapter`.
    pub name: Option<String>,
    /// The command line that starts it.
    pub command: Vec<String>,
    /// Whether that prints the address at which it listens, instead of talking on its standard streams.
    pub server: Option<bool>,
    /// Where one listens already: `IP:PORT`.
    pub address: Option<String>,
    /// How `launch` takes environment variables: `object`, `list`, or `process`.
    pub environment: Option<String>,
    /// Whether programs that it starts in the editor's terminal need their variables in that request.
    pub terminal: Option<bool>,
}

/// An adapter, and where it is when that is not looked up.
#[derive(Debug)]
pub(in crate::dap) struct Choice {
    pub(in crate::dap) adapter: Adapter,
    pub(in crate::dap) place: Option<Place>,
}

const KEYS: [&str; 6] = ["name", "command", "server", "address", "environment", "terminal"];

impl AdapterWish {
    /// Reads the value of `"adapter"` in a launch. Fails with a sentence for the user.
    pub(in crate::dap) fn read(value: Value) -> Result<Self, String> {
        let fields = match value {
            Value::String(name) => return Ok(Self { name: Some(name), ..Self::default() }),
            Value::Object(fields) => fields,
            other => {
                return Err(format!("\"adapter\" is the name of a debug adapter, or an object, not `{other}`"));
            }
        };
        let mut wish = Self::default();
        for (key, value) in fields {
            match (key.as_str(), value) {
                (_, Value::Null) => {}
                ("name", Value::String(text)) => wish.name = Some(text),
                ("address", Value::String(text)) => wish.address = Some(text),
                ("environment", Value::String(text)) => wish.environment = Some(text),
                ("server", Value::Bool(value)) => wish.server = Some(value),
                ("terminal", Value::Bool(value)) => wish.terminal = Some(value),
                ("command", Value::Array(words)) => wish.command = texts(words)?,
                (key, value) if KEYS.contains(&key) => {
                    return Err(format!("\"adapter\": \"{key}\" cannot be `{value}`"));
                }
                (key, _) => {
                    let keys = KEYS.join(", ");
                    return Err(format!("unknown key \"{key}\" in \"adapter\"; it has: {keys}"));
                }
            }
        }
        Ok(wish)
    }

    /// Takes `"adapter"` and `"debugServer"`, which VS Code knows as the port of an adapter that runs already, out of a
    /// launch. Fails with a sentence for the user.
    pub(in crate::dap) fn take(arguments: &mut Arguments) -> Result<Option<Self>, String> {
        let wish = arguments.remove("adapter").filter(|value| !value.is_null()).map(Self::read).transpose()?;
        let Some(port) = arguments.remove("debugServer").filter(|value| !value.is_null()) else { return Ok(wish) };
        let port = port.as_u64().and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or("\"debugServer\" is the port at which a debug adapter listens on this machine")?;
        let mut wish = wish.unwrap_or_default();
        wish.address = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string());
        Ok(Some(wish))
    }

    /// The adapter that is meant; `default` when only its place is told. Fails with a sentence for the user.
    pub(in crate::dap) fn choose(&self, default: Adapter) -> Result<Choice, String> {
        let program = self.command.first().map(Path::new).and_then(Path::file_stem).and_then(|name| name.to_str());
        let mut adapter = match (&self.name, program) {
            (Some(name), _) => named(name)?,
            // A command says what it is if its name is one that we know.
            (None, Some(program)) => known(program).unwrap_or(other::OTHER),
            (None, None) => default,
        };
        if let Some(shape) = &self.environment {
            let unknown = || format!("\"environment\" is one of {}, not `{shape}`", EnvShape::NAMES.join(", "));
            // What the table says is more exact.
            let told = EnvShape::named(shape).ok_or_else(unknown)?;
            if adapter.name == other::OTHER.name {
                adapter.environment = told;
            }
        }
        if let Some(terminal) = self.terminal {
            adapter.terminal_needs_environment |= terminal;
        }
        if let Some(server) = self.server {
            adapter.transport = if server { Transport::Printed } else { Transport::Streams };
        }
        let place = match (&self.address, self.command.split_first()) {
            (Some(_), Some(_)) => {
                return Err("\"adapter\" has a \"command\" and an \"address\": say one of them".to_owned());
            }
            (Some(_), None) if adapter.environment == EnvShape::Process => {
                return Err("an adapter that runs already gets no variables: \"environment\" must be object or list, or name a \"command\" instead of an \"address\"".to_owned());
            }
            (Some(address), None) => Some(Place::Listening(parse(address)?)),
            (None, Some((program, words))) => {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                // A program alone takes the place of the one that would be looked up.
                let words = if words.is_empty() { adapter.words } else { &words };
                Some(adapter.transport.place(Command::new(program, words)))
            }
            (None, None) => None,
        };
        Ok(Choice { adapter, place })
    }
}

/// `IP:PORT`, or `localhost:PORT`: the program runs on this machine, and so does its debug adapter.
fn parse(address: &str) -> Result<SocketAddr, String> {
    let numeric = address.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let unfit = |_| {
        format!(
            "\"adapter\": \"address\" is the IP address and port of a debug adapter, as in 127.0.0.1:4711, not `{address}`"
        )
    };
    let address: SocketAddr = numeric.as_deref().unwrap_or(address).parse().map_err(unfit)?;
    match address.ip() {
        ip if ip.is_unspecified() => Ok((IpAddr::from(Ipv4Addr::LOCALHOST), address.port()).into()),
        _ => Ok(address),
    }
}

fn texts(words: Vec<Value>) -> Result<Vec<String>, String> {
    let unfit = |word: &Value| format!("\"adapter\": \"command\" is a list of words, and `{word}` is no text");
    words.into_iter().map(|word| word.as_str().map(str::to_owned).ok_or_else(|| unfit(&word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn check(launch: Value, expected: Expect) {
        let mut launch = launch.as_object().unwrap().clone();
        let chosen = AdapterWish::take(&mut launch).and_then(|wish| wish.unwrap_or_default().choose(other::OTHER));
        let text = chosen.map(|Choice { adapter, place }| {
            let Adapter { name, environment, terminal_needs_environment: terminal, .. } = adapter;
            let place = match place {
                None => "looked up".to_owned(),
                Some(Place::Start(command)) => format!("{} {:?}", command.program.display(), command.arguments),
                Some(Place::Serve(command)) => format!("server {} {:?}", command.program.display(), command.arguments),
                Some(Place::Listening(address)) => address.to_string(),
                #[cfg(test)]
                Some(Place::Given(_)) => unreachable!("nobody gives one here"),
            };
            format!("{name}, {place}, {environment:?}, terminal {terminal}")
        });
        expected.assert_eq(&text.unwrap_or_else(|error| error));
    }

    #[test]
    fn adapters_of_the_table_are_named_and_may_be_placed() {
        check(json!({"adapter": "debugpy"}), expect!["debugpy, looked up, Object, terminal false"]);
        check(
            json!({"adapter": {"name": "debugpy", "command": ["/v/bin/python"]}}),
            expect![[r#"debugpy, /v/bin/python ["-m", "debugpy.adapter"], Object, terminal false"#]],
        );
        check(
            json!({"adapter": {"name": "debugpy", "address": "localhost:4711"}}),
            expect!["debugpy, 127.0.0.1:4711, Object, terminal false"],
        );
        check(
            json!({"adapter": "debugpy", "debugServer": 4711}),
            expect!["debugpy, 127.0.0.1:4711, Object, terminal false"],
        );
    }

    #[test]
    fn any_adapter_can_be_described() {
        check(
            json!({"adapter": {"command": ["x", "-y"], "environment": "list", "terminal": true}}),
            expect![[r#"other, x ["-y"], List, terminal true"#]],
        );
        check(
            json!({"adapter": {"command": ["x"], "server": true}}),
            expect!["other, server x [], Texts, terminal false"],
        );
        check(
            json!({"adapter": {"address": "0.0.0.0:1", "environment": "object"}}),
            expect!["other, 127.0.0.1:1, Texts, terminal false"],
        );
    }

    #[test]
    fn mistakes_are_named() {
        check(json!({"adapter": []}), expect![[r#""adapter" is the name of a debug adapter, or an object, not `[]`"#]]);
        check(json!({"adapter": {"command": "x"}}), expect![[r#""adapter": "command" cannot be `"x"`"#]]);
        check(
            json!({"adapter": {"command": [1]}}),
            expect![[r#""adapter": "command" is a list of words, and `1` is no text"#]],
        );
        check(
            json!({"adapter": {"comand": 1}}),
            expect![[
                r#"unknown key "comand" in "adapter"; it has: name, command, server, address, environment, terminal"#
            ]],
        );
        check(
            json!({"adapter": {"command": ["x"], "environment": "array"}}),
            expect![[r#""environment" is one of object, list, process, not `array`"#]],
        );
        check(
            json!({"adapter": {"address": "debugger:1"}}),
            expect![[
                r#""adapter": "address" is the IP address and port of a debug adapter, as in 127.0.0.1:4711, not `debugger:1`"#
            ]],
        );
        check(
            json!({"adapter": {"address": "127.0.0.1:1", "command": ["x"]}}),
            expect![[r#""adapter" has a "command" and an "address": say one of them"#]],
        );
        check(
            json!({"adapter": {"address": "127.0.0.1:1", "environment": "process"}}),
            expect![[
                r#"an adapter that runs already gets no variables: "environment" must be object or list, or name a "command" instead of an "address""#
            ]],
        );
        check(
            json!({"debugServer": "x"}),
            expect![[r#""debugServer" is the port at which a debug adapter listens on this machine"#]],
        );
    }
}
