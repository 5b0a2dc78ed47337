//! What is wrong with a configuration in view of the cluster.

mod place;
mod target;
#[cfg(test)]
mod tests;
mod traffic;

use config::{Code, Config, Document, Loaded, Problem};

use super::view::{Denied, State, View};
use crate::cluster::near;
use place::Places;

/// Mistakes that only a look at the cluster finds, in the order of the text. `view` is that of [`super::Scope::of`] the
/// configuration.
///
/// Silent about what is not known for sure, and about values that stand elsewhere than in the file.
pub fn problems(document: &Document, text: &str, loaded: &Loaded, view: &View) -> Vec<Problem> {
    let Some(config) = &loaded.readable else { return Vec::new() };
    let places = Places::new(document, text, loaded);
    let mut problems = Vec::new();
    // Contexts are read from a file: the cluster need not answer.
    let context = context(config, &places, view);
    if context.is_none() && view.state == State::Ready {
        let namespace = namespace(&places, view);
        if namespace.is_none() {
            target::check(config, &places, view, &mut problems);
            traffic::check(config, &places, view, &mut problems);
            problems.extend(permissions(&places, view));
        }
        problems.extend(namespace);
    }
    problems.extend(context);
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    problems
}

fn context(config: &Config, places: &Places<'_>, view: &View) -> Option<Problem> {
    const KEY: &str = "/kube_context";
    let name = config.kube_context.as_deref()?;
    let present: Vec<&str> = view.contexts.as_ref()?.iter().map(String::as_str).collect();
    if present.contains(&name) {
        return None;
    }
    let problem = places.problem(Code::ContextMissing, KEY, format!("the kubeconfig has no context `{name}`"))?;
    Some(suggest(problem, name, &present, |problem, near| places.replace(problem, KEY, near)))
}

fn namespace(places: &Places<'_>, view: &View) -> Option<Problem> {
    const KEY: &str = "/target/namespace";
    let (name, present) = (view.namespace.as_deref()?, view.namespaces.as_ref()?);
    let present: Vec<&str> = present.iter().map(String::as_str).collect();
    if present.contains(&name) {
        return None;
    }
    let message = format!("the cluster has no namespace `{name}`");
    if let Some(problem) = places.problem(Code::NamespaceMissing, KEY, message) {
        return Some(suggest(problem, name, &present, |problem, near| places.replace(problem, KEY, near)));
    }
    // The context's own: nothing in the file is wrong, but nothing can work either.
    let context = view.context.as_deref().unwrap_or_default();
    let message = format!("the cluster has no namespace `{name}`, which is that of context `{context}`");
    let problem = places.problem(Code::NamespaceMissing, "/target/path", message)?;
    Some(problem.help("name one with `target.namespace`"))
}

fn permissions(places: &Places<'_>, view: &View) -> Option<Problem> {
    let denied = view.denied.as_ref().filter(|denied| !denied.is_empty())?;
    let acts: Vec<String> = denied.iter().map(|denied| format!("{} {}", denied.verb, denied.resource)).collect();
    let namespace = denied.first().map(|denied| denied.namespace.as_str()).unwrap_or_default();
    let message = format!("you may not {} in namespace `{namespace}`, which a session needs", acts.join(", "));
    let problem = places.problem(Code::PermissionMissing, "/target/path", message)?;
    let rules: Vec<String> = denied.iter().map(Denied::rule).collect();
    Some(problem.help(format!("ask for this in a Role of namespace `{namespace}`:\n{}", rules.join("\n"))))
}

impl Denied {
    /// The rule of a `Role` that would allow it, ready to be pasted.
    pub fn rule(&self) -> String {
        crate::cluster::rule(&self.verb, &self.group, &self.resource)
    }
}

/// `a, b or 3 more`.
fn few(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    match names.len() {
        0 => "nothing".into(),
        count if count <= SHOWN => names.join(", "),
        count => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
    }
}

/// Helps whoever wrote `word` for one of `present`; `repair` writes the nearest.
fn suggest(
    mut problem: Problem,
    word: &str,
    present: &[&str],
    repair: impl FnOnce(Problem, &str) -> Problem,
) -> Problem {
    let near = near::near(word, present.iter().copied());
    let Some(nearest) = near.first() else {
        problem.help = (!present.is_empty()).then(|| format!("there is {}", few(present)));
        return problem;
    };
    let problem = repair(problem, nearest);
    problem.help(near::help(word, near.iter().copied()))
}
