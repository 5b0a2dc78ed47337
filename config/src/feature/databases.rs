//! Private copies of databases.

mod connection;
mod copy;
mod iam;
mod migrations;
mod redis;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::seconds;

pub use connection::{Connection, Item, OneOrMore, Param, Parts, PartsType, Source, SourceType, Text};
pub use copy::{CollectionCopy, DataMode, DumpCopy, Extent, Filter, ItemCopy, TableCopy, WholeCopy};
pub use iam::{AwsAuth, CloudAuth};
pub use migrations::Migrations;
pub use redis::{Location, Redis};

/// A private copy of one database for the session, told apart by the type of the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[schemars(extend("x-tag" = "Type of the database."))]
#[expect(clippy::large_enum_variant, reason = "a file has a few branches at most")]
pub enum Branch {
    /// `ClickHouse`.
    Clickhouse(Clickhouse),
    /// `CockroachDB`.
    Cockroachdb(Cockroachdb),
    /// Amazon `DynamoDB`.
    Dynamodb(Dynamodb),
    /// Any other database that runs in a container.
    Generic(Box<Generic>),
    /// `MariaDB`.
    Mariadb(Box<Mysql>),
    /// `MongoDB`.
    Mongodb(Mongodb),
    /// Microsoft SQL Server.
    Mssql(Mssql),
    /// `MySQL`.
    Mysql(Box<Mysql>),
    /// `PostgreSQL`.
    Pg(Box<Postgres>),
    /// Redis.
    Redis(Box<Redis>),
    /// Google Cloud Spanner.
    Spanner(Spanner),
}

impl Branch {
    /// What every branch has.
    pub fn common(&self) -> &Common {
        match self {
            Branch::Clickhouse(branch) => &branch.common,
            Branch::Cockroachdb(branch) => &branch.common,
            Branch::Dynamodb(branch) => &branch.common,
            Branch::Generic(branch) => &branch.common,
            Branch::Mariadb(branch) | Branch::Mysql(branch) => &branch.common,
            Branch::Mongodb(branch) => &branch.common,
            Branch::Mssql(branch) => &branch.common,
            Branch::Pg(branch) => &branch.common,
            Branch::Redis(branch) => &branch.common,
            Branch::Spanner(branch) => &branch.common,
        }
    }

    /// How the program finds the database; `None`: as the type's own object says.
    pub fn connection(&self) -> Option<&Connection> {
        Some(match self {
            Branch::Clickhouse(branch) => &branch.connection,
            Branch::Cockroachdb(branch) => &branch.connection,
            Branch::Dynamodb(branch) => &branch.connection,
            Branch::Generic(branch) => &branch.connection,
            Branch::Mariadb(branch) | Branch::Mysql(branch) => &branch.connection,
            Branch::Mongodb(branch) => &branch.connection,
            Branch::Mssql(branch) => &branch.connection,
            Branch::Pg(branch) => &branch.connection,
            Branch::Spanner(branch) => &branch.connection,
            Branch::Redis(_) => return None,
        })
    }
}

/// What every branch has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Common {
    /// Sessions that name the same id share one branch.
    #[schemars(extend("examples" = ["my-feature"]))]
    pub id: Option<String>,
    /// Name of the database; otherwise the one that the connection names.
    #[schemars(extend("examples" = ["orders"]))]
    pub name: Option<String>,
    /// Version of the database, which picks its image. Not together with `image`.
    #[schemars(extend("examples" = ["16"]))]
    pub version: Option<String>,
    /// Image of the database. Not together with `version`.
    #[schemars(extend("examples" = ["registry.example.com/postgres:16"]))]
    pub image: Option<String>,
    /// Profile of the operator that fills in the rest.
    #[schemars(extend("examples" = ["small"]))]
    pub profile: Option<String>,
    /// Seconds that the branch lives after its last use; otherwise five minutes. Not together with `ttl_mins`.
    #[schemars(extend("examples" = [600]))]
    pub ttl_secs: Option<u32>,
    /// Minutes that the branch lives after its last use; otherwise five. Not together with `ttl_secs`.
    #[schemars(extend("examples" = [10]))]
    pub ttl_mins: Option<u32>,
    /// Seconds until a branch that is not ready counts as failed.
    #[serde(with = "seconds")]
    #[schemars(with = "u32")]
    pub creation_timeout_secs: Duration,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            id: None,
            name: None,
            version: None,
            image: None,
            profile: None,
            ttl_secs: None,
            ttl_mins: None,
            creation_timeout_secs: Duration::from_mins(1),
        }
    }
}

/// A branch of `ClickHouse`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Clickhouse {
    /// What every branch has.
    #[serde(flatten)]
    pub common: Common,
    /// How the program finds the database.
    pub connection: Connection,
    /// What is copied from the original.
    #[serde(default)]
    pub copy: TableCopy,
}

