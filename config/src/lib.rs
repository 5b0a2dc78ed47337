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
pub mod container;
pub mod document;
mod duration;
pub mod experimental;
pub mod feature;
pub mod manual;
mod merge;
pub mod operator;
pub mod presets;
pub mod problem;
pub mod proxies;
mod repair;
pub mod schema;
mod shape;
pub mod target;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use agent::{Agent, Ephemeral};
pub use container::{Ci, Container};
use document::Templates;
pub use document::{Document, Span};
pub use experimental::Experimental;
pub use feature::{Dns, Env, Feature, Filter, Fs, FsMode, HttpFilter, Incoming, IncomingMode, Network, Outgoing};
pub use manual::manual;
pub use problem::{Code, Edit, Fix, Problem, Severity};
pub use proxies::{ExternalProxy, InternalProxy, StartupRetry};
use repair::Repair;
pub use schema::schema;
use shape::Findings;
pub use target::{Kind, Path, Target};

/// Everything that a session is told. `Config::default()` is what an empty file means, before [`presets`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(
    description = "Lets a local program behave as if it ran in a Kubernetes pod: whom it stands in for, and what it takes from there.",
    extend("x-removed" = ["connect_tcp"])
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the language")]
pub struct Config {
    /// Whom in the cluster the program stands in for. Without it, an editor asks and a terminal runs targetless.
    #[schemars(extend("x-core" = true, "examples" = ["deployment/my-app", { "path": "deployment/my-app", "namespace": "staging" }]))]
    pub target: Option<Target>,
    /// What the program takes from the cluster.
    #[schemars(extend("x-core" = true, "examples" = [{ "network": { "incoming": "steal" }, "fs": "read" }]))]
    pub feature: Feature,
    /// How the agent, our program in the cluster, is started and behaves.
    #[schemars(extend("x-core" = true, "examples" = [{ "namespace": "tools", "startup_timeout": 120 }]))]
    pub agent: Agent,
    /// Name of the session; otherwise five random hexadecimal digits. Templates know it as `{{ key }}`.
    #[schemars(extend("x-core" = true, "x-env" = "MIRRORD_KEY", "x-flag" = "-k --key", "examples" = ["my-feature"]))]
    pub key: Option<String>,
    /// Kubeconfig files, separated by `:`; `~` and `$VAR` are expanded. Otherwise `KUBECONFIG`, `~/.kube/config`, or
    /// the pod's own account.
    #[schemars(extend("x-core" = true, "x-meaning" = "file", "x-env" = "MIRRORD_KUBECONFIG", "examples" = ["~/.kube/staging"]))]
    pub kubeconfig: Option<String>,
    /// Context of the kubeconfig; otherwise its current one.
    #[schemars(extend(
        "x-core" = true,
        "x-meaning" = "context",
        "x-env" = "MIRRORD_KUBE_CONTEXT",
        "x-flag" = "--context",
        "examples" = ["staging"]
    ))]
    pub kube_context: Option<String>,
    /// Whether the API server's certificate goes unverified; otherwise as the kubeconfig says.
    #[schemars(extend(
        "x-core" = true,
        "x-env" = "MIRRORD_ACCEPT_INVALID_CERTIFICATES",
        "x-flag" = "-c --accept-invalid-certificates"
    ))]
    pub accept_invalid_certificates: Option<bool>,
    /// Whether the operator is used: `true` insists, `false` never asks; otherwise it is used when there is one.
    #[schemars(extend("x-core" = true, "x-env" = "MIRRORD_OPERATOR_ENABLE"))]
    pub operator: Option<bool>,
    /// Profile `[namespace/]name` of the cluster that is merged into this file.
    #[schemars(extend("x-core" = true, "x-tier" = "operator", "examples" = ["shared", "platform/shared"]))]
    pub profile: Option<String>,
    /// Whether the session may span clusters through a primary operator: forces or forbids it.
    #[schemars(extend("x-tier" = "operator", "x-env" = "MIRRORD_MULTI_CLUSTER"))]
    pub multi_cluster: Option<bool>,
    /// OpenTelemetry baggage that goes to the operator.
    #[schemars(extend("x-tier" = "operator", "x-env" = "BAGGAGE", "examples" = ["team=shop"]))]
    pub baggage: Option<String>,
    /// OpenTelemetry trace context that goes to the operator.
    #[schemars(extend(
        "x-tier" = "operator",
        "x-env" = "TRACEPARENT",
        "examples" = ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]
    ))]
    pub traceparent: Option<String>,
    /// Whether the status of the session is served on `~/.mirrord/sessions/<id>.sock`.
    #[schemars(extend("x-env" = "MIRRORD_API"))]
    pub api: bool,
    /// Programs to leave alone, by exact name of the executable.
    #[schemars(extend(
        "x-core" = true,
        "x-short" = "list",
        "x-env" = "MIRRORD_SKIP_PROCESSES",
        "x-flag" = "--skip-processes",
        "examples" = [["bash", "node"]]
    ))]
    pub skip_processes: Vec<String>,
    /// Whether compilers and build drivers are left alone.
    #[schemars(extend("x-core" = true, "x-env" = "MIRRORD_SKIP_BUILD_TOOLS"))]
    pub skip_build_tools: bool,
    /// More names of build tools.
    #[schemars(extend("x-short" = "list", "x-env" = "MIRRORD_SKIP_EXTRA_BUILD_TOOLS", "examples" = [["bazel"]]))]
    pub skip_extra_build_tools: Vec<String>,
    /// More programs that macOS would protect from us.
    #[schemars(extend(
        "x-short" = "list",
        "x-status" = { "no-effect": "it concerns macOS" },
        "examples" = [["bash"]]
    ))]
    pub sip_binaries: Vec<String>,
    /// Programs that keep the protection of macOS.
    #[schemars(extend(
        "x-short" = "list",
        "x-env" = "MIRRORD_SKIP_SIP",
        "x-status" = { "no-effect": "it concerns macOS" },
        "examples" = [["git"]]
    ))]
    pub skip_sip: Vec<String>,
    /// Whether use may be reported to the maker.
    #[schemars(extend(
        "x-core" = true,
        "x-env" = "MIRRORD_TELEMETRY",
        "x-flag" = { "--no-telemetry": false },
        "x-status" = { "no-effect": "nothing is ever sent" }
    ))]
    pub telemetry: bool,
    /// Whether `HTTP_PROXY` and `HTTPS_PROXY` apply to our own requests to the cluster.
    #[schemars(extend("x-core" = true, "x-env" = "MIRRORD_PROXY"))]
    pub use_proxy: bool,
    /// The process between the program and the agent, which is the session itself.
    pub internal_proxy: InternalProxy,
    /// The helper on this machine that programs in local containers talk to.
    pub external_proxy: ExternalProxy,
    /// How often the start of a session is tried again, and when.
    pub startup_retry: StartupRetry,
    /// Programs that run in local containers.
    #[schemars(extend("x-status" = "unstable"))]
    pub container: Container,
    /// Sessions in pipelines.
    pub ci: Ci,
    /// Switches that files of other versions carry; they may go away.
    pub experimental: Experimental,
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
            profile: None,
            multi_cluster: None,
            baggage: None,
            traceparent: None,
            api: true,
            skip_processes: Vec::new(),
            skip_build_tools: true,
            skip_extra_build_tools: Vec::new(),
            sip_binaries: Vec::new(),
            skip_sip: vec!["git".to_owned()],
            telemetry: true,
            use_proxy: true,
            internal_proxy: InternalProxy::default(),
            external_proxy: ExternalProxy::default(),
            startup_retry: StartupRetry::default(),
            container: Container::default(),
            ci: Ci::default(),
            experimental: Experimental::default(),
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
    let (document, key) = read(source, overrides);
    let file = document.as_ref().zip(source).map(|(document, source)| Repair { document, text: source.text });
    let mut findings = Findings::default();
    findings.problems.extend(document.iter().flat_map(|document| document.problems.iter().cloned()));
    let value = merge::merge(file, overrides, &mut findings);
    let mut config = None;
    match serde_json::from_value::<Config>(value) {
        Ok(mut candidate) => {
            let context = check::Context { file, findings: &findings, target_pending: overrides.target_pending };
            let broken = check::check(&candidate, &context);
            candidate.key = candidate.key.or(key);
            presets::apply(&mut candidate, &overrides.env);
            findings.problems.extend(broken);
            config = Some(candidate);
        }
        // Each value is right by itself: only values of different origins can fail together.
        Err(error) if findings.written.iter().any(|key| key.origin != Origin::File) => findings.problems.push(
            Problem::new(Code::BadVariable, "", Span::default(), error.to_string())
                .help("variables and flags do not go together with the rest: leave one out"),
        ),
        Err(error) => findings.problems.push(
            Problem::new(Code::BadValue, "", Span::default(), error.to_string())
                .help("our own check should have found this: please report it with the file"),
        ),
    }
    let Findings { problems, written, .. } = findings;
    let hints = operator::hints(&written, config.as_ref(), document.as_ref());
    let explain = |problem| match &document {
        Some(document) => document.explain(problem),
        None => Some(problem),
    };
    let mut problems: Vec<_> = problems.into_iter().chain(hints).filter_map(explain).collect();
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    let readable = config;
    let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
    Loaded { config: readable.clone().filter(|_| sound), readable, problems, written }
}

