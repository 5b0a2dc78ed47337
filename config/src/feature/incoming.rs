//! Traffic that arrives at the target.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Traffic that arrives at the target, for the ports that the program listens on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-short" = { "true": { "mode": "mirror" }, "false": { "mode": "off" }, "text": "mode" }))]
pub struct Incoming {
    /// Whether the program gets a copy, takes over, or gets nothing.
    #[schemars(extend(
        "x-core" = true,
        "x-env" = [["MIRRORD_AGENT_TCP_STEAL_TRAFFIC", { "true": "steal", "false": "off" }]],
        "x-flag" = { "--steal": "steal" }
    ))]
    pub mode: IncomingMode,
    /// Only these remote ports; otherwise every port that the program listens on.
    #[schemars(
        with = "Option<Vec<Port>>",
        extend("x-core" = true, "x-short" = "list", "x-meaning" = "remote-port", "examples" = [[80, 8080]])
    )]
    pub ports: Option<Vec<u16>>,
    /// Local ports that are left alone. Not together with `ports`.
    #[schemars(
        with = "Vec<Port>",
        extend("x-core" = true, "x-short" = "list", "x-meaning" = "local-port", "examples" = [[9229]])
    )]
    pub ignore_ports: Vec<u16>,
    /// Pairs `[local, remote]`, one to one: a listener on the local port gets the traffic of the remote one.
    #[schemars(with = "Vec<(Port, Port)>", extend("x-core" = true, "x-meaning" = "port-pair", "examples" = [[[8080, 80]]]))]
    pub port_mapping: Vec<(u16, u16)>,
    /// Pairs `[asked, actual]`: the program asks for the first and really gets the second, or fails.
    #[schemars(with = "Vec<(Port, Port)>", extend("x-core" = true, "examples" = [[[80, 8080]]]))]
    pub listen_ports: Vec<(u16, u16)>,
    /// Whether listeners bound to loopback stay private.
    pub ignore_localhost: bool,
    /// Whether the probes of the kubelet are stolen too, instead of being answered by the target.
    #[schemars(extend("x-core" = true))]
    pub steal_probes: bool,
    /// Which HTTP requests concern the program; the target handles all others, and what is no HTTP. With `mode: steal`.
    #[schemars(extend("x-core" = true, "examples" = [{ "header_filter": "^x-session: me$" }]))]
    pub http_filter: Option<HttpFilter>,
    /// What happens when another session already steals the port.
    #[schemars(extend("x-core" = true, "x-tier" = "operator", "x-env" = "MIRRORD_OPERATOR_ON_CONCURRENT_STEAL"))]
    pub on_concurrent_steal: ConcurrentSteal,
    /// How stolen traffic that was TLS reaches the program.
    #[schemars(extend("x-tier" = "operator", "examples" = [{ "protocol": "tls", "trust_roots": ["certs/ca.pem"] }]))]
    pub tls_delivery: Option<TlsDelivery>,
    /// Old spelling of `tls_delivery`, with the same keys.
    #[schemars(extend(
        "x-tier" = "operator",
        "x-status" = { "deprecated": "tls_delivery" },
        "examples" = [{ "protocol": "tls", "trust_roots": ["certs/ca.pem"] }]
    ))]
    pub https_delivery: Option<TlsDelivery>,
}

/// What happens when another session already steals the port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConcurrentSteal {
    /// The other session loses the port.
    Override,
    /// Both sessions steal it.
    Continue,
    /// This session ends with an error.
    #[default]
    Abort,
}

/// How stolen traffic that was TLS reaches the program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsDelivery {
    /// Whether it is handed over as plain TCP or encrypted anew.
    pub protocol: TlsProtocol,
    /// PEM files, and folders of such, whose certificates are trusted. Not together with `server_cert`.
    #[schemars(extend("x-meaning" = "file", "examples" = [["certs/ca.pem"]]))]
    pub trust_roots: Option<Vec<String>>,
    /// PEM file with the chain that the program's server presents. Not together with `trust_roots`.
    #[schemars(extend("x-meaning" = "file", "examples" = ["certs/server.pem"]))]
    pub server_cert: Option<String>,
    /// Name to ask the program's server for; otherwise that of the certificate, of the client, or `localhost`.
    #[schemars(extend("examples" = ["shop.example.com"]))]
    pub server_name: Option<String>,
}

