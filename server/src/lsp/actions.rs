//! Repairs and changes that are offered at a place: from problems, from the cluster, and between ways of writing.

mod cluster;
mod rewrite;

use config::document::{Document, Span, Syntax, edit, print};
use config::{Code, Edit, Problem};
use session::live::View;

use super::tree::find_entry;

/// A change that is offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// What it does, in the imperative.
    pub title: String,
    /// What sort of change it is.
    pub kind: ActionKind,
    /// Whether it is the one that probably is wanted.
    pub preferred: bool,
    /// The index of the problem that it repairs.
    pub repairs: Option<usize>,
    /// What it changes.
    pub change: Change,
}

/// What sort of change an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// Repairs a problem.
    QuickFix,
    /// Writes the same otherwise.
    Rewrite,
    /// Repairs everything that can be repaired.
    FixAll,
}

/// What an action changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The text of the document; the edits do not overlap.
    Edits(Vec<Edit>),
    /// The document gives way to one in another syntax.
    Convert {
        /// The extension of the new file.
        extension: &'static str,
        /// Its content.
        text: String,
    },
}

/// What is known when actions are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The document.
    pub document: &'a Document,
    /// Its name; the extension tells the syntax.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// The selection, or the caret.
    pub span: Span,
    /// Everything that is wrong with it, also in view of the cluster.
    pub problems: &'a [Problem],
    /// What is known of the cluster.
    pub view: &'a View,
}

/// The actions at a place, repairs first.
pub fn actions(place: &Place<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    for (index, problem) in place.problems.iter().enumerate() {
        if touch(problem.span, place.span) {
            actions.extend(repairs(place, index, problem));
        }
    }
    actions.extend(cluster::pick_container(place));
    actions.extend(rewrite::shorthands(place));
    actions.extend(fix_all(place.problems));
    actions.extend(conversions(place));
    actions
}

fn touch(a: Span, b: Span) -> bool {
    a.start <= b.end && b.start <= a.end
}

/// What repairs one problem.
fn repairs(place: &Place<'_>, index: usize, problem: &Problem) -> Vec<Action> {
    let mut actions = Vec::new();
    let quick = |title: String, edits: Vec<Edit>, preferred| Action {
        title,
        kind: ActionKind::QuickFix,
        preferred,
        repairs: Some(index),
        change: Change::Edits(edits),
    };
    if let Some(fix) = &problem.fix {
        actions.push(quick(fix.title.clone(), fix.edits.clone(), true));
    }
    for (title, edits) in cluster::repairs(place, problem) {
        actions.push(quick(title, edits, false));
    }
    let removable = matches!(
        problem.code,
        Code::UnknownKey
            | Code::RemovedKey
            | Code::NoEffect
            | Code::DeprecatedKey
            | Code::OperatorKey
            | Code::BadValue
            | Code::WrongType
            | Code::BadRegex
            | Code::NetFilterSyntax
            | Code::AgentNamespaceUnused
            | Code::DnsFilterUnused
            | Code::NamespaceMissing
            | Code::ContextMissing
    );
    let removes = |action: &Action| matches!(&action.change, Change::Edits(edits) if edits.iter().all(|edit| edit.text.is_empty()));
    if removable && !actions.iter().any(removes) {
        let key = problem.pointer.rsplit('/').next().unwrap_or_default();
        let title = match find_entry(&place.document.root, &problem.pointer) {
            Some(entry) => format!("Delete `{}`", entry.key),
            None => format!("Delete item {key}"),
        };
        let edits = edit::remove(place.document, place.text, &problem.pointer).filter(|edits| !edits.is_empty());
        actions.extend(edits.map(|edits| quick(title, edits, false)));
    }
    actions
}

/// Most repairs at once.
const FIXES: usize = 500;

/// Longest text that is offered in other syntaxes, in bytes: the offer contains it.
const CONVERTED: usize = 256 << 10;

/// One action for everything that has a certain repair.
fn fix_all(problems: &[Problem]) -> Option<Action> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut repaired = 0;
    for fix in problems.iter().filter_map(|problem| problem.fix.as_ref()).take(FIXES) {
        // Repairs of the same place wait for the next round.
        let free = |edit: &Edit| edits.iter().all(|other| !touch(edit.span, other.span));
        if fix.edits.iter().all(free) {
            edits.extend(fix.edits.iter().cloned());
            repaired += 1;
        }
    }
    edits.sort_by_key(|edit| edit.span.start);
    let title = format!("Repair all {repaired} that can be repaired");
    let change = Change::Edits(edits);
    (repaired > 0).then_some(Action { title, kind: ActionKind::FixAll, preferred: false, repairs: None, change })
}

/// The document in other syntaxes, while it parses.
fn conversions(place: &Place<'_>) -> Vec<Action> {
    let others = [Syntax::Json, Syntax::Yaml, Syntax::Toml].into_iter().filter(|to| *to != place.document.syntax);
    let broken = |problem: &Problem| matches!(problem.code, Code::Syntax | Code::DuplicateKey);
    if place.text.len() > CONVERTED || place.document.problems.iter().any(broken) {
        return Vec::new();
    }
    let convert = |to: Syntax| {
        let text = print::convert(place.name, place.text, to).ok()?;
        let change = Change::Convert { extension: to.extension(), text };
        let title = format!("Convert to {}", to.name());
        Some(Action { title, kind: ActionKind::Rewrite, preferred: false, repairs: None, change })
    };
    others.filter_map(convert).collect()
}

#[cfg(test)]
mod tests;
