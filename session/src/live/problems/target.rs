//! Whether the target is there, and can be stood in for.

use config::{Code, Config, Kind, Path, Problem, Target};

use super::{few, place::Places, suggest};
use crate::live::view::{Detail, Health, View};

/// Where all of a target stands, in whichever form it is written.
const KEY: &str = "/target/path";

pub(super) fn check(config: &Config, places: &Places<'_>, view: &View, problems: &mut Vec<Problem>) {
    let Some(target) = config.target.as_ref().filter(|target| target.path != Path::Targetless) else { return };
    if view.target_missing {
        problems.extend(missing(target, places, view));
    } else if let Some(detail) = &view.target {
        problems.extend(container_missing(target, places, detail));
        problems.extend(pods(target, places, detail, view));
    }
}

fn missing(target: &Target, places: &Places<'_>, view: &View) -> Option<Problem> {
    let namespace = view.namespace.as_deref().unwrap_or_default();
    let (kind, name) = match &target.path {
        Path::Object { kind, name } => (*kind, name.as_str()),
        Path::Targetless => return None,
        path @ Path::Labels(_) => {
            let label = path.to_string();
            let label = label.trim_start_matches("label/");
            let message = format!("no pod in namespace `{namespace}` has the labels `{label}`");
            let present: Vec<&str> = view.labels.iter().flat_map(|all| all.iter().map(|item| &*item.label)).collect();
            let problem = places.problem(Code::TargetMissing, KEY, message)?;
            return Some(suggest(problem, label, &present, |problem, near| {
                // Labels have no object form that a single one could be written in.
                places.retarget(problem, &format!("label/{near}"), "label", near)
            }));
        }
    };
    let message = format!("there is no {kind} `{name}` in namespace `{namespace}`");
    let problem = places.target(Code::TargetMissing, kind.key(), message)?;
    let known = || view.targets.iter().flat_map(|all| all.iter());
    let present: Vec<&str> = known().filter(|item| item.kind == kind).map(|item| &*item.name).collect();
    let write = |problem, kind: Kind, name: &str| {
        let changed = Target { path: Path::Object { kind, name: name.to_owned() }, ..target.clone() };
        places.retarget(problem, &changed.to_string(), kind.key(), name)
    };
    let other = known().find(|item| &*item.name == name);
    match other {
        Some(other) => Some(write(problem, other.kind, name).help(format!("there is a {} of that name", other.kind))),
        None => Some(suggest(problem, name, &present, |problem, near| write(problem, kind, near))),
    }
}

fn container_missing(target: &Target, places: &Places<'_>, detail: &Detail) -> Option<Problem> {
    let wanted = target.container.as_deref()?;
    let present: Vec<&str> = detail.containers.iter().map(|container| container.name.as_str()).collect();
    if present.is_empty() || present.contains(&wanted) {
        return None;
    }
    let message = format!("{} has no container `{wanted}`", target.path);
    let problem = places.target(Code::ContainerMissing, "container", message)?;
    let write = |problem, name: &str| {
        let changed = Target { container: Some(name.to_owned()), ..target.clone() };
        places.retarget(problem, &changed.to_string(), "container", name)
    };
    Some(match &present[..] {
        [only] => write(problem, only).help(format!("it has only `{only}`")),
        _ => suggest(problem, wanted, &present, write),
    })
}

/// Pods that cannot be used, or more of them than one.
fn pods(target: &Target, places: &Places<'_>, detail: &Detail, view: &View) -> Option<Problem> {
    let path = &target.path;
    let unavailable = |message: String| places.problem(Code::TargetUnavailable, KEY, message);
    let Some(first) = detail.pods.first() else {
        let scaled_to_none = |kind: Kind, name: &str| {
            let mut known = view.targets.iter().flat_map(|all| all.iter());
            known.any(|item| item.kind == kind && &*item.name == name && item.desired == Some(0))
        };
        let problem = unavailable(format!("{path} has no pods now"))?;
        return Some(match path {
            Path::Object { kind: Kind::CronJob, name } => {
                problem.help(format!("`kubectl create job --from=cronjob/{name} NAME` starts one"))
            }
            Path::Object { kind, name } if scaled_to_none(*kind, name) => {
                problem.help(format!("it is scaled to 0; `kubectl scale {kind}/{name} --replicas=1` starts one"))
            }
            _ => problem,
        });
    };
    if let Health::Down(why) = &first.health {
        // Those that can be used come first.
        let namespace = view.namespace.as_deref().unwrap_or_default();
        return unavailable(format!("{path} has no pod that runs: {why}"))
            .map(|problem| problem.help(format!("`kubectl -n {namespace} describe pod {}` tells more", first.name)));
    }
    let ready = detail.pods.iter().filter(|pod| pod.health == Health::Ready).count();
    if ready < 2 {
        return None;
    }
    let names: Vec<&str> = detail.pods.iter().map(|pod| pod.name.as_str()).collect();
    let message = format!("{path} has {ready} ready pods; a session stands in for `{}` only", first.name);
    let problem = places.problem(Code::SeveralPods, KEY, message)?;
    Some(problem.help(format!("the others keep their own traffic; to choose, write pod/NAME: {}", few(&names))))
}
