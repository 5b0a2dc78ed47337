//! Rules between keys: what each value allows on its own, but not together.

mod incoming;
mod network;

use crate::agent::Image;
use crate::document::{Document, Span};
use crate::feature::env::{EXCLUDED, EXCLUDED_LOADERS, matches};
use crate::problem::{Code, Problem, Severity};
use crate::{Agent, Config, Env, Ephemeral, Fs, IncomingMode, Path, Target, WrittenKey};

/// Where the values came from.
pub(crate) struct Context<'a> {
    pub(crate) document: Option<&'a Document>,
    pub(crate) written: &'a [WrittenKey],
    pub(crate) target_pending: bool,
}

impl Context<'_> {
    /// A problem of the key at a canonical pointer.
    fn problem(&self, code: Code, pointer: &str, message: impl Into<String>) -> Problem {
        let written = self.written.iter().find(|key| key.pointer == pointer).map(|key| key.span);
        let nearest = || self.document.map(|document| document.nearest(pointer));
        let span = written.filter(|span| span.end > 0).or_else(nearest).unwrap_or_else(Span::default);
        Problem::new(code, pointer, span, message)
    }

    fn is_written(&self, pointer: &str) -> bool {
        self.written.iter().any(|key| crate::is_at_or_below(&key.pointer, pointer))
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
    problems
}

/// Whether no pod stands behind the session, for certain.
fn is_targetless(config: &Config, context: &Context<'_>) -> bool {
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
        let message = "there is no target whose pod could hold an ephemeral agent";
        let problem = context.problem(Code::TargetlessEphemeral, "/agent/ephemeral", message);
        problems.push(problem.help("name a target, or write \"auto\""));
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
            problems.push(context.problem(Code::AgentNamespaceUnused, "/agent/namespace", why));
        }
    }
    let reference = Image::reference(image.as_ref(), "", "");
    if reference.starts_with("ghcr.io/metalbear-co/") {
        let message = format!("`{reference}` does not speak our protocol");
        problems.push(context.problem(Code::AgentImageForeign, "/agent/image", message).help("delete it to use ours"));
    }
}

fn env(env: &Env, context: &Context<'_>, problems: &mut Vec<Problem>) {
    if env.include.is_some() && env.exclude.is_some() {
        let message = "`include` and `exclude` cannot be combined";
        problems.push(context.problem(Code::EnvBoth, "/feature/env/exclude", message).help("keep one"));
    }
    for pattern in env.include.iter().flatten().filter(|pattern| *pattern != "*" && pattern.contains(['*', '?'])) {
        let excluded = EXCLUDED.iter().chain(EXCLUDED_LOADERS);
        let back: Vec<_> = excluded
            .copied()
            .filter(|name| *name == pattern || (!name.contains('*') && matches(pattern, name)))
            .collect();
        if !back.is_empty() {
            let message =
                format!("`{pattern}` brings back variables that are excluded by default: {}", back.join(", "));
            problems.push(context.problem(Code::EnvBringsBack, "/feature/env/include", message));
        }
    }
}

/// Read-ahead that is suspiciously large, and that no agent grants.
const LARGE_BUFFER_BYTES: u64 = 1 << 20;
const LARGEST_BUFFER_BYTES: u64 = 15 << 20;

fn fs(fs: &Fs, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let bytes = fs.readonly_file_buffer;
    if bytes > LARGE_BUFFER_BYTES {
        let message = format!("{bytes} bytes are read ahead in each file");
        let mut problem = context.problem(Code::BufferSize, "/feature/fs/readonly_file_buffer", message);
        if bytes > LARGEST_BUFFER_BYTES {
            problem.severity = Severity::Error;
        }
        problems.push(problem.help("more than 1 MiB slows small reads down; 15 MiB is the limit"));
    }
}
