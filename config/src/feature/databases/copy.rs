//! What a branch copies from the original database.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much of a database with a schema is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// Nothing.
    #[default]
    Empty,
    /// The schema, without data.
    Schema,
    /// Everything.
    All,
}

/// How much of a database without a schema is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DataMode {
    /// Nothing.
    #[default]
    Empty,
    /// Everything.
    All,
}

/// What is copied, with no choice among tables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WholeCopy {
    /// How much is copied.
    pub mode: Extent,
}

/// What is copied, by table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TableCopy {
    /// How much is copied of tables that are not listed.
    pub mode: Extent,
    /// Tables whose data is copied.
    #[schemars(extend("examples" = [{ "users": { "filter": "id < 100" } }]))]
    pub tables: BTreeMap<String, Filter>,
}

/// What is copied by the database's own dump program, by table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DumpCopy {
    /// How much is copied of tables that are not listed.
    pub mode: Extent,
    /// More arguments of the dump program.
    #[schemars(extend("examples" = [["--no-owner"]]))]
    pub dump_args: Vec<String>,
    /// Tables whose data is copied.
    #[schemars(extend("examples" = [{ "users": { "filter": "id < 100" } }]))]
    pub tables: BTreeMap<String, Filter>,
}

/// What is copied of a database without a schema, by table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ItemCopy {
    /// How much is copied of tables that are not listed.
    pub mode: DataMode,
    /// Tables whose data is copied.
    #[schemars(extend("examples" = [{ "users": { "filter": "id < :limit" } }]))]
    pub tables: BTreeMap<String, Filter>,
}

/// What is copied of a database without a schema, by collection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CollectionCopy {
    /// How much is copied of collections that are not listed.
    pub mode: DataMode,
    /// Collections whose data is copied.
    #[schemars(extend("examples" = [{ "users": { "filter": "{\"tenant\": \"me\"}" } }]))]
    pub collections: BTreeMap<String, Filter>,
}

/// Which rows of a table or collection are copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Condition in the language of the database; otherwise all rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["id < 100"]))]
    pub filter: Option<String>,
}
