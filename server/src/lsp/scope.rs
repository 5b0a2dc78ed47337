//! Where a document looks: the cluster, namespace and target that a launch with it would have.

use config::document::Value;
use config::schema::language;
use config::{Document, Path, Target};
use session::live::Scope;

use super::documents::Snapshot;
use super::workspace::{self, Workspace};
use super::{known, tree};

/// The scope of a document. While the document has mistakes, what can be read of it counts.
pub(super) fn of(snapshot: &Snapshot, workspace: &Workspace) -> Scope {
    let loaded = snapshot.loaded(|snapshot| super::diagnostics::load(snapshot, workspace));
    let mut scope = match &loaded.config {
        Some(config) => Scope::of(config),
        None => of_tree(snapshot.document(), workspace),
    };
    let folder = workspace.folder(&snapshot.uri);
    let kubeconfig = scope.kubeconfig.as_deref().or(workspace.kubeconfig());
    scope.kubeconfig = kubeconfig.map(|files| workspace::expand(files, &folder));
    scope
}

fn of_tree(document: &Document, workspace: &Workspace) -> Scope {
    let variables = workspace.variables();
    let of_variable = |pointer: &str| {
        let names = language().at(pointer).map(|shape| shape.variables.as_slice()).unwrap_or_default();
        names.iter().find_map(|variable| variables.get(&variable.name).cloned())
    };
    let text = |pointer: &str| {
        let text = of_variable(pointer).or_else(|| tree::text(&document.root, pointer).map(str::to_owned));
        text.filter(|text| !text.is_empty())
    };
    let switch = |pointer: &str| match of_variable(pointer) {
        Some(text) => text.parse().ok(),
        None => match tree::find(&document.root, pointer)?.value {
            Value::Bool(on) => Some(on),
            _ => None,
        },
    };
    let target = match of_variable("/target/path") {
        Some(path) => Target::parse(&path).ok(),
        None => known::target(document).map(|named| named.target),
    };
    Scope {
        kubeconfig: text("/kubeconfig"),
        context: text("/kube_context"),
        namespace: text("/target/namespace"),
        target: target.as_ref().and_then(|target| named(&target.path)),
        accept_invalid_certificates: switch("/accept_invalid_certificates"),
        direct: switch("/use_proxy") == Some(false),
    }
}

fn named(path: &Path) -> Option<String> {
    (*path != Path::Targetless).then(|| path.to_string())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn check(text: &str, expected: Expect) {
        let variables = [("HOME".into(), "/home/me".into()), ("MIRRORD_KUBE_CONTEXT".into(), "staging".into())];
        let workspace = Workspace::new(variables.into(), "/here".into());
        let snapshot = Snapshot::new("file:///work/.mirrord/mirrord.json", 1, text.to_owned());
        let Scope { kubeconfig, context, namespace, target, .. } = of(&snapshot, &workspace);
        let parts = [kubeconfig, context, namespace, target].map(|part| part.unwrap_or_else(|| "-".to_owned()));
        expected.assert_eq(&parts.join(" "));
    }

    #[test]
    fn it_is_that_of_a_launch() {
        check("{}", expect![[r#"- staging - -"#]]);
        check(
            r#"{"kube_context": "dev", "kubeconfig": "${workspaceFolder}/kube:~/.kube/config", "target": "deploy/x"}"#,
            expect!["/work/kube:~/.kube/config staging - deployment/x"],
        );
        check(r#"{"target": {"pod": "p", "namespace": "n"}}"#, expect!["- staging n pod/p"]);
        check(r#"{"target": {"path": {"pod": "p", "container": "c"}}}"#, expect!["- staging - pod/p"]);
        check(r#"{"target": {"path": "targetless", "namespace": "n"}}"#, expect!["- staging n -"]);
    }

    #[test]
    fn it_is_read_from_a_document_with_mistakes_as_well() {
        check(
            r#"{"nonsense": 1, "target": {"path": "label/app=x/container/c", "namespace": "n"}}"#,
            expect!["- staging n label/app=x"],
        );
        check(r#"{"kubeconfig": "/k", "target": {"cron_job": "c", "#, expect!["/k staging - cronjob/c"]);
        check(r#"{"target": "deploy"#, expect!["- staging - -"]);
        check(r#"[1]"#, expect!["- staging - -"]);
    }
}
