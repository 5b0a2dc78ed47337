//! Rules between keys: what each value allows on its own, but not together.

mod incoming;
mod network;
mod operator;
mod queues;
mod tls;

use serde_json::Value as Json;

use crate::agent::Image;
use crate::document::Span;
use crate::feature::env::{
    matches,
    names::{EXCLUDED, EXCLUDED_LOADERS},
};
use crate::problem::{Code, Edit, Problem, Severity};
use crate::proxies::StartupRetry;
use crate::repair::Repair;
use crate::shape::{Findings, MAX_ERRORS};
use crate::{Agent, Config, Env, Ephemeral, Fs, IncomingMode, Path, Target, is_at_or_below};

/// Where the values came from.
pub(crate) struct Context<'a> {
    pub(crate) file: Option<Repair<'a>>,
    pub(crate) findings: &'a Findings,
    pub(crate) target_pending: bool,
}

impl Context<'_> {
    /// A problem of the key at a canonical pointer.
    fn problem(&self, code: Code, pointer: &str, message: impl Into<String>) -> Problem {
        let written = self.findings.written.iter().find(|key| key.pointer == pointer).map(|key| key.span);
        let nearest = || self.file.map(|file| file.document.nearest(pointer));
        let span = written.filter(|span| span.end > 0).or_else(nearest).unwrap_or_else(Span::default);
        Problem::new(code, pointer, span, message)
    }

    /// The same, repaired by deleting the key.
    fn deletable(&self, code: Code, pointer: &str, message: impl Into<String>) -> Problem {
        let key = pointer.rsplit('/').next().unwrap_or_default();
        let title = if key.parse::<usize>().is_ok() { "Delete it".to_owned() } else { format!("Delete `{key}`") };
        self.problem(code, pointer, message).repair(title, self.file.and_then(|file| file.remove(pointer)))
    }

    /// Edits that replace the value of a key.
    fn replaced(&self, pointer: &str, value: &Json) -> Option<Vec<Edit>> {
        self.file?.replace(pointer, value)
    }

    fn is_written(&self, pointer: &str) -> bool {
        self.findings.written.iter().any(|key| is_at_or_below(&key.pointer, pointer))
    }

    /// Whether the value at `pointer` is what the user means: nothing at, above or below it failed an earlier check,
    /// or is still to come out of a template.
    fn is_known(&self, pointer: &str) -> bool {
        let unknown = &self.findings.unknown;
        !unknown.iter().any(|key| is_at_or_below(key, pointer) || (!key.is_empty() && is_at_or_below(pointer, key)))
    }
}

/// All broken rules.
pub(crate) fn check(config: &Config, context: &Context<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    target(config, context, &mut problems);
    agent(config, context, &mut problems);
    env(&config.feature.env, context, &mut problems);
    fs(&config.feature.fs, context, &mut problems);
    incoming::check(&config.feature.network.incoming, context, &mut problems);
    network::check(&config.feature.network, context, &mut problems);
    tls::check(&config.feature.network.incoming, context, &mut problems);
    operator::check(config, context, &mut problems);
    queues::check(&config.feature.split_queues, context, &mut problems);
    retry(&config.startup_retry, context, &mut problems);
    problems
}

/// Whether no pod stands behind the session, for certain.
fn is_targetless(config: &Config, context: &Context<'_>) -> bool {
    if !context.is_known("/target") {
        return false;
    }
    match &config.target {
        Some(Target { path, container: _, namespace: _ }) => {
            *path == Path::Targetless && (context.is_written("/target/path") || !context.target_pending)
        }
        None => !context.target_pending,
    }
}

fn target(config: &Config, context: &Context<'_>, problems: &mut Vec<Problem>) {
    if !is_targetless(config, context) {
        return;
    }
    if config.feature.network.incoming.mode == IncomingMode::Steal {
        let message = "there is no target whose traffic could be stolen";
        let problem = context.problem(Code::TargetlessSteal, "/feature/network/incoming/mode", message);
        problems.push(problem.help("name a target, or choose another mode"));
    }
    if config.agent.ephemeral == Ephemeral::Always {
        let pointer = "/agent/ephemeral";
        let message = "there is no target whose pod could hold an ephemeral agent";
        let problem = context.problem(Code::TargetlessEphemeral, pointer, message);
        let edits = context.replaced(pointer, &"auto".into());
        problems.push(problem.help("name a target, or write \"auto\"").repair("Replace by `auto`", edits));
    }
}

