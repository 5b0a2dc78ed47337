//! How a program finds its database, and where the operator reads that.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the program finds the database: a URL, or its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-name" = "connection", "x-sets" = [["url"], ["params"], ["type", "params"]], "examples" = [{ "url": "DATABASE_URL" }]))]
pub struct Connection {
    /// The URL: the variable of the target that holds it, or where else it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Text>,
    /// Where the parts stand.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<PartsType>,
    /// The parts, each told by where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Parts>,
}

/// A text: the variable of the target that holds it, or where else it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("x-meaning" = "variable", "examples" = ["DATABASE_URL", { "type": "env", "variable": "DATABASE_URL" }]))]
pub enum Text {
    /// The variable.
    Variable(String),
    /// Elsewhere.
    Source(Source),
}

/// Where the operator reads a text, and which variable then tells it to the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-name" = "source"))]
pub struct Source {
    /// Where the text is.
    #[serde(rename = "type")]
    pub kind: SourceType,
    /// The variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "variable", "examples" = ["DATABASE_URL"]))]
    pub variable: Option<String>,
    /// Container that has the variable; otherwise the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "container", "examples" = ["web"]))]
    pub container: Option<String>,
    /// The text itself, which counts instead of the variable's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["postgres://orders.staging/orders"]))]
    pub value: Option<String>,
    /// Variable by which the program is told the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "variable", "examples" = ["DATABASE_URL"]))]
    pub env_var_name: Option<String>,
    /// Name of the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["orders-database"]))]
    pub name: Option<String>,
    /// Key in the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["url"]))]
    pub key: Option<String>,
    /// Full name of the secret and its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["projects/shop/secrets/orders-url/versions/latest"]))]
    pub secret_ref: Option<String>,
}

/// Where the operator reads a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceType {
    /// In a variable that the pod template sets: `variable`, perhaps of a `container`.
    Env,
    /// In a variable that comes from a config map or secret as a whole: `variable`, perhaps of a `container`.
    EnvFrom,
    /// In a Kubernetes secret: `name` and `key`.
    Secret,
    /// In Google Secret Manager: `secret_ref`.
    GcpSecretManager,
}

/// Where the parts of a connection stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartsType {
    /// In variables that the pod template sets.
    Env,
    /// In variables that come from a config map or secret as a whole.
    EnvFrom,
}

/// The parts of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Parts {
    /// Host name of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "variable", "examples" = ["DB_HOST"]))]
    pub host: Option<OneOrMore>,
    /// Its port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "variable", "examples" = ["DB_PORT"]))]
    pub port: Option<OneOrMore>,
    /// Who signs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "variable", "examples" = ["DB_USER"]))]
    pub user: Option<OneOrMore>,
    /// With which password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "variable", "examples" = ["DB_PASSWORD"]))]
    pub password: Option<OneOrMore>,
    /// Name of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "variable", "examples" = ["DB_NAME"]))]
    pub database: Option<OneOrMore>,
    /// Other parts that the type of database knows.
    #[serde(flatten)]
    pub others: BTreeMap<String, OneOrMore>,
}

/// One part, or several variables that hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore {
    /// The variable.
    Variable(String),
    /// Elsewhere.
    Param(Box<Param>),
    /// Several.
    Several(Vec<Item>),
}

/// One of several places of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("x-meaning" = "variable", "examples" = ["DB_HOST"]))]
pub enum Item {
    /// The variable.
    Variable(String),
    /// Elsewhere.
    Param(Box<Param>),
}

/// Where a part is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-name" = "param"))]
pub struct Param {
    /// The variable of the target that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "variable", "examples" = ["DB_HOST"]))]
    pub variable: Option<String>,
    /// The part itself, which counts instead of the variable's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["orders.staging"]))]
    pub value: Option<String>,
    /// Name of the Kubernetes secret that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["orders-database"]))]
    pub secret: Option<String>,
    /// Key in the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["password"]))]
    pub key: Option<String>,
    /// Variable by which the program is told the part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "variable", "examples" = ["DB_PASSWORD"]))]
    pub env_var_name: Option<String>,
    /// Regular expression whose first capture is the part in a longer text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "regex", "examples" = ["^([^:]+):"]))]
    pub pattern: Option<String>,
    /// Full name of the secret of Google Secret Manager that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["projects/shop/secrets/orders-password/versions/latest"]))]
    pub gcp_secret_manager: Option<String>,
}
