//! A branch of Redis, on this machine or in the cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Common, DataMode, Text};

/// A branch of Redis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Redis {
    /// What every branch has.
    #[serde(flatten)]
    pub common: Common,
    /// Where the branch runs.
    #[serde(default)]
    pub location: Location,
    /// How the program finds the database.
    pub connection: Connection,
    /// How the branch is run on this machine, with the location `local`.
    #[serde(default)]
    pub local: Option<Local>,
    /// What is copied from the original, with the location `remote`.
    #[serde(default)]
    pub copy: Option<Copy>,
}

/// Where a branch of Redis runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Location {
    /// On this machine.
    Local,
    /// In the cluster.
    #[default]
    Remote,
}

/// How the program finds Redis: a URL, or its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("examples" = [{ "url": "REDIS_URL" }]))]
pub struct Connection {
    /// The URL: the variable of the target that holds it, or where else it is.
    pub url: Option<Text>,
    /// Its host: the variable of the target that holds it, or where else it is.
    #[schemars(extend("examples" = ["REDIS_HOST"]))]
    pub host: Option<Text>,
    /// Its port.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// The password: the variable of the target that holds it, or where else it is.
    #[schemars(extend("examples" = ["REDIS_PASSWORD"]))]
    pub password: Option<Text>,
    /// Who signs in: the variable of the target that holds the name, or where else it is.
    #[schemars(extend("examples" = ["REDIS_USER"]))]
    pub username: Option<Text>,
    /// Number of the database.
    pub database: u32,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

impl Default for Connection {
    fn default() -> Self {
        Self { url: None, host: None, port: PORT, password: None, username: None, database: 0, tls: false }
    }
}

const PORT: u16 = 6379;

/// How a Redis is run on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Local {
    /// Port that it listens on.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Version of its image.
    #[schemars(extend("examples" = ["7-alpine"]))]
    pub version: String,
    /// What runs it.
    pub runtime: Runtime,
    /// Which container runtime runs it.
    pub container_runtime: Option<ContainerRuntime>,
    /// Program of the container runtime; otherwise found by its name.
    #[schemars(extend("examples" = ["/usr/local/bin/docker"]))]
    pub container_command: Option<String>,
    /// Program of the server; otherwise `redis-server`.
    #[schemars(extend("examples" = ["/usr/bin/redis-server"]))]
    pub server_command: Option<String>,
    /// More about the server.
    pub options: Options,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            port: PORT,
            version: "7-alpine".to_owned(),
            runtime: Runtime::default(),
            container_runtime: None,
            container_command: None,
            server_command: None,
            options: Options::default(),
        }
    }
}

/// What runs a local Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// A container.
    Container,
    /// A server program of this machine.
    RedisServer,
    /// A container if there is a runtime for it, else the server program.
    #[default]
    Auto,
}

/// A container runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContainerRuntime {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// nerdctl of containerd.
    Nerdctl,
}

/// More about a local server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// More arguments of the server.
    #[schemars(extend("examples" = [["--maxmemory", "64mb"]]))]
    pub args: Vec<String>,
}

/// What is copied from the original.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Copy {
    /// How much is copied.
    pub mode: DataMode,
    /// Patterns of the keys that are copied; otherwise all.
    #[schemars(extend("examples" = [["session:*"]]))]
    pub patterns: Vec<String>,
}
