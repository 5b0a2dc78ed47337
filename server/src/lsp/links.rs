//! Files that a document names.

use config::document::{Document, Span, Value};
use config::schema::Meaning;

use super::tree;

/// The name of a file in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it stands, without quotes.
    pub span: Span,
    /// The name as it is written, to be expanded and found in the document's folder.
    pub file: String,
}

/// The files that the values of file keys name. A list of kubeconfigs is one link for each.
pub fn links(document: &Document, text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let kubeconfig = tree::find(&document.root, "/kubeconfig");
    tree::walk(document, &mut |shape, node| {
        let Value::String(value) = &node.value else { return };
        if shape.text.as_ref().is_none_or(|text| text.meaning != Some(Meaning::File)) {
            return;
        }
        let separated = kubeconfig.is_some_and(|kubeconfig| std::ptr::eq(kubeconfig, node));
        let mut at = node.span.start;
        for file in value.split(|c| separated && (c == ':' || c == ';')).filter(|file| !file.is_empty()) {
            // Where it is written with escapes, there is no telling which part is which.
            let Some(found) = text.get(at..node.span.end).and_then(|rest| rest.find(file)) else { break };
            let span = Span::new(at + found, at + found + file.len());
            at = span.end;
            links.push(Link { span, file: file.to_owned() });
        }
    });
    links
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

    use super::*;

    #[test]
    fn file_keys_are_links() {
        for (name, text, expected) in [
            (
                "mirrord.json",
                r#"{"kubeconfig": "~/a:b", "feature": {"env": {"env_file": ".env"}}, "key": "x"}"#,
                "~/a b .env",
            ),
            ("mirrord.yaml", "kubeconfig: ${workspaceFolder}/k\n", "${workspaceFolder}/k"),
            ("mirrord.toml", "[feature.env]\nenv_file = '.env'\n", ".env"),
            ("mirrord.toml", "[feature.env]\nenv_file = '{{ key }}.env'\n", ""),
        ] {
            let links = links(&Document::parse(name, text), text);
            let files: Vec<_> = links.iter().map(|link| link.file.as_str()).collect();
            assert_eq!(files.join(" "), expected);
            assert!(links.iter().all(|link| text[link.span.start..link.span.end] == link.file), "{links:?}");
        }
    }
}
