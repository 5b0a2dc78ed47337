//! Python: `debugpy`, on its standard streams. It lives until its input is closed.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
};

use serde_json::Value;

use super::{super::message::Arguments, Adapter, Command, EnvShape};

/// The table's line. Its launcher lays `env` over the adapter's own environment and drops what is `null`; programs in
/// a terminal get it over the launcher's socket.
pub(super) const DEBUGPY: Adapter = Adapter {
    name: "debugpy",
    aliases: &["python"],
    capabilities: include_str!("debugpy.json"),
    command,
    check,
    listening_at,
    advice,
    environment: EnvShape::Object,
    terminal_needs_environment: false,
};

fn command(arguments: &Arguments) -> Command {
    let python =
        ["debugAdapterPython", "python", "pythonPath"].iter().find_map(|key| interpreter(arguments.get(*key)?));
    Command::new(python.unwrap_or("python3"), ["-m", "debugpy.adapter"])
}

/// The first word of an interpreter's command line: a string, or a list that begins with it.
fn interpreter(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get(0)?.as_str()).filter(|python| !python.is_empty())
}

fn check(arguments: &Arguments, working_directory: &Path) -> Result<(), String> {
    let Some(program) = arguments.get("program").and_then(Value::as_str) else {
        return Ok(()); // `module` and `code` are debugpy's to check
    };
    if working_directory.join(program).is_file() {
        return Ok(());
    }
    Err(format!("the program `{program}` is no file (looked in {})", working_directory.display()))
}

/// `connect` of a child session: the parent's adapter listens there.
fn listening_at(arguments: &Arguments) -> Option<SocketAddr> {
    let connect = arguments.get("connect")?;
    let host = match connect["host"].as_str().unwrap_or("127.0.0.1") {
        "localhost" => "127.0.0.1",
        host => host,
    };
    let port = u16::try_from(connect["port"].as_u64()?).ok()?;
    Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port))
}

fn advice(command: &Command, last_words: &str) -> Option<String> {
    let python = command.program.display();
    last_words.contains("No module named").then(|| {
        format!("debugpy is not installed for `{python}`: run `{python} -m pip install debugpy`, or name an interpreter that has it with \"python\" in the launch configuration")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arguments(value: Value) -> Arguments {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn the_interpreter_of_the_launch_runs_the_adapter() {
        for (launch, expected) in [
            (json!({}), "python3"),
            (json!({"pythonPath": "/v/bin/python"}), "/v/bin/python"),
            (json!({"python": ["/v/bin/python", "-X", "dev"]}), "/v/bin/python"),
            (json!({"python": "", "pythonPath": "p"}), "p"),
        ] {
            assert_eq!(command(&arguments(launch)).program, Path::new(expected));
        }
    }

    #[test]
    fn a_child_session_says_where_its_adapter_listens() {
        let at = |value| listening_at(&arguments(value)).map(|address| address.to_string());
        assert_eq!(at(json!({"connect": {"host": "localhost", "port": 5678}})).as_deref(), Some("127.0.0.1:5678"));
        assert_eq!(at(json!({"connect": {"port": 5678}})).as_deref(), Some("127.0.0.1:5678"));
        assert_eq!(at(json!({"connect": {"port": 99999}})), None);
        assert_eq!(at(json!({"processId": 1})), None);
    }
}
