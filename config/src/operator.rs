//! What has no effect without the operator.

use serde_json::Value;

use crate::document::{Document, Span};
use crate::problem::{Code, Problem, Severity};
use crate::schema::{Tier, language};
use crate::{Config, Loaded, WrittenKey};

impl Loaded {
    /// The keys that somebody wrote and that have no effect without the operator. A value that asks for nothing, such
    /// as `"copy_target": false`, does not count.
    pub fn operator_keys(&self) -> Vec<&WrittenKey> {
        keys(&self.written, self.readable.as_ref())
    }
}

fn keys<'a>(written: &'a [WrittenKey], config: Option<&Config>) -> Vec<&'a WrittenKey> {
    let mut keys: Vec<_> = written.iter().filter(|key| needs_operator(&key.pointer)).collect();
    if !keys.is_empty() {
        let values = config.and_then(|config| serde_json::to_value(config).ok());
        let defaults = serde_json::to_value(Config::default()).ok();
        let value = |root: &Option<Value>, pointer: &str| root.as_ref()?.pointer(pointer).cloned();
        keys.retain(|key| values.is_none() || value(&values, &key.pointer) != value(&defaults, &key.pointer));
    }
    keys
}

/// The outermost key on the way to `pointer` that needs the operator: `/feature/copy_target` for what is inside it.
pub fn feature(pointer: &str) -> Option<&str> {
    let ends = pointer.match_indices('/').skip(1).map(|(end, _)| end).chain([pointer.len()]);
    ends.map(|end| &pointer[..end]).find(|pointer| needs_operator(pointer))
}

fn needs_operator(pointer: &str) -> bool {
    language().at(pointer).is_some_and(|shape| shape.tier == Tier::Operator)
}

/// A hint for each feature that needs the operator, for those who read a configuration; a launch has its own words.
pub(crate) fn hints(written: &[WrittenKey], config: Option<&Config>, document: Option<&Document>) -> Vec<Problem> {
    let mut hints: Vec<Problem> = Vec::new();
    for key in keys(written, config) {
        let Some(feature) = feature(&key.pointer).filter(|feature| hints.iter().all(|hint| hint.pointer != *feature))
        else {
            continue;
        };
        let nearest = || document.map(|document| document.nearest(feature)).unwrap_or_default();
        let span = if key.span == Span::default() { key.span } else { nearest() };
        let message = "needs the operator, which this version does not have yet";
        let hint = Problem::new(Code::OperatorKey, feature, span, message);
        hints.push(Problem { severity: Severity::Hint, ..hint });
    }
    hints
}
