//! Our own methods: what is said in them. `editors/PROTOCOL.md` is their documentation, and a test compares the two.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use session::live::Scope;
use session::view::{State, View};

pub use crate::explain::Question;

/// Names of the requests that editors send us.
pub const REQUESTS: &[&str] = &[
    "mirrord/targets",
    "mirrord/start",
    "mirrord/stop",
    "mirrord/sessions",
    "mirrord/explain",
    "mirrord/config",
    "mirrord/setTarget",
];

/// Names of the notifications that we send.
pub const NOTIFICATIONS: &[&str] = &["mirrord/event", "mirrord/targetsChanged"];

/// Commands of `workspace/executeCommand`.
pub const COMMANDS: &[&str] = &["mirrord.stop"];

/// Where to look; what is left out is taken from the kubeconfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Where {
    /// Namespace to list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Kubeconfig files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<String>,
}

impl Where {
    /// The scope of views.
    pub fn scope(&self) -> Scope {
        let Self { namespace, context, kubeconfig } = self.clone();
        Scope { kubeconfig, context, namespace, ..Scope::default() }
    }
}

/// `mirrord/targets`: which targets are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Query {
    /// Where.
    #[serde(flatten)]
    pub place: Where,
    /// Kinds to list, as in target paths (`deployment`, `pod`); empty: all.
    pub types: Vec<String>,
    /// Letters that occur in a target's path in this order; the best matches come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Most targets of one answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Where the answer before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What could be stood in for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Targets {
    /// The targets of one namespace, workloads first.
    pub targets: Vec<Available>,
    /// How many there are in all.
    pub total: usize,
    /// What to ask with for the targets that follow, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The namespaces that the user may choose from; nothing when listing them is forbidden.
    pub namespaces: Option<Vec<String>>,
    /// The contexts of the kubeconfig.
    pub contexts: Option<Vec<String>>,
    /// The namespace of `targets`.
    pub current_namespace: Option<String>,
    /// The context that was asked.
    pub context: Option<String>,
}

/// One target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Available {
    /// As it is written in a configuration, without a container: `deployment/shop`.
    pub path: String,
    /// Where it lives.
    pub namespace: Option<String>,
    /// `deployment`, `pod`, …
    pub kind: String,
    /// Whether a pod of it is ready, as far as that is known.
    pub available: bool,
    /// Pods that are ready.
    pub ready: Option<u32>,
    /// Pods that there should be.
    pub desired: Option<u32>,
    /// The containers that can be stood in for, as far as they are known.
    pub containers: Vec<String>,
}

/// `mirrord/start`: the parts of a launch that a session needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Start {
    /// As `"mirrord"` in a launch configuration: `config` (a path or the configuration itself), `target`, `namespace`,
    /// `context`, `key`.
    pub mirrord: Value,
    /// Working directory of the program; otherwise the first folder of the workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Variables of the program beside the server's own; `null` removes one.
    pub env: BTreeMap<String, Option<String>>,
    /// A process that starts debug adapters, such as the editor: loopback ports that it or its descendants listen on
    /// stay this machine's, so that a debugger in the program finds its adapter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debugger: Option<u32>,
    /// For progress reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_done_token: Option<tower_lsp::lsp_types::NumberOrString>,
}

impl Start {
    /// The same as keys of a launch configuration.
    pub fn arguments(&self) -> serde_json::Map<String, Value> {
        let Self { mirrord, cwd, env, debugger: _, work_done_token: _ } = self;
        let mut arguments = serde_json::Map::new();
        arguments.insert("mirrord".to_owned(), mirrord.clone());
        arguments.extend(cwd.iter().map(|cwd| ("cwd".to_owned(), cwd.as_str().into())));
        let env = env.iter().map(|(name, value)| (name.clone(), value.as_deref().into()));
        arguments.insert("env".to_owned(), Value::Object(env.collect()));
        arguments
    }
}

/// What a launch has to apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Injection {
    /// Name of the session.
    pub session: String,
    /// Pod and container: `pod/x/container/c in namespace y`.
    pub target: String,
    /// Variables to set.
    pub set: BTreeMap<String, String>,
    /// Variables to remove.
    pub unset: Vec<String>,
    /// What may stand before the program's command line, and must where the program is static or made with Go.
    pub launcher: Vec<String>,
}

/// `mirrord/stop`: which session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// Its name.
    pub session: String,
}

/// `mirrord/sessions`: what runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sessions {
    /// The oldest first.
    pub sessions: Vec<View>,
}

/// States of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClusterState {
    /// The first answers are on their way.
    Loading,
    /// Live values are up to date.
    Ready,
    /// It cannot be asked; live values are those known last, or missing.
    Failed,
}

/// `mirrord/event`: something worth showing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The session that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum What {
    /// A session changed its state.
    State {
        /// The new one.
        state: State,
        /// Why, where there is a reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A step of a session's start.
    Step {
        /// In words.
        text: String,
    },
    /// The result may differ from what the user expects.
    Warning {
        /// A sentence.
        text: String,
    },
    /// Good to know.
    Info {
        /// A sentence.
        text: String,
    },
    /// A port of the target is subscribed for a listener of the program.
    Port {
        /// Port at the target.
        port: u16,
        /// Where the program listens.
        local: String,
        /// `mirror` or `steal`.
        mode: String,
        /// What requests must be like to reach the program, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    /// The cluster of a document can be asked now, or no more.
    Cluster {
        /// Context of the kubeconfig.
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<String>,
        /// The new state.
        state: ClusterState,
        /// Why, where there is a reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
}

/// The notification `mirrord/event`.
pub(super) enum EventNotification {}

impl tower_lsp::lsp_types::notification::Notification for EventNotification {
    type Params = Event;
    const METHOD: &'static str = NOTIFICATIONS[0];
}

/// The notification `mirrord/targetsChanged`: what was asked for before would be answered otherwise now.
pub(super) enum TargetsChanged {}

impl tower_lsp::lsp_types::notification::Notification for TargetsChanged {
    type Params = Where;
    const METHOD: &'static str = NOTIFICATIONS[1];
}

/// A document of ours that is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// An open document.
    pub uri: String,
}

/// `mirrord/explain`: would this be local or remote?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explain {
    /// An open document.
    pub uri: String,
    /// What is asked about.
    pub question: Question,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Explanation {
    /// In the order in which a program meets them.
    pub rulings: Vec<Ruling>,
}

/// One verdict and its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ruling {
    /// What it is about: `read`, `write`, `resolve`, `connect`, `send`, `listen`, `variable`.
    pub act: String,
    /// How it ends: `local`, `remote`, `not-found`, `depends`, `mirrored`, `stolen`, `set`, `removed`.
    pub outcome: String,
    /// The rule, in words.
    pub because: String,
    /// Pointer of the key that decided.
    pub pointer: Option<String>,
    /// Who wrote that key: `file`, `flag`, or the name of a variable.
    pub written: Option<String>,
    /// Where it stands, when the file wrote it.
    pub range: Option<tower_lsp::lsp_types::Range>,
}

/// `mirrord/config`: what a document means with everything that beats or completes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resolved {
    /// The whole configuration, defaults included; nothing while there are errors.
    pub config: Option<Value>,
    /// Who wrote each key that is no default, by pointer: `file`, `flag`, or the name of a variable.
    pub origins: BTreeMap<String, String>,
}

/// `mirrord/setTarget`: what a document shall say. What is left out stays as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetTarget {
    /// An open document.
    pub uri: String,
    /// Path of the target.
    pub target: String,
    /// Namespace of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}