/// The document with its templates rendered, and the key of the session: a flag's, a variable's, the file's, a random
/// one.
fn read(source: Option<Source<'_>>, overrides: &Overrides) -> (Option<Document>, Option<String>) {
    let variable = |name: &str| overrides.env.get(name).filter(|value| !value.is_empty()).map(String::as_str);
    let names = Templates {
        key: None,
        git_branch: variable("MIRRORD_BRANCH_NAME").or(overrides.git_branch.as_deref()),
        env: &overrides.env,
        editing: overrides.editing,
    };
    let flag = overrides.flags.iter().rfind(|(pointer, _)| pointer == "/key").and_then(|(_, value)| value.as_str());
    let given = flag.or(variable("MIRRORD_KEY")).map(str::to_owned);
    let own = if given.is_some() {
        Ok(None)
    } else {
        source.map_or(Ok(None), |source| Document::session_key(source, &names))
    };
    let (own, problem) = own.map_or_else(|problem| (None, Some(problem)), |own| (own, None));
    let key = given.or(own).or_else(|| overrides.random_key.clone());
    let mut document = source.map(|source| Document::render(source, &Templates { key: key.as_deref(), ..names }));
    if let Some(document) = &mut document {
        document.problems.extend(problem);
    }
    (document, key)
}

/// Whether `pointer` is `ancestor` or lies below it.
fn is_at_or_below(pointer: &str, ancestor: &str) -> bool {
    pointer.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