fn agent(config: &Config, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let Agent { image, namespace, ephemeral, .. } = &config.agent;
    if namespace.is_some() {
        let why = match ephemeral {
            Ephemeral::Always => Some("an ephemeral agent runs in the target's namespace"),
            _ if is_targetless(config, context) => Some("without a target the agent runs in `target.namespace`"),
            _ => None,
        };
        if let Some(why) = why {
            problems.push(context.deletable(Code::AgentNamespaceUnused, "/agent/namespace", why));
        }
    }
    let reference = Image::reference(image.as_ref(), "", "");
    if reference.starts_with("ghcr.io/metalbear-co/") {
        let message = format!("`{reference}` does not speak our protocol");
        let problem = context.deletable(Code::AgentImageForeign, "/agent/image", message);
        problems.push(problem.help("delete it to use ours"));
    }
}

fn env(env: &Env, context: &Context<'_>, problems: &mut Vec<Problem>) {
    if env.include.is_some() && env.exclude.is_some() {
        let message = "`include` and `exclude` cannot be combined";
        problems.push(context.deletable(Code::EnvBoth, "/feature/env/exclude", message).help("keep one"));
    }
    for (index, pattern) in env.include.iter().flatten().enumerate() {
        if pattern == "*" || !pattern.contains(['*', '?']) || problems.len() >= MAX_ERRORS {
            continue;
        }
        let excluded = EXCLUDED.iter().chain(EXCLUDED_LOADERS);
        let back: Vec<_> = excluded
            .copied()
            .filter(|name| *name == pattern || (!name.contains('*') && matches(pattern, name)))
            .collect();
        if !back.is_empty() {
            let message =
                format!("`{pattern}` brings back variables that are excluded by default: {}", back.join(", "));
            let pointer = format!("/feature/env/include/{index}");
            problems.push(context.problem(Code::EnvBringsBack, &pointer, message));
        }
    }
}

fn retry(retry: &StartupRetry, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let StartupRetry { min_ms, max_ms, max_retries: _ } = retry;
    if !context.is_known("/startup_retry") {
        return;
    }
    let written = |key: &str| context.is_written(&format!("/startup_retry/{key}"));
    let key = if written("max_ms") { "/startup_retry/max_ms" } else { "/startup_retry/min_ms" };
    if max_ms.is_zero() {
        let problem = context.deletable(Code::RetryRange, key, "the longest pause is zero");
        problems.push(problem.help("write some milliseconds"));
    } else if min_ms > max_ms {
        let (min, max) = (min_ms.as_millis(), max_ms.as_millis());
        let message = format!("the shortest pause, {min} ms, is longer than the longest one, {max} ms");
        problems.push(context.problem(Code::RetryRange, key, message).help("lower `min_ms`, or raise `max_ms`"));
    }
}

/// Read-ahead that is suspiciously large, and that no agent grants.
const LARGE_BUFFER_BYTES: u64 = 1 << 20;
const LARGEST_BUFFER_BYTES: u64 = 15 << 20;

fn fs(fs: &Fs, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let bytes = fs.readonly_file_buffer;
    if bytes > LARGE_BUFFER_BYTES {
        let pointer = "/feature/fs/readonly_file_buffer";
        let message = format!("{bytes} bytes are read ahead in each file");
        let mut problem = context.problem(Code::BufferSize, pointer, message);
        if bytes > LARGEST_BUFFER_BYTES {
            problem.severity = Severity::Error;
        }
        let edits = context.replaced(pointer, &LARGE_BUFFER_BYTES.into());
        let problem = problem.help("more than 1 MiB slows small reads down; 15 MiB is the limit");
        problems.push(problem.repair("Lower it to 1 MiB", edits));
    }
}
