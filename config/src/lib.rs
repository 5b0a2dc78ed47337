//! The language of `.mirrord/mirrord.json`: from text, variables and flags to a checked [`Config`], or to a list of
//! [`Problem`]s.
//!
//! ```text
//! text ──document──▶ tree with positions ──shape──▶ canonical values ──merge──▶ Config ──check──▶ rules between keys
//!                                            ▲                           ▲
//!                                     schema (from our types)    variables, flags
//! ```
//!
//! The crate is pure: environment and flags are arguments.

pub mod agent;
mod check;
pub mod compile;
pub mod document;
pub mod feature;
mod merge;
pub mod presets;
pub mod problem;
mod repair;
pub mod schema;
mod shape;
pub mod target;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use agent::{Agent, Ephemeral};
pub use document::{Document, Span};
pub use feature::{Dns, Env, Feature, Filter, Fs, FsMode, HttpFilter, Incoming, IncomingMode, Network, Outgoing};
pub use problem::{Code, Edit, Fix, Problem, Severity};
use repair::Repair;
pub use schema::schema;
use shape::Findings;
pub use target::{Kind, Path, Target};

/// Everything that a session is told. Equal to what an empty file means by `Config::default()`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(
    description = "Lets a local program behave as if it ran in a Kubernetes pod: whom it stands in for, and what it takes from there.",
    extend(
        "x-later" = {
            "api": "Serve the status of the session on a local socket.",
            "baggage": "OpenTelemetry context for the operator.",
            "ci": "Behaviour in pipelines.",
            "container": "Programs that run in local containers.",
            "experimental": "Switches that may go away.",
            "external_proxy": "The helper beside local containers.",
            "internal_proxy": "The local process between program and agent.",
            "multi_cluster": "Force or forbid spanning clusters.",
            "profile": "Named profile of the cluster, merged in.",
            "startup_retry": "Retries while a session starts.",
            "traceparent": "OpenTelemetry context for the operator."
        },
        "x-ignored" = {
            "sip_binaries": "More programs for the macOS work-around.",
            "skip_sip": "Programs without the macOS work-around."
        },
        "x-removed" = ["connect_tcp"]
    )
)]
pub struct Config {
    /// Whom in the cluster the program stands in for. Without it, an editor asks and a terminal runs targetless.
    #[schemars(extend("examples" = ["deployment/my-app", { "path": "deployment/my-app", "namespace": "staging" }]))]
    pub target: Option<Target>,
    /// What the program takes from the cluster.
    pub feature: Feature,
    /// How the agent, our program in the cluster, is started and behaves.
    pub agent: Agent,
    /// Name of the session; otherwise five random hexadecimal digits.
    #[schemars(extend("x-env" = "MIRRORD_KEY"))]
    pub key: Option<String>,
    /// Kubeconfig files, separated by `:`; `~` and `$VAR` are expanded. Otherwise `KUBECONFIG`, `~/.kube/config`, or
    /// the pod's own account.
    #[schemars(extend("x-meaning" = "file", "x-env" = "MIRRORD_KUBECONFIG"))]
    pub kubeconfig: Option<String>,
    /// Context of the kubeconfig; otherwise its current one.
    #[schemars(extend("x-meaning" = "context", "x-env" = "MIRRORD_KUBE_CONTEXT"))]
    pub kube_context: Option<String>,
    /// Whether the API server's certificate goes unverified; otherwise as the kubeconfig says.
    #[schemars(extend("x-env" = "MIRRORD_ACCEPT_INVALID_CERTIFICATES"))]
    pub accept_invalid_certificates: Option<bool>,
    /// Whether the operator is used: `true` insists, `false` never asks; otherwise it is used when there is one.
    #[schemars(extend("x-env" = "MIRRORD_OPERATOR_ENABLE"))]
    pub operator: Option<bool>,
    /// Programs to leave alone, by exact name.
    #[schemars(extend("x-short" = "list", "x-env" = "MIRRORD_SKIP_PROCESSES", "examples" = [["bash", "node"]]))]
    pub skip_processes: Vec<String>,
    /// Whether compilers and build drivers are left alone.
    #[schemars(extend("x-env" = "MIRRORD_SKIP_BUILD_TOOLS"))]
    pub skip_build_tools: bool,
    /// More names of build tools.
    #[schemars(extend("x-short" = "list", "x-env" = "MIRRORD_SKIP_EXTRA_BUILD_TOOLS"))]
    pub skip_extra_build_tools: Vec<String>,
    /// Accepted without effect: nothing is ever sent.
    #[schemars(extend("x-env" = "MIRRORD_TELEMETRY", "x-status" = "no-effect"))]
    pub telemetry: bool,
    /// Whether `HTTP_PROXY` and `HTTPS_PROXY` apply to our own requests to the cluster.
    #[schemars(extend("x-env" = "MIRRORD_PROXY"))]
    pub use_proxy: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            target: None,
            feature: Feature::default(),
            agent: Agent::default(),
            key: None,
            kubeconfig: None,
            kube_context: None,
            accept_invalid_certificates: None,
            operator: None,
            skip_processes: Vec::new(),
            skip_build_tools: true,
            skip_extra_build_tools: Vec::new(),
            telemetry: true,
            use_proxy: true,
        }
    }
}

