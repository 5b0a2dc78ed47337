//! From kubeconfig files to one context's configuration.

use std::path::{Path, PathBuf};

use kube::config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig};

use super::{ClusterError, ConnectOptions, Environment, near, proxy};

/// What was chosen.
pub(super) struct Choice {
    pub(super) config: kube::Config,
    /// `None`: the service account of the pod that we run in.
    pub(super) context: Option<String>,
}

/// Reads the files and picks the context. `environment` looks variables up.
pub(super) async fn load(options: &ConnectOptions, environment: &Environment<'_>) -> Result<Choice, ClusterError> {
    let files = files(options, environment);
    let Some((merged, place)) = merge(&files)? else {
        // Only what was asked for: a kubeconfig that is named and missing is not replaced by something else.
        if options.kubeconfig.is_none()
            && options.context.is_none()
            && let Ok(mut config) = kube::Config::incluster()
        {
            config.accept_invalid_certs = options.accept_invalid_certificates.unwrap_or(config.accept_invalid_certs);
            return Ok(Choice { config, context: None });
        }
        return Err(nowhere(&files));
    };
    let context = context(&merged, options.context.as_deref())?;
    let written_proxy = proxy_url(&merged, &context);
    let broken =
        |cause: &dyn std::fmt::Display| ClusterError::Kubeconfig { place: place.clone(), cause: cause.to_string() };
    let choice = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
    let mut config = kube::Config::from_custom_kubeconfig(merged, &choice).await.map_err(|error| broken(&error))?;
    config.accept_invalid_certs = options.accept_invalid_certificates.unwrap_or(config.accept_invalid_certs);
    config.proxy_url = proxy::choose(&config.cluster_url, written_proxy.as_deref(), options.use_proxy, environment)?;
    if let Some(exec) = &mut config.auth_info.exec {
        // Our standard input and output are an editor's protocol: nothing else may read or write there.
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    Ok(Choice { config, context: Some(context) })
}

/// Why nothing was read.
pub(super) fn nowhere(files: &[PathBuf]) -> ClusterError {
    let looked = files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    ClusterError::NoKubeconfig { looked: if looked.is_empty() { "nothing (no home directory)".into() } else { looked } }
}

/// The files to read, in order.
pub(super) fn files(options: &ConnectOptions, environment: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let list = options.kubeconfig.clone().map(|list| expand(&list, environment));
    let list = list.or_else(|| environment("KUBECONFIG")).filter(|list| !list.is_empty());
    match list {
        Some(list) => list.split([':', ';']).filter(|path| !path.is_empty()).map(PathBuf::from).collect(),
        None => environment("HOME").map(|home| Path::new(&home).join(".kube/config")).into_iter().collect(),
    }
}

/// Replaces `~` at the start of each path, `$VAR` and `${VAR}`. What is not set stays as it is written.
fn expand(list: &str, environment: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = list;
    while let Some(at) = rest.find(['$', '~']) {
        let (before, marked) = rest.split_at(at);
        out.push_str(before);
        let starts_path = out.is_empty() || out.ends_with([':', ';']);
        let (value, tail) = if let Some(tail) = marked.strip_prefix('~') {
            let home = (starts_path && (tail.is_empty() || tail.starts_with(['/', ':', ';'])))
                .then(|| environment("HOME"))
                .flatten();
            (home.unwrap_or_else(|| "~".into()), tail)
        } else {
            variable(&marked[1..], environment)
        };
        out.push_str(&value);
        rest = tail;
    }
    out + rest
}

/// The value of the variable that `text`, behind a `$`, begins with, and what follows it.
fn variable<'a>(text: &'a str, environment: &dyn Fn(&str) -> Option<String>) -> (String, &'a str) {
    let braced = text.strip_prefix('{').and_then(|text| text.split_once('}'));
    let (name, tail) = braced.unwrap_or_else(|| {
        text.split_at(text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len()))
    });
    match environment(name).filter(|_| !name.is_empty()) {
        Some(value) => (value, tail),
        None => (format!("${}", &text[..text.len() - tail.len()]), tail),
    }
}

