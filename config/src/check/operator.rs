//! Rules of what the operator does: copies of the target, queues, branches of databases, previews.

use std::collections::HashSet;

use super::{Context, is_targetless};
use crate::document::join;
use crate::feature::databases::{Branch, Connection, Item, OneOrMore, Param, Parts, Source, Text};
use crate::feature::preview::Preview;
use crate::feature::queues::Queues;
use crate::problem::{Code, Problem};
use crate::{Config, IncomingMode, Kind, Path};

const COPY: &str = "/feature/copy_target";
const BRANCHES: &str = "/feature/db_branches";
const PREVIEW: &str = "/feature/preview";

pub(super) fn check(config: &Config, context: &Context<'_>, problems: &mut Vec<Problem>) {
    copy(config, context, problems);
    labels(config, context, problems);
    for (index, branch) in config.feature.db_branches.iter().enumerate() {
        let common = branch.common();
        let pointer = format!("{BRANCHES}/{index}");
        let pairs = [
            ("version", common.version.is_some(), "image", common.image.is_some()),
            ("ttl_secs", common.ttl_secs.is_some(), "ttl_mins", common.ttl_mins.is_some()),
        ];
        for (one, has_one, other, has_other) in pairs {
            exclusive(&pointer, (one, has_one), (other, has_other), context, problems);
        }
    }
    let Preview { ttl_secs, ttl_mins, .. } = &config.feature.preview;
    exclusive(PREVIEW, ("ttl_secs", ttl_secs.is_some()), ("ttl_mins", ttl_mins.is_some()), context, problems);
    overridden(config, context, problems);
}

fn copy(config: &Config, context: &Context<'_>, problems: &mut Vec<Problem>) {
    if !config.feature.copy_target.enabled {
        return;
    }
    if is_targetless(config, context) {
        let problem = context.deletable(Code::TargetlessCopy, COPY, "there is no target that could be copied");
        problems.push(problem.help("name a target, or delete it"));
    }
    if config.operator == Some(false) {
        let message = "only the operator copies pods, and `operator` is false";
        let problem = context.deletable(Code::CopyWithoutOperator, COPY, message);
        problems.push(problem.help("delete it, or let `operator` be true"));
    }
    if let Some(Path::Object { kind: Kind::Service, name }) = config.target.as_ref().map(|target| &target.path) {
        let message = format!("the service `{name}` has no pod of its own that could be copied");
        let problem = context.deletable(Code::CopyService, COPY, message);
        problems.push(problem.help("name the workload behind the service as target"));
    }
    let mode = config.feature.network.incoming.mode;
    if mode != IncomingMode::Steal && context.is_known("/feature/network/incoming/mode") {
        let message = "the copy serves no traffic, so there is none that could reach the program";
        let problem = context.problem(Code::CopyWithoutSteal, COPY, message);
        problems.push(problem.help("write \"incoming\": \"steal\""));
    }
}

/// Labels may lead to pods of several workloads: what the operator does to one workload does not go with them.
fn labels(config: &Config, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let Some(Path::Labels(_)) = config.target.as_ref().map(|target| &target.path) else { return };
    let queues = match &config.feature.split_queues {
        Queues::ByName(queues) => !queues.is_empty(),
        Queues::Listed(queues) => !queues.is_empty(),
    };
    let several = [
        (COPY, config.feature.copy_target.enabled),
        ("/multi_cluster", config.multi_cluster == Some(true)),
        ("/feature/split_queues", queues),
        (BRANCHES, !config.feature.db_branches.is_empty()),
    ];
    for (pointer, _) in several.iter().filter(|(_, is_on)| *is_on) {
        let problem = context.deletable(Code::LabelWith, pointer, "does not go together with a target by label");
        problems.push(problem.help("name a workload as target, or delete it"));
    }
}

fn exclusive(
    pointer: &str,
    (one, has_one): (&str, bool),
    (other, has_other): (&str, bool),
    context: &Context<'_>,
    problems: &mut Vec<Problem>,
) {
    if has_one && has_other {
        let message = format!("`{one}` and `{other}` cannot be combined");
        problems.push(context.deletable(Code::ExclusiveKeys, &join(pointer, other), message).help("keep one"));
    }
}

/// A fixed value would hide the address of the branch.
fn overridden(config: &Config, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let owned: HashSet<&str> =
        config.feature.db_branches.iter().filter_map(Branch::connection).flat_map(variables).collect();
    for name in config.feature.env.r#override.keys().filter(|name| owned.contains(name.as_str())) {
        let message = format!("`{name}` leads the program to the branch of a database, and here it has a fixed value");
        let pointer = join("/feature/env/override", name);
        problems.push(context.deletable(Code::EnvOverrideBranch, &pointer, message).help("delete it"));
    }
}

/// The variables by which the program is told where its database is.
fn variables(connection: &Connection) -> Vec<&str> {
    let Connection { url, kind: _, params } = connection;
    let url = url.iter().filter_map(|url| match url {
        Text::Variable(name) => Some(name.as_str()),
        Text::Source(Source { variable, env_var_name, .. }) => env_var_name.as_deref().or(variable.as_deref()),
    });
    let params = params.iter().flat_map(|Parts { host, port, user, password, database, others }| {
        [host, port, user, password, database].into_iter().flatten().chain(others.values()).flat_map(places)
    });
    url.chain(params).collect()
}

fn places(part: &OneOrMore) -> Vec<&str> {
    fn place(Param { variable, env_var_name, .. }: &Param) -> Option<&str> {
        env_var_name.as_deref().or(variable.as_deref())
    }
    match part {
        OneOrMore::Variable(name) => vec![name],
        OneOrMore::Param(param) => place(param).into_iter().collect(),
        OneOrMore::Several(items) => items
            .iter()
            .filter_map(|item| match item {
                Item::Variable(name) => Some(name.as_str()),
                Item::Param(param) => place(param),
            })
            .collect(),
    }
}
