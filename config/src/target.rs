//! Whom the program stands in for: the grammar of target paths.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{Node, Value};
use crate::problem::Code;

/// Whom in the cluster the program stands in for, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Target {
    /// Whom; [`Path::Targetless`] when only a namespace is written.
    pub path: Path,
    /// Container of the pod; `None`: the session picks its main one.
    pub container: Option<String>,
    /// Namespace; `None`: that of the kube context.
    pub namespace: Option<String>,
}

/// What a target path names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// Nobody: an agent of its own.
    Targetless,
    /// A pod, or a pod of a workload.
    Object {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// A pod that has all of these labels; at least one.
    Labels(BTreeMap<String, String>),
}

/// Kinds of Kubernetes objects that lead to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are those of Kubernetes")]
pub enum Kind {
    Deployment,
    Pod,
    Rollout,
    Job,
    CronJob,
    StatefulSet,
    Service,
    ReplicaSet,
}

/// Why a target path is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct TargetError {
    /// `target-syntax`, `target-several` or `label-empty`.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub help: String,
    /// The path that was probably meant.
    pub meant: Option<String>,
}

/// All target paths, as a regular expression for other checkers of the schema.
pub const PATTERN: &str = "^(targetless|(deployment|deploy|pod|rollout|job|cronjob|statefulset|service|replicaset)/[^/]+(/container/[^/]+)?\
|label/[^/=,]+=[^=,]*(,[^/=,]+=[^=,]*)*)$";

const GRAMMAR: &str = "write targetless, KIND/NAME, KIND/NAME/container/NAME or label/KEY=VALUE";

impl Kind {
    /// All kinds, in the order in which they are listed to users.
    pub const ALL: [Kind; 8] = [
        Kind::Deployment,
        Kind::Rollout,
        Kind::StatefulSet,
        Kind::CronJob,
        Kind::Job,
        Kind::Pod,
        Kind::Service,
        Kind::ReplicaSet,
    ];

    /// As it stands in a path.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Deployment => "deployment",
            Kind::Pod => "pod",
            Kind::Rollout => "rollout",
            Kind::Job => "job",
            Kind::CronJob => "cronjob",
            Kind::StatefulSet => "statefulset",
            Kind::Service => "service",
            Kind::ReplicaSet => "replicaset",
        }
    }

    /// As it stands in the object form.
    pub fn key(self) -> &'static str {
        match self {
            Kind::CronJob => "cron_job",
            Kind::StatefulSet => "stateful_set",
            Kind::ReplicaSet => "replica_set",
            _ => self.as_str(),
        }
    }

    fn parse(word: &str) -> Option<Kind> {
        if word == "deploy" {
            return Some(Kind::Deployment);
        }
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Target {
    /// The target of a path such as `deploy/shop/container/web`, without a namespace.
    pub fn parse(path: &str) -> Result<Target, TargetError> {
        let (path, container) = parse(path)?;
        Ok(Target { path, container, namespace: None })
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(path: &str) -> Result<Self, TargetError> {
        Self::parse(path)
    }
}

impl fmt::Display for Target {
    /// The path, without the namespace. A deployment is always `deployment/…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, container, namespace: _ } = self;
        write!(f, "{path}")?;
        match container {
            Some(container) => write!(f, "/container/{container}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Targetless => f.write_str("targetless"),
            Path::Object { kind, name } => write!(f, "{kind}/{name}"),
            Path::Labels(labels) => {
                let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                write!(f, "label/{}", pairs.join(","))
            }
        }
    }
}

fn parse(text: &str) -> Result<(Path, Option<String>), TargetError> {
    if text == "targetless" {
        return Ok((Path::Targetless, None));
    }
    let Some((head, rest)) = text.split_once('/') else {
        let message = if text.is_empty() { "an empty target".to_owned() } else { format!("`{text}` has no kind") };
        return Err(syntax(
            message,
            format!("{GRAMMAR}; perhaps deployment/{}", if text.is_empty() { "NAME" } else { text }),
        ));
    };
    if head == "label" {
        return labels(rest);
    }
    let kind = Kind::parse(head).ok_or_else(|| unknown_kind(head, rest))?;
    let (name, container) = container(rest)?;
    if name.is_empty() || name.contains('/') {
        return Err(syntax(format!("`{rest}` is not the name of a {kind}"), GRAMMAR.to_owned()));
    }
    Ok((Path::Object { kind, name: name.to_owned() }, container))
}

/// Splits `NAME[/container/NAME]`. Label keys may contain slashes, so the last marker counts.
fn container(text: &str) -> Result<(&str, Option<String>), TargetError> {
    match text.rsplit_once("/container/") {
        Some((_, name)) if name.is_empty() || name.contains('/') => {
            Err(syntax(format!("`{name}` is not the name of a container"), GRAMMAR.to_owned()))
        }
        Some((name, container)) => Ok((name, Some(container.to_owned()))),
        None => Ok((text, None)),
    }
}

fn labels(text: &str) -> Result<(Path, Option<String>), TargetError> {
    let (pairs, container) = container(text)?;
    let mut labels = BTreeMap::new();
    for pair in pairs.split(',').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.contains('=') => {
                labels.insert(key.to_owned(), value.to_owned())
            }
            _ => return Err(syntax(format!("`{pair}` is not a label"), "write label/KEY=VALUE".to_owned())),
        };
    }
    if labels.is_empty() {
        return Err(empty_labels());
    }
    Ok((Path::Labels(labels), container))
}