/// All files as one, and the path (for messages); `None` when none of them exists.
pub(super) fn merge(files: &[PathBuf]) -> Result<Option<(Kubeconfig, String)>, ClusterError> {
    let broken = |path: &Path, error: kube::config::KubeconfigError| ClusterError::Kubeconfig {
        place: path.display().to_string(),
        // A parser's message goes on with an excerpt, which may hold a secret.
        cause: error.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    let mut merged: Option<(Kubeconfig, String)> = None;
    for path in files.iter().filter(|path| path.exists()) {
        let next = Kubeconfig::read_from(path).map_err(|error| broken(path, error))?;
        merged = Some(match merged {
            None => (next, path.display().to_string()),
            Some((first, place)) => {
                (first.merge(next).map_err(|error| broken(path, error))?, format!("{place}, {}", path.display()))
            }
        });
    }
    Ok(merged)
}

/// The name of the context to use.
fn context(config: &Kubeconfig, wanted: Option<&str>) -> Result<String, ClusterError> {
    let present = || config.contexts.iter().map(|context| context.name.as_str());
    let Some(wanted) = wanted.or(config.current_context.as_deref()).filter(|name| !name.is_empty()) else {
        let contexts: Vec<_> = present().collect();
        let (what, help) = if contexts.is_empty() {
            (
                "the kubeconfig names no cluster",
                "set KUBECONFIG or `kubeconfig` in the configuration to one that does".into(),
            )
        } else {
            let contexts = contexts.join(", ");
            let help = format!("choose one with `kubectl config use-context` or `kube_context`: {contexts}");
            ("the kubeconfig has no current context", help)
        };
        return Err(ClusterError::NoContext { what: what.into(), help });
    };
    if present().any(|name| name == wanted) {
        return Ok(wanted.to_owned());
    }
    let present: Vec<_> = present().collect();
    Err(ClusterError::NoContext {
        what: format!("the kubeconfig has no context `{wanted}`"),
        help: near::help(wanted, present),
    })
}

/// The `proxy-url` of the context's cluster.
fn proxy_url(config: &Kubeconfig, context: &str) -> Option<String> {
    let context = config.contexts.iter().find(|named| named.name == context)?.context.as_ref()?;
    config.clusters.iter().find(|named| named.name == context.cluster)?.cluster.as_ref()?.proxy_url.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "HOME" => Some("/home/me".into()),
            "WORK" => Some("/work".into()),
            _ => None,
        }
    }

    #[test]
    fn paths_are_expanded() {
        for (written, expected) in [
            ("~/a:$WORK/b;${WORK}c:~", "/home/me/a:/work/b;/workc:/home/me"),
            ("/x~/y:~you/z", "/x~/y:~you/z"),
            ("$NONE/${NONE}/$", "$NONE/${NONE}/$"),
        ] {
            assert_eq!(expand(written, &environment), expected);
        }
    }

    #[test]
    fn where_kubeconfigs_are_looked_for() {
        let written = ConnectOptions { kubeconfig: Some("a:b;c".into()), ..ConnectOptions::default() };
        assert_eq!(files(&written, &environment), ["a", "b", "c"].map(PathBuf::from));
        assert_eq!(files(&ConnectOptions::default(), &environment), [PathBuf::from("/home/me/.kube/config")]);
    }

    #[test]
    fn an_unknown_context_is_told_with_the_near_one() {
        let config = Kubeconfig::from_yaml(
            "{contexts: [{name: dev, context: {cluster: c}}, {name: prod, context: {cluster: c}}]}",
        );
        let config = config.expect("YAML");
        let told = |wanted| context(&config, wanted).expect_err("no such context").to_string();
        assert_eq!(told(Some("dve")), "the kubeconfig has no context `dve`; did you mean `dev`?");
        assert_eq!(told(Some("staging-eu")), "the kubeconfig has no context `staging-eu`; there are dev, prod");
        assert_eq!(
            told(None),
            "the kubeconfig has no current context; choose one with `kubectl config use-context` or `kube_context`: dev, prod"
        );
    }
}