/// What stolen traffic that was TLS becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsProtocol {
    /// Plain TCP.
    Tcp,
    /// Encrypted anew.
    #[default]
    Tls,
}

/// What happens to traffic that arrives at the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IncomingMode {
    /// The program gets a copy and its answers are dropped; the target serves as before.
    #[default]
    Mirror,
    /// The program answers instead of the target.
    Steal,
    /// Nothing: listening stays local.
    Off,
}

/// Which HTTP requests concern the program. At most one filter; several conditions go into `all_of` or `any_of`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-short" = { "true": {}, "false": null }))]
pub struct HttpFilter {
    /// Regular expression over each `name: value` line, ignoring case.
    #[schemars(extend("x-core" = true, "x-meaning" = "regex", "x-env" = "MIRRORD_HTTP_HEADER_FILTER", "examples" = ["^x-session: me$"]))]
    pub header_filter: Option<String>,
    /// jq program over each header line; `true` matches.
    #[schemars(extend(
        "x-meaning" = "jq",
        "x-env" = "MIRRORD_HTTP_HEADER_FILTER_JQ",
        "examples" = ["startswith(\"x-session: \")"]
    ))]
    pub header_filter_jq: Option<String>,
    /// Regular expression over the path, then over the path with its query, ignoring case.
    #[schemars(extend("x-core" = true, "x-meaning" = "regex", "x-env" = "MIRRORD_HTTP_PATH_FILTER", "examples" = ["^/api/"]))]
    pub path_filter: Option<String>,
    /// Name of the method, in any case.
    #[schemars(extend("x-core" = true, "x-env" = "MIRRORD_HTTP_METHOD_FILTER", "examples" = ["GET", "POST"]))]
    pub method_filter: Option<String>,
    /// Condition on the body of a request.
    #[schemars(extend("x-core" = true, "examples" = [{ "body": "json", "query": "$.user.name", "matches": "^me$" }]))]
    pub body_filter: Option<BodyFilter>,
    /// Every condition must hold.
    #[schemars(with = "Option<Vec<ConditionKeys>>", extend("x-core" = true, "examples" = [[{ "header": "^x-session: me$" }, { "path": "^/api/" }]]))]
    pub all_of: Option<Vec<Condition>>,
    /// At least one condition must hold.
    #[schemars(with = "Option<Vec<ConditionKeys>>", extend("x-core" = true, "examples" = [[{ "header": "^x-session: me$" }, { "path": "^/api/" }]]))]
    pub any_of: Option<Vec<Condition>>,
    /// Ports under the filter; other subscribed ports are taken whole. Otherwise all ports are filtered.
    #[schemars(
        with = "Option<Vec<Port>>",
        extend(
            "x-core" = true,
            "x-short" = "list",
            "x-meaning" = "remote-port",
            "x-env" = "MIRRORD_HTTP_FILTER_PORTS",
            "examples" = [[80]]
        )
    )]
    pub ports: Option<Vec<u16>>,
}

/// What an [`HttpFilter`] demands of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// Nothing: every request matches.
    Nothing,
    /// All of these; never empty.
    All(Vec<Condition>),
    /// At least one of these; never empty.
    Any(Vec<Condition>),
}

impl HttpFilter {
    /// Its conditions in one form, whichever key they are written under.
    pub fn demand(&self) -> Demand {
        let Self { header_filter, header_filter_jq, path_filter, method_filter, body_filter, all_of, any_of, ports: _ } =
            self;
        if let Some(conditions) = any_of {
            return Demand::Any(conditions.clone());
        }
        let single = [
            header_filter.clone().map(Condition::Header),
            header_filter_jq.clone().map(Condition::HeaderJq),
            path_filter.clone().map(Condition::Path),
            method_filter.clone().map(Condition::Method),
            body_filter
                .clone()
                .map(|BodyFilter { body: BodyKind::Json, query, matches }| Condition::Body { query, matches }),
        ];
        let all: Vec<_> = single.into_iter().flatten().chain(all_of.iter().flatten().cloned()).collect();
        if all.is_empty() { Demand::Nothing } else { Demand::All(all) }
    }
}