/// A configuration file.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its path, for messages; the extension tells the syntax.
    pub name: &'a str,
    /// Its content.
    pub text: &'a str,
}

/// What beats the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The environment; only the variables of the language are looked at.
    pub env: BTreeMap<String, String>,
    /// Values of flags by the canonical JSON pointer of their key, such as `/target/path` or `/feature/fs/mode`.
    /// They beat the environment; shorthand forms are allowed.
    pub flags: Vec<(String, serde_json::Value)>,
    /// Whether the user is still going to be asked for a target, so that its absence is no mistake.
    pub target_pending: bool,
    /// Branch of the working directory, for templates; `None` on a detached head and outside of a repository.
    pub git_branch: Option<String>,
    /// Key of the session if nobody names one: random, made by the caller.
    pub random_key: Option<String>,
    /// Whether the text is being edited: template expressions whose names have no value here are no mistakes, as the
    /// launch may have other variables.
    pub editing: bool,
}

/// What came of loading.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration; `None` when there is an error.
    pub config: Option<Config>,
    /// What could be read, mistaken keys at their defaults: for editors, never for a launch.
    pub readable: Option<Config>,
    /// Everything wrong, in the order of the text.
    pub problems: Vec<Problem>,
    /// Every key that the user wrote, with shorthands expanded.
    pub written: Vec<WrittenKey>,
}

/// A key that somebody wrote, as opposed to a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenKey {
    /// Canonical pointer: `"fs": "read"` writes `/feature/fs/mode`. Lists and free mappings are one key.
    pub pointer: String,
    /// Where its value stands; empty at 0 for variables and flags.
    pub span: Span,
    /// Who wrote it.
    pub origin: Origin,
}

/// Who wrote a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file.
    File,
    /// The environment variable of this name.
    Variable(String),
    /// A flag.
    Flag,
}

impl Loaded {
    /// Whether the user wrote the key at a canonical pointer, or one below it.
    pub fn is_written(&self, pointer: &str) -> bool {
        self.written.iter().any(|key| is_at_or_below(&key.pointer, pointer))
    }
}

/// Reads the file, lays variables and flags over it, and checks everything. All problems are found in one pass.
pub fn load(source: Option<Source<'_>>, overrides: &Overrides) -> Loaded {
    let document = source.map(|source| Document::parse(source.name, source.text));
    let file = document.as_ref().zip(source).map(|(document, source)| Repair { document, text: source.text });
    let mut findings = Findings::default();
    findings.problems.extend(document.iter().flat_map(|document| document.problems.iter().cloned()));
    let value = merge::merge(file, overrides, &mut findings);
    let mut config = None;
    match serde_json::from_value::<Config>(value) {
        Ok(mut candidate) => {
            let context = check::Context { file, findings: &findings, target_pending: overrides.target_pending };
            let broken = check::check(&candidate, &context);
            presets::apply(&mut candidate, &findings.written, &overrides.env);
            findings.problems.extend(broken);
            config = Some(candidate);
        }
        Err(error) => findings.problems.push(
            Problem::new(Code::BadValue, "", Span::default(), error.to_string())
                .help("our own check should have found this: please report it with the file"),
        ),
    }
    let Findings { mut problems, written, unknown: _ } = findings;
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    let readable = config;
    let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
    Loaded { config: readable.clone().filter(|_| sound), readable, problems, written }
}

/// Whether `pointer` is `ancestor` or lies below it.
fn is_at_or_below(pointer: &str, ancestor: &str) -> bool {
    pointer.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
