//! The outline of a document.

use config::document::{Document, Entry, Node, Span, Value};

/// A key or list item with what is inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The key, or the index.
    pub name: String,
    /// The value, if it is short.
    pub detail: Option<String>,
    /// What the value is.
    pub kind: SymbolKind,
    /// All of it; contains `name_span` and the spans of `inner`.
    pub span: Span,
    /// The key, or the item.
    pub name_span: Span,
    /// Keys and items inside.
    pub inner: Vec<Symbol>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SymbolKind {
    Object,
    List,
    Text,
    Number,
    Bool,
    Null,
}

/// Longest value that is shown beside its key, in characters.
const DETAIL: usize = 60;

/// Most symbols of a document, so that a list of a million items does not drown the editor.
const LIMIT: usize = 5_000;

/// The keys and items of a document.
pub fn symbols(document: &Document) -> Vec<Symbol> {
    inner(&document.root, &mut 0)
}

fn inner(node: &Node, count: &mut usize) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    match &node.value {
        Value::Object(entries) => {
            for entry in entries {
                let Entry { key, key_span, value, .. } = entry;
                *count += 1;
                if *count > LIMIT {
                    break;
                }
                symbols.push(symbol(if key.is_empty() { "\"\"" } else { key }.to_owned(), *key_span, value, count));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                *count += 1;
                if *count > LIMIT {
                    break;
                }
                symbols.push(symbol(index.to_string(), item.span, item, count));
            }
        }
        _ => {}
    }
    symbols
}

fn symbol(name: String, name_span: Span, node: &Node, count: &mut usize) -> Symbol {
    let (kind, detail) = match &node.value {
        Value::Object(_) => (SymbolKind::Object, None),
        Value::Array(_) => (SymbolKind::List, None),
        Value::Number(number) => (SymbolKind::Number, Some(number.to_string())),
        Value::Bool(flag) => (SymbolKind::Bool, Some(flag.to_string())),
        Value::Null | Value::Broken => (SymbolKind::Null, None),
        Value::String(text) | Value::Template(text) => (SymbolKind::Text, Some(text.clone())),
    };
    let inner = inner(node, count);
    // The parts of a TOML table may stand apart: the whole is what lies around them.
    let around = |a: Span, b: Span| Span::new(a.start.min(b.start), a.end.max(b.end));
    let span = inner.iter().fold(around(name_span, node.span), |span, symbol| around(span, symbol.span));
    let detail = detail.map(|text| text.chars().take(DETAIL).collect::<String>().replace('\n', " "));
    Symbol { name, detail, kind, span, name_span, inner }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

    use expect_test::expect;

    use super::*;

    fn tell(symbols: &[Symbol], text: &str, depth: usize) -> String {
        let line = |symbol: &Symbol| {
            let Symbol { name, detail, kind, span, name_span, inner } = symbol;
            let detail = detail.as_ref().map(|detail| format!(" = {detail}")).unwrap_or_default();
            let written = text[span.start..span.end].replace('\n', "⏎");
            let own = &text[name_span.start..name_span.end].replace('\n', "⏎");
            format!(
                "{}{name}{detail} ({kind:?}) <{own}> in <{written}>\n{}",
                "  ".repeat(depth),
                tell(inner, text, depth + 1)
            )
        };
        symbols.iter().map(line).collect()
    }

    #[test]
    fn the_outline_follows_the_text() {
        let mut told = String::new();
        for (name, text) in [
            (
                "mirrord.json",
                "{\"feature\": {\"fs\": \"read\", \"hostname\": true}, \"skip_processes\": [\"a\", null]}",
            ),
            ("mirrord.yaml", "feature:\n  fs: read\nskip_processes:\n  - a\n"),
            ("mirrord.toml", "[feature]\nfs = 'read'\n[agent]\nttl = 1\n[feature.env]\nunset = ['A']\n"),
        ] {
            told.push_str(&tell(&symbols(&Document::parse(name, text)), text, 0));
        }
        expect![[r#"
            feature (Object) <"feature"> in <"feature": {"fs": "read", "hostname": true}>
              fs = read (Text) <"fs"> in <"fs": "read">
              hostname = true (Bool) <"hostname"> in <"hostname": true>
            skip_processes (List) <"skip_processes"> in <"skip_processes": ["a", null]>
              0 = a (Text) <"a"> in <"a">
              1 (Null) <null> in <null>
            feature (Object) <feature> in <feature:⏎  fs: read>
              fs = read (Text) <fs> in <fs: read>
            skip_processes (List) <skip_processes> in <skip_processes:⏎  - a>
              0 = a (Text) <a> in <a>
            feature (Object) <feature> in <[feature]⏎fs = 'read'⏎[agent]⏎ttl = 1⏎[feature.env]⏎unset = ['A']>
              fs = read (Text) <fs> in <fs = 'read'>
              env (Object) <env> in <[feature.env]⏎unset = ['A']>
                unset (List) <unset> in <unset = ['A']>
                  0 = A (Text) <'A'> in <'A'>
            agent (Object) <agent> in <[agent]⏎ttl = 1>
              ttl = 1 (Number) <ttl> in <ttl = 1>
        "#]]
        .assert_eq(&told);
    }
}
