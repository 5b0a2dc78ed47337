//! Problems as JSON, with everything that is known of them.

use config::{Edit, Fix, Problem, Span, document::line_column};
use serde_json::{Value, json};

use crate::settings::Settings;

/// Every problem of a configuration, in the order of the text.
pub(super) fn problems(settings: &Settings) -> Vec<Value> {
    settings.loaded.problems.iter().map(|problem| report(problem, settings)).collect()
}

fn report(problem: &Problem, settings: &Settings) -> Value {
    let Problem { severity: _, code, pointer, span, message, help, fix } = problem;
    let fix = fix.as_ref().map(|Fix { title, edits }| {
        let edits = edits.iter().map(|Edit { span, text }| {
            let mut edit = place(*span, &settings.file.text);
            edit["text"] = json!(text);
            edit
        });
        json!({"title": title, "edits": edits.collect::<Value>()})
    });
    let mut report = place(*span, &settings.file.text);
    report["file"] = json!(settings.file.name);
    report["severity"] = json!(super::excerpt::word(problem.severity));
    report["code"] = json!(code.as_str());
    report["link"] = json!(code.link());
    report["pointer"] = json!(pointer);
    report["message"] = json!(message);
    report["help"] = json!(help);
    report["fix"] = json!(fix);
    report
}

/// Bytes from 0, lines and columns (in characters) from 1.
fn place(span: Span, text: &str) -> Value {
    let (line, column) = line_column(text, span.start);
    let (end_line, end_column) = line_column(text, span.end);
    json!({
        "start": span.start, "end": span.end,
        "line": line, "column": column, "end_line": end_line, "end_column": end_column,
    })
}
