//! What can be folded away, and what a selection grows to.

use config::document::{Document, Node, Span, Syntax, Value};

/// Lines that can be folded into their first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// From a byte of the line that stays to a byte of the last line that goes.
    pub span: Span,
    /// Whether it is a comment.
    pub is_comment: bool,
}

/// Most folds of a document.
const LIMIT: usize = 5_000;

/// The containers and comments of several lines.
pub fn folds(document: &Document, text: &str) -> Vec<Fold> {
    let mut folds = Vec::new();
    match &document.root.value {
        // Nothing stands around the keys of the document.
        Value::Object(entries) if document.syntax != Syntax::Json => {
            for entry in entries {
                nodes(&entry.value, entry.key_span.start, text, &mut folds);
            }
        }
        _ => nodes(&document.root, document.root.span.start, text, &mut folds),
    }
    comments(document.syntax, text, &mut folds);
    folds.sort_by_key(|fold| (fold.span.start, std::cmp::Reverse(fold.span.end)));
    folds.truncate(LIMIT);
    folds
}

fn nodes(node: &Node, start: usize, text: &str, folds: &mut Vec<Fold>) {
    if folds.len() >= LIMIT {
        return;
    }
    let push = |folds: &mut Vec<Fold>| {
        let span = Span::new(start.min(node.span.start), node.span.end);
        let Some(written) = text.get(span.start..span.end).map(str::trim_end) else { return };
        // A closing bracket in a line of its own stays visible.
        let body = written.strip_suffix(['}', ']']).map(|body| body.trim_end_matches([' ', '\t']));
        let body = body.filter(|body| body.ends_with('\n')).map_or(written, str::trim_end);
        if body.contains('\n') {
            folds.push(Fold { span: Span::new(span.start, span.start + body.len()), is_comment: false });
        }
    };
    match &node.value {
        Value::Object(entries) => {
            push(folds);
            for entry in entries {
                nodes(&entry.value, entry.key_span.start, text, folds);
            }
        }
        Value::Array(items) => {
            push(folds);
            for item in items {
                nodes(item, item.span.start, text, folds);
            }
        }
        _ => {}
    }
}

/// Comments that fill several lines in a row.
fn comments(syntax: Syntax, text: &str, folds: &mut Vec<Fold>) {
    let mark = if syntax == Syntax::Json { "//" } else { "#" };
    let (mut run, mut at): (Option<Span>, usize) = (None, 0);
    for line in text.split_inclusive('\n').chain([""]) {
        let end = at + line.trim_end().len();
        if line.trim_start().starts_with(mark) {
            let start = run.map_or(at, |run| run.start);
            run = Some(Span::new(start, end));
        } else if let Some(span) = run.take().filter(|span| text[span.start..span.end].contains('\n')) {
            folds.push(Fold { span, is_comment: true });
        }
        at += line.len();
    }
}

/// What a selection at `offset` grows to, innermost first; the last is the whole document.
pub fn selections(document: &Document, text: &str, offset: usize) -> Vec<Span> {
    let mut spans = vec![Span::new(0, text.len())];
    let mut node = &document.root;
    loop {
        if node.span.touches(offset) {
            spans.push(node.span);
        }
        match &node.value {
            Value::Object(entries) => {
                let around = |entry: &&config::document::Entry| {
                    let end = entry.key_span.end.max(entry.value.span.end);
                    Span::new(entry.key_span.start, end).touches(offset)
                };
                let Some(entry) = entries.iter().find(around) else { break };
                spans.push(Span::new(entry.key_span.start, entry.key_span.end.max(entry.value.span.end)));
                if entry.key_span.touches(offset) {
                    spans.push(entry.key_span);
                    break;
                }
                node = &entry.value;
            }
            Value::Array(items) => {
                let Some(item) = items.iter().find(|item| item.span.touches(offset)) else { break };
                node = item;
            }
            Value::String(_) | Value::Template(_) => {
                // Inside of the quotes.
                let written = text.get(node.span.start..node.span.end).unwrap_or_default();
                if written.len() > 1 && written.starts_with(['"', '\'']) && written.ends_with(['"', '\'']) {
                    let inner = Span::new(node.span.start + 1, node.span.end - 1);
                    spans.extend(inner.touches(offset).then_some(inner));
                }
                break;
            }
            _ => break,
        }
    }
    // Each must lie in the one before.
    let mut nested: Vec<Span> = Vec::new();
    for span in spans {
        let fits =
            nested.last().is_none_or(|outer| outer.start <= span.start && span.end <= outer.end && *outer != span);
        if fits {
            nested.push(span);
        }
    }
    nested.reverse();
    nested
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;

    #[test]
    fn containers_and_comments_of_several_lines_fold() {
        let mut told = String::new();
        for (name, text) in [
            (
                "mirrord.json",
                "// a\n// b\n{\n  \"feature\": {\n    \"fs\": {}\n  },\n  \"skip_processes\": [\n    \"a\"]\n}\n",
            ),
            ("mirrord.yaml", "feature:\n  fs:\n    mode: read\n\nagent:\n  ttl: 1\n"),
            ("mirrord.toml", "# a\n[feature]\nfs = 'read'\n\n[agent]\nttl = 1\nlabels = [\n  1,\n]\n"),
        ] {
            let line = |at: usize| text[..at].matches('\n').count();
            for Fold { span, is_comment } in folds(&Document::parse(name, text), text) {
                let what = if is_comment { "comment " } else { "" };
                let first = text[span.start..].lines().next().unwrap_or_default();
                writeln!(told, "{name} {what}{}-{} {first}", line(span.start), line(span.end))
                    .expect("text takes text");
            }
        }
        expect![[r#"
            mirrord.json comment 0-1 // a
            mirrord.json 2-7 {
            mirrord.json 3-4 "feature": {
            mirrord.json 6-7 "skip_processes": [
            mirrord.yaml 0-2 feature:
            mirrord.yaml 1-2 fs:
            mirrord.yaml 4-5 agent:
            mirrord.toml 1-2 [feature]
            mirrord.toml 4-7 [agent]
            mirrord.toml 6-7 labels = [
        "#]]
        .assert_eq(&told);
    }

    #[test]
    fn a_selection_grows_to_its_surroundings() {
        let mut told = String::new();
        for (name, picture) in [
            ("mirrord.json", "{\"feature\": {\"fs\": \"re‸ad\"}}"),
            ("mirrord.yaml", "feature:\n  fs‸: read\n"),
            ("mirrord.toml", "skip_processes = ['a', 'b‸']\n"),
        ] {
            let offset = picture.find('‸').expect("the picture has a caret");
            let text = picture.replace('‸', "");
            let spans = selections(&Document::parse(name, &text), &text, offset);
            let parts: Vec<_> = spans.iter().map(|span| text[span.start..span.end].replace('\n', "⏎")).collect();
            writeln!(told, "{}", parts.join(" < ")).expect("text takes text");
        }
        expect![[r#"
            read < "read" < "fs": "read" < {"fs": "read"} < "feature": {"fs": "read"} < {"feature": {"fs": "read"}}
            fs < fs: read < feature:⏎  fs: read < feature:⏎  fs: read⏎
            b < 'b' < ['a', 'b'] < skip_processes = ['a', 'b'] < skip_processes = ['a', 'b']⏎
        "#]]
        .assert_eq(&told);
    }
}
