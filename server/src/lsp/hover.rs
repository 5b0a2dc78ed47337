//! What the key under a caret means.

use config::document::{Document, Node, Span, Value, join};
use config::schema::{Shape, Status, language};

/// Text about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// The key and its value.
    pub span: Span,
    /// Markdown.
    pub markdown: String,
}

/// The meaning of the key at `offset`.
pub fn hover(document: &Document, offset: usize) -> Option<Hover> {
    let (pointer, span) = innermost(&document.root, offset)?;
    let shape = language().at(&pointer).filter(|shape| shape.status != Status::Internal)?;
    Some(Hover { span, markdown: describe(&pointer, shape) })
}

/// The pointer and place of the innermost key whose name or scalar value is at `offset`.
fn innermost(node: &Node, offset: usize) -> Option<(String, Span)> {
    let Value::Object(entries) = &node.value else { return None };
    let entry = entries.iter().find(|entry| entry.key_span.touches(offset) || entry.value.span.touches(offset))?;
    let own = join("", &entry.key);
    if entry.key_span.touches(offset) {
        return Some((own, entry.key_span));
    }
    match &entry.value.value {
        Value::Object(_) => innermost(&entry.value, offset).map(|(inner, span)| (format!("{own}{inner}"), span)),
        _ => Some((own, entry.value.span)),
    }
}

fn describe(pointer: &str, shape: &Shape) -> String {
    let Shape { description, default, examples, variables, .. } = shape;
    let mut parts = vec![format!("`{}`: {}", pointer[1..].replace('/', "."), shape.expected())];
    parts.push(description.clone());
    for choice in shape.text.iter().flat_map(|text| &text.choices) {
        parts.push(format!("- `{}`: {}", choice.word, choice.description));
    }
    if let Some(default) = default.as_ref().filter(|default| !default.is_object()) {
        parts.push(format!("Default: `{default}`"));
    }
    if !variables.is_empty() {
        let names: Vec<_> = variables.iter().map(|variable| format!("`{}`", variable.name)).collect();
        parts.push(format!("Variable: {}", names.join(", ")));
    }
    if let Some(example) = examples.first() {
        parts.push(format!("Example: `{example}`"));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_key_and_its_value_tell_the_same() {
        let text = r#"{"feature": {"fs": {"mode": "read"}}}"#;
        let document = Document::parse_json(text);
        let at = |needle: &str| hover(&document, text.find(needle).expect("is there") + 2);
        let key = at("\"mode\"").expect("a known key");
        assert_eq!(Some(&key.markdown), at("\"read\"").map(|value| value.markdown).as_ref());
        expect![[r#"
            `feature.fs.mode`: `local`, `localwithoverrides`, `read` or `write`

            What happens to paths that no list names.

            - `local`: Local, and so are the paths that are remote by default; only your own lists count.

            - `localwithoverrides`: Local, except for the paths that are remote by default.

            - `read`: Read from the target, written on this machine.

            - `write`: Read from, and written to, the target.

            Default: `"read"`

            Variable: `MIRRORD_FILE_MODE`, `MIRRORD_FILE_OPS`, `MIRRORD_FILE_RO_OPS`"#]]
        .assert_eq(&key.markdown);
        assert_eq!(hover(&document, 0), None);
    }
}