/// A branch of `CockroachDB`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cockroachdb {
    /// What every branch has.
    #[serde(flatten)]
    pub common: Common,
    /// How the program finds the database.
    pub connection: Connection,
    /// What is copied from the original.
    #[serde(default)]
    pub copy: TableCopy,
    /// Changes of the schema that are applied to the branch.
    #[serde(default)]
    pub migrations: Option<Migrations>,
}

/// A branch of `DynamoDB`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dynamodb {
    /// What every branch has.
    #[serde(flatten)]
    pub common: Common,
    /// How the program finds the database.
    pub connection: Connection,
    /// What is copied from the original.
    #[serde(default)]
    pub copy: ItemCopy,
    /// How the operator signs in at the original.
    #[serde(default)]
    pub iam_auth: Option<AwsAuth>,
}

/// A branch of any other database that runs in a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-required" = ["image"]))]
pub struct Generic {
    /// What every branch has.
    #[serde(flatten)]
    pub common: Common,
    /// How the program finds the database.
    pub connection: Connection,
    /// Port that the database listens on.
    #[schemars(range(min = 1), extend("examples" = [9042]))]
    pub port: u16,
    /// Program of the container; otherwise that of the image.
    #[serde(default)]
    #[schemars(extend("examples" = [["/entrypoint.sh"]]))]
    pub command: Option<Vec<String>>,
    /// Arguments of the program; otherwise those of the image.
    #[serde(default)]
    #[schemars(extend("examples" = [["--memory", "1G"]]))]
    pub args: Option<Vec<String>>,
    /// Environment of the container.
    #[serde(default)]
    #[schemars(extend("examples" = [{ "CLUSTER_NAME": "local" }]))]
    pub env: BTreeMap<String, String>,
    /// When the database counts as ready; otherwise when its port accepts connections.
    #[serde(default)]
    pub readiness: Option<Readiness>,
}

/// When a database counts as ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[schemars(extend("x-tag" = "What tells that the database is ready."))]
pub enum Readiness {
    /// When its port accepts connections.
    Tcp {},
    /// When a command in its container succeeds.
    Exec {
        /// The command.
        #[schemars(extend("examples" = [["nodetool", "status"]]))]
        command: Vec<String>,
    },
    /// When a request is answered with success.
    HttpGet {
        /// Path of the request.
        #[schemars(extend("examples" = ["/health"]))]
        path: String,
        /// Port of the request; otherwise that of the database.
        #[serde(default)]
        #[schemars(range(min = 1), extend("examples" = [8080]))]
        port: Option<u16>,
    },
}

/// A branch of `MySQL` or `MariaDB`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mysql {
    /// What every branch has.
    #[serde(flatten)]
    pub common: Common,
    /// How the program finds the database.
    pub connection: Connection,
    /// What is copied from the original.
    #[serde(default)]
    pub copy: DumpCopy,
    /// How the operator signs in at the original.
    #[serde(default)]
    pub iam_auth: Option<CloudAuth>,
    /// Changes of the schema that are applied to the branch.
    #[serde(default)]
    pub migrations: Option<Migrations>,
}

/// A branch of `PostgreSQL`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Postgres {
    /// What every branch has.
    #[serde(flatten)]
    pub common: Common,
    /// How the program finds the database.
    pub connection: Connection,
    /// What is copied from the original.
    #[serde(default)]
    pub copy: DumpCopy,
    /// How the operator signs in at the original.
    #[serde(default)]
    pub iam_auth: Option<CloudAuth>,
    /// Changes of the schema that are applied to the branch.
    #[serde(default)]
    pub migrations: Option<Migrations>,
    /// Settings of each connection to the original.
    #[serde(default)]
    #[schemars(extend("examples" = [{ "search_path": "shop" }]))]
    pub connection_settings: BTreeMap<String, String>,
    /// Parameters that are added to the URL of the branch.
    #[serde(default)]
    #[schemars(extend("examples" = [{ "sslmode": "disable" }]))]
    pub query_params: BTreeMap<String, String>,
}

/// A branch of `MongoDB`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mongodb {
    /// What every branch has.
    #[serde(flatten)]
    pub common: Common,
    /// How the program finds the database.
    pub connection: Connection,
    /// What is copied from the original.
    #[serde(default)]
    pub copy: CollectionCopy,
}

/// A branch of SQL Server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mssql {
    /// What every branch has.
    #[serde(flatten)]
    pub common: Common,
    /// How the program finds the database.
    pub connection: Connection,
    /// What is copied from the original.
    #[serde(default)]
    pub copy: WholeCopy,
    /// Changes of the schema that are applied to the branch.
    #[serde(default)]
    pub migrations: Option<Migrations>,
}

/// A branch of Spanner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spanner {
    /// What every branch has.
    #[serde(flatten)]
    pub common: Common,
    /// How the program finds the database.
    pub connection: Connection,
    /// What is copied from the original.
    #[serde(default)]
    pub copy: WholeCopy,
    /// Variable by which the program finds the emulator.
    #[serde(default)]
    #[schemars(extend("x-meaning" = "variable", "examples" = ["SPANNER_EMULATOR_HOST"]))]
    pub emulator_host: Option<String>,
}
