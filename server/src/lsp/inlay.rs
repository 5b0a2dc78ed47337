//! What a value comes to, shown behind it.

use std::collections::BTreeMap;

use config::document::{Document, Value};
use config::{Kind, Path, Target};
use session::live::View;

use super::hover::in_effect;
use super::{known, tree};

/// A note behind a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The byte behind which it is shown.
    pub offset: usize,
    /// What it says.
    pub label: String,
    /// More, when the mouse is on it.
    pub tooltip: String,
}

/// The pod that a workload resolves to, and the values that `variables` override.
pub fn hints(document: &Document, view: &View, variables: &BTreeMap<String, String>) -> Vec<Hint> {
    let mut hints: Vec<Hint> = pod(document, view).into_iter().collect();
    tree::walk(document, &mut |shape, node| {
        if matches!(node.value, Value::Object(_) | Value::Broken) {
            return;
        }
        if let Some((variable, value)) = in_effect(shape, &node.value, variables) {
            let label = format!("{variable}={value}");
            let tooltip = format!("The variable {variable} of the environment beats what is written here.");
            hints.push(Hint { offset: node.span.end, label, tooltip });
        }
    });
    hints.sort_by_key(|hint| hint.offset);
    hints
}

fn pod(document: &Document, view: &View) -> Option<Hint> {
    let named = known::target(document)?;
    let path = Target { container: None, ..named.target.clone() }.to_string();
    let detail = view.target.as_deref().filter(|detail| detail.path == path)?;
    if matches!(named.target.path, Path::Targetless | Path::Object { kind: Kind::Pod, .. }) {
        return None;
    }
    let pod = detail.pods.first()?;
    let others = match detail.pods.len() - 1 {
        0 => String::new(),
        others => format!(", {others} more"),
    };
    let state = known::state(pod);
    let tooltip = if state.is_empty() { pod.name.clone() } else { format!("{}: {state}", pod.name) };
    // Behind the name in the object form, not behind the whole object.
    let offset = match &named.node.value {
        Value::Object(entries) => {
            let kind = entries.iter().find(|entry| Kind::ALL.iter().any(|kind| kind.key() == entry.key))?;
            kind.value.span.end
        }
        _ => named.node.span.end,
    };
    Some(Hint { offset, label: format!("{}{others}", pod.name), tooltip })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

    use expect_test::expect;

    use super::*;
    use crate::lsp::tests::cluster;

    #[test]
    fn pods_and_overrides_stand_behind_their_values() {
        let variables = [("MIRRORD_FILE_MODE", "local"), ("MIRRORD_AGENT_TTL", "9"), ("MIRRORD_KEY", "")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let mut told = String::new();
        for (name, text) in [
            ("mirrord.json", r#"{"target": "deployment/cart/container/web", "feature": {"fs": "read"}, "key": "x"}"#),
            ("mirrord.yaml", "target:\n  deployment: cart\n  namespace: shop\nagent:\n  ttl: 1\n"),
            ("mirrord.toml", "target = 'pod/cart'\n[feature.fs]\nmode = 'read'\n"),
        ] {
            let mut after = text.to_owned();
            for hint in hints(&Document::parse(name, text), &cluster(), &variables).iter().rev() {
                after.insert_str(hint.offset, &format!("<{} | {}>", hint.label, hint.tooltip));
            }
            told.push_str(&after);
            told.push('\n');
        }
        expect![[r#"
            {"target": "deployment/cart/container/web"<cart-7d9, 1 more | cart-7d9: ready, on node-1, 2 restarts>, "feature": {"fs": "read"<MIRRORD_FILE_MODE=local | The variable MIRRORD_FILE_MODE of the environment beats what is written here.>}, "key": "x"}
            target:
              deployment: cart<cart-7d9, 1 more | cart-7d9: ready, on node-1, 2 restarts>
              namespace: shop
            agent:
              ttl: 1<MIRRORD_AGENT_TTL=9 | The variable MIRRORD_AGENT_TTL of the environment beats what is written here.>

            target = 'pod/cart'
            [feature.fs]
            mode = 'read'<MIRRORD_FILE_MODE=local | The variable MIRRORD_FILE_MODE of the environment beats what is written here.>

        "#]].assert_eq(&told);
    }
}