/// Condition on the body of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyFilter {
    /// How the body is read.
    pub body: BodyKind,
    /// `JSONPath` that selects values of the body.
    #[schemars(extend("x-meaning" = "jsonpath", "examples" = ["$.user.name"]))]
    pub query: String,
    /// Regular expression for the selected values; without it, selecting anything is enough.
    #[schemars(extend("x-meaning" = "regex", "examples" = ["^me$"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
}

/// How a body is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BodyKind {
    /// As JSON.
    #[default]
    Json,
}

/// One condition on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ConditionKeys", into = "ConditionKeys")]
pub enum Condition {
    /// A regular expression matches a `name: value` line.
    Header(String),
    /// A jq program says `true` to a header line.
    HeaderJq(String),
    /// A regular expression matches the path.
    Path(String),
    /// The method has this name.
    Method(String),
    /// The JSON body has a value selected by `query` that `matches` matches.
    Body {
        /// `JSONPath`.
        query: String,
        /// Regular expression; `None`: any value will do.
        matches: Option<String>,
    },
}

/// A condition as it is written: one of `header`, `path`, `method`, `body` with `query`, or `query` alone.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-sets" = [["header"], ["path"], ["method"], ["query"], ["body", "query"], ["body", "query", "matches"]]))]
pub(crate) struct ConditionKeys {
    /// Regular expression over each `name: value` line, ignoring case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "regex", "examples" = ["^x-session: me$"]))]
    header: Option<String>,
    /// Regular expression over the path, then over the path with its query, ignoring case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "regex", "examples" = ["^/api/"]))]
    path: Option<String>,
    /// Name of the method, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["GET", "POST"]))]
    method: Option<String>,
    /// How the body is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<BodyKind>,
    /// With `body`: `JSONPath` that selects values. Alone: jq program over each header line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["startswith(\"x-session: \")", ".user.name"]))]
    query: Option<String>,
    /// With `body`: regular expression for the selected values.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-meaning" = "regex", "examples" = ["^me$"]))]
    matches: Option<String>,
}

impl TryFrom<ConditionKeys> for Condition {
    type Error = &'static str;

    fn try_from(keys: ConditionKeys) -> Result<Self, Self::Error> {
        let ConditionKeys { header, path, method, body, query, matches } = keys;
        match (header, path, method, body, query, matches) {
            (Some(header), None, None, None, None, None) => Ok(Condition::Header(header)),
            (None, Some(path), None, None, None, None) => Ok(Condition::Path(path)),
            (None, None, Some(method), None, None, None) => Ok(Condition::Method(method)),
            (None, None, None, Some(BodyKind::Json), Some(query), matches) => Ok(Condition::Body { query, matches }),
            (None, None, None, None, Some(query), None) => Ok(Condition::HeaderJq(query)),
            (None, None, None, None, None, None) => Err("an empty condition"),
            _ => Err(
                "a condition is one of `header`, `path`, `method`, `body` with `query` (and `matches`), or `query` alone",
            ),
        }
    }
}

impl From<Condition> for ConditionKeys {
    fn from(condition: Condition) -> Self {
        let empty = ConditionKeys::default();
        match condition {
            Condition::Header(header) => ConditionKeys { header: Some(header), ..empty },
            Condition::HeaderJq(query) => ConditionKeys { query: Some(query), ..empty },
            Condition::Path(path) => ConditionKeys { path: Some(path), ..empty },
            Condition::Method(method) => ConditionKeys { method: Some(method), ..empty },
            Condition::Body { query, matches } => {
                ConditionKeys { body: Some(BodyKind::Json), query: Some(query), matches, ..empty }
            }
        }
    }
}

/// A port in the schema: 1 to 65535.
pub(crate) struct Port;

impl JsonSchema for Port {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 1, "maximum": 65535 })
    }
}
