//! Changes of the schema that are applied to a branch.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who changes the schema of a branch once it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "flavor", rename_all = "lowercase", deny_unknown_fields)]
#[schemars(extend("x-name" = "migrations", "x-tag" = "What changes the schema."))]
pub enum Migrations {
    /// Flyway.
    Flyway {
        /// Image of Flyway; otherwise its official one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("examples" = ["flyway/flyway:11"]))]
        image: Option<String>,
        /// Folders in the image that hold the changes.
        #[serde(default)]
        #[schemars(extend("examples" = [["filesystem:/flyway/sql"]]))]
        locations: Vec<String>,
        /// Folder of this machine that holds the changes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("x-meaning" = "file", "examples" = ["db/migrations"]))]
        path: Option<String>,
    },
    /// A container of your own.
    Container {
        /// Its image.
        #[schemars(extend("examples" = ["registry.example.com/shop-migrations:1.0"]))]
        image: String,
        /// Its program; otherwise that of the image.
        #[serde(default)]
        #[schemars(extend("examples" = [["migrate"]]))]
        command: Vec<String>,
        /// The program's arguments; otherwise those of the image.
        #[serde(default)]
        #[schemars(extend("examples" = [["up"]]))]
        args: Vec<String>,
        /// Its environment.
        #[serde(default)]
        #[schemars(extend("examples" = [{ "VERBOSE": "1" }]))]
        env: BTreeMap<String, String>,
    },
}