fn syntax(message: String, help: String) -> TargetError {
    TargetError { code: Code::TargetSyntax, message, help, meant: None }
}

fn empty_labels() -> TargetError {
    TargetError {
        code: Code::LabelEmpty,
        message: "a label target without a label".into(),
        help: "write label/KEY=VALUE".into(),
        meant: None,
    }
}

fn unknown_kind(word: &str, rest: &str) -> TargetError {
    let kinds = Kind::ALL.map(Kind::as_str);
    let near = crate::shape::nearest(word, kinds);
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("kinds are {} and label", kinds.join(", ")),
    };
    let meant = near.map(|near| format!("{near}/{rest}"));
    TargetError { meant, ..syntax(format!("`{word}` is not a kind of target"), help) }
}

/// The path that the object form stands for, as text.
///
/// `None` when `node` is not an object, or has a part of a wrong type, which the check by type reports.
pub(crate) fn from_object(node: &Node) -> Option<Result<String, TargetError>> {
    let Value::Object(entries) = &node.value else { return None };
    let mut heads = Vec::new();
    let mut container = String::new();
    for entry in entries {
        match (&entry.value.value, entry.key.as_str()) {
            (Value::Null, _) => {}
            (Value::String(name), "container") => container = format!("/container/{name}"),
            (Value::Object(labels), "labels") => {
                let mut pairs = Vec::new();
                for label in labels {
                    match &label.value.value {
                        Value::String(value) => pairs.push(format!("{}={value}", label.key)),
                        Value::Null => {}
                        _ => return None,
                    }
                }
                heads.push(format!("label/{}", pairs.join(",")));
            }
            (Value::String(name), key) => {
                let kind = Kind::ALL.into_iter().find(|kind| kind.key() == key)?;
                heads.push(format!("{kind}/{name}"));
            }
            _ => return None,
        }
    }
    Some(match heads.as_slice() {
        [head] => Ok(format!("{head}{container}")),
        [] => Err(syntax("a target without a kind".to_owned(), "write {\"deployment\": \"NAME\"}".to_owned())),
        several => Err(TargetError {
            code: Code::TargetSeveral,
            message: format!("{} targets at once", several.len()),
            help: "keep one".to_owned(),
            meant: None,
        }),
    })
}

/// The keys as they are written, after shorthands are expanded.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "target"))]
struct Written {
    /// Whom the program stands in for: `targetless`, `KIND/NAME`, `KIND/NAME/container/NAME` or `label/KEY=VALUE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "x-core" = true,
        "x-short" = "path",
        "x-meaning" = "target-path",
        "x-env" = "MIRRORD_IMPERSONATED_TARGET",
        "x-flag" = "-t --target",
        "examples" = ["deployment/my-app", "pod/my-app-7d9/container/web", "label/app=shop", "targetless"]
    ))]
    path: Option<String>,
    /// Namespace of the target; of the agent when there is no target. Otherwise that of the kube context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "x-core" = true,
        "x-meaning" = "namespace",
        "x-env" = "MIRRORD_TARGET_NAMESPACE",
        "x-flag" = "-n --target-namespace",
        "examples" = ["staging"]
    ))]
    namespace: Option<String>,
}

impl TryFrom<Written> for Target {
    type Error = TargetError;

    fn try_from(Written { path, namespace }: Written) -> Result<Self, TargetError> {
        let (path, container) = path.as_deref().map_or(Ok((Path::Targetless, None)), parse)?;
        Ok(Target { path, container, namespace })
    }
}

impl From<Target> for Written {
    fn from(target: Target) -> Self {
        Written { path: Some(target.to_string()), namespace: target.namespace }
    }
}

impl JsonSchema for Target {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_printed_in_their_long_form() {
        for (written, printed) in [
            ("targetless", "targetless"),
            ("deploy/shop", "deployment/shop"),
            ("pod/a/container/b", "pod/a/container/b"),
            ("label/b=2,a=1", "label/a=1,b=2"),
            ("label/app.kubernetes.io/name=shop/container/web", "label/app.kubernetes.io/name=shop/container/web"),
        ] {
            assert_eq!(Target::parse(written).map(|target| target.to_string()), Ok(printed.to_owned()), "{written}");
        }
    }

    #[test]
    fn other_paths_say_what_is_wrong() {
        for (written, message) in [
            (
                "",
                "an empty target; write targetless, KIND/NAME, KIND/NAME/container/NAME or label/KEY=VALUE; perhaps deployment/NAME",
            ),
            (
                "shop",
                "`shop` has no kind; write targetless, KIND/NAME, KIND/NAME/container/NAME or label/KEY=VALUE; perhaps deployment/shop",
            ),
            ("deploymnt/shop", "`deploymnt` is not a kind of target; did you mean `deployment`?"),
            (
                "pod/",
                "`` is not the name of a pod; write targetless, KIND/NAME, KIND/NAME/container/NAME or label/KEY=VALUE",
            ),
            (
                "pod/a/container/",
                "`` is not the name of a container; write targetless, KIND/NAME, KIND/NAME/container/NAME or label/KEY=VALUE",
            ),
            ("label/", "a label target without a label; write label/KEY=VALUE"),
            ("label/app", "`app` is not a label; write label/KEY=VALUE"),
        ] {
            assert_eq!(Target::parse(written).map_err(|error| error.to_string()), Err(message.to_owned()), "{written}");
        }
    }
}
