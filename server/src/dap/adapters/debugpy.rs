//! Python: `debugpy`, on its standard streams. It lives until its input is closed.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use super::{super::message::Arguments, Adapter, Command, EnvShape, check_program};

/// The table's line. Its launcher lays `env` over the adapter's own environment and drops what is `null`; programs in
/// a terminal get it over the launcher's socket.
pub(super) const DEBUGPY: Adapter = Adapter {
    name: "debugpy",
    aliases: &["python"],
    capabilities: include_str!("debugpy.json"),
    program: |arguments, _| Ok(python(arguments).into()),
    words: &["-m", "debugpy.adapter"],
    check: check_program,
    listening_at,
    advice,
    environment: EnvShape::Object,
    ..Adapter::COMMON
};

fn python(arguments: &Arguments) -> &str {
    let keys = ["debugAdapterPython", "python", "pythonPath"];
    keys.iter().find_map(|key| interpreter(arguments.get(*key)?)).unwrap_or("python3")
}

/// The first word of an interpreter's command line: a string, or a list that begins with it.
fn interpreter(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get(0)?.as_str()).filter(|python| !python.is_empty())
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
            assert_eq!(python(&arguments(launch)), expected);
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
