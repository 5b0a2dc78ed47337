//! Which environment variables the program gets: the keys; `names` knows variables, `import` the rules, `account` what
//! becomes of each variable.

pub mod account;
mod import;
pub mod names;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    account::{Account, EnvChange, Sources, Variable},
    import::{ImportRule, Origin, import, rewrite, unset_by},
    names::matches,
};
use super::mapping::Mapping;

/// Environment variables of the target. Patterns know `*` (any characters) and `?` (one). Left out by default: variables
/// that describe the target's machine (`PATH`, `HOME`, `LD_*`…), and those that its image sets about itself
/// (`PYTHON_VERSION`, `LANG`…) unless the pod's specification sets them. `mirrord env diff` shows all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-short" = { "true": {}, "false": { "enabled": false } }))]
pub struct Env {
    /// Whether the target's variables are imported.
    #[schemars(extend("x-status" = "internal"))]
    pub enabled: bool,
    /// Import these only. Also brings back variables that are left out by default, unless the pattern is a bare `*`. Not
    /// together with `exclude`.
    #[schemars(extend(
        "x-core" = true,
        "x-short" = "names",
        "x-meaning" = "variable",
        "x-env" = "MIRRORD_OVERRIDE_ENV_VARS_INCLUDE",
        "x-flag" = "-s --override-env-vars-include",
        "examples" = [["DATABASE_URL", "CACHE_*"], "DATABASE_URL;CACHE_*"]
    ))]
    pub include: Option<Vec<String>>,
    /// Import everything except these. Not together with `include`.
    #[schemars(extend(
        "x-core" = true,
        "x-short" = "names",
        "x-meaning" = "variable",
        "x-env" = "MIRRORD_OVERRIDE_ENV_VARS_EXCLUDE",
        "x-flag" = "-x --override-env-vars-exclude",
        "examples" = [["PORT", "OTEL_*"], "PORT;OTEL_*"]
    ))]
    pub exclude: Option<Vec<String>>,
    /// Final values; beat every other source.
    #[schemars(extend("x-core" = true, "x-meaning" = "variable", "examples" = [{ "LOG_LEVEL": "debug" }]))]
    pub r#override: BTreeMap<String, String>,
    /// Changes imported values: regular expression over the name, to the new value, where `$1` stands for a capture.
    #[schemars(extend("x-core" = true, "x-meaning" = "variable", "examples" = [{ ".+_TIMEOUT": "10000" }]))]
    pub mapping: Mapping,
    /// Drop these names from the program's environment, ignoring case.
    #[schemars(extend("x-core" = true, "x-short" = "list", "x-meaning" = "variable", "examples" = [["AWS_PROFILE"]]))]
    pub unset: Vec<String>,
    /// Dotenv file that is laid over the imported variables.
    #[schemars(extend(
        "x-core" = true,
        "x-meaning" = "file",
        "x-env" = "MIRRORD_OVERRIDE_ENV_VARS_FILE",
        "x-flag" = "--env-file",
        "examples" = [".env.staging"]
    ))]
    pub env_file: Option<String>,
    /// Whether each program imports the variables itself when it starts, instead of getting them from whoever starts it:
    /// for wrappers that wipe the environment. A program gets them from the one that started it if that one has imported
    /// them already, with its changes. Static and Go programs have them from the launch only.
    #[schemars(extend("x-env" = "MIRRORD_ENV_LOAD_FROM_PROCESS"))]
    pub load_from_process: bool,
}

impl Default for Env {
    fn default() -> Self {
        Self {
            enabled: true,
            include: None,
            exclude: None,
            r#override: BTreeMap::new(),
            mapping: Mapping::default(),
            unset: Vec::new(),
            env_file: None,
            load_from_process: false,
        }
    }
}
