//! The contexts that a kubeconfig offers, found without asking anybody.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::PathBuf,
};

use kube::config::Kubeconfig;

use super::{ClusterError, ConnectOptions, kubeconfig};

/// Looks variables up.
pub(crate) type Environment<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// What there is to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contexts {
    /// In the order of the files.
    pub(crate) all: Vec<Context>,
    /// The one that counts where none is named.
    pub(crate) current: Option<String>,
}

/// A context, or the account of the pod that we run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    /// `None`: the account of the pod that we run in.
    pub(crate) name: Option<String>,
    /// Where it looks unless told otherwise.
    pub(crate) namespace: String,
    /// Changes when anything does that a connection was made from.
    pub(crate) fingerprint: u64,
}

/// The files that count, there or not, and what they offer. Reads them: blocks.
pub(crate) fn look(
    options: &ConnectOptions,
    environment: &dyn Fn(&str) -> Option<String>,
) -> (Vec<PathBuf>, Result<Contexts, ClusterError>) {
    let files = kubeconfig::files(options, environment);
    let contexts = match kubeconfig::merge(&files) {
        Ok(Some((merged, _))) => Ok(contexts(&merged)),
        Ok(None) => own_account(options).ok_or_else(|| kubeconfig::nowhere(&files)),
        Err(error) => Err(error),
    };
    (files, contexts)
}

fn contexts(config: &Kubeconfig) -> Contexts {
    let all = config.contexts.iter().map(|named| {
        let context = named.context.as_ref();
        let namespace = context.and_then(|context| context.namespace.clone()).filter(|name| !name.is_empty());
        let cluster = config.clusters.iter().find(|found| context.is_some_and(|context| context.cluster == found.name));
        let user = context.and_then(|context| context.user.as_ref());
        let user = config.auth_infos.iter().find(|found| Some(&found.name) == user);
        let mut hasher = DefaultHasher::new();
        // What cannot be written down does not come from a file.
        serde_json::to_string(&(context, cluster, user)).unwrap_or_default().hash(&mut hasher);
        Context {
            name: Some(named.name.clone()),
            namespace: namespace.unwrap_or_else(|| "default".into()),
            fingerprint: hasher.finish(),
        }
    });
    Contexts { all: all.collect(), current: config.current_context.clone().filter(|name| !name.is_empty()) }
}

/// The account of the pod that we run in, if we run in one and nothing else was asked for.
fn own_account(options: &ConnectOptions) -> Option<Contexts> {
    if options.kubeconfig.is_some() {
        return None;
    }
    let config = kube::Config::incluster().ok()?;
    let own = Context { name: None, namespace: config.default_namespace, fingerprint: 0 };
    Some(Contexts { all: vec![own], current: None })
}

impl Contexts {
    /// The context of that name, or the one that counts where none is named.
    pub(crate) fn find(&self, name: Option<&str>) -> Option<&Context> {
        let wanted = name.or(self.current.as_deref());
        self.all.iter().find(|context| context.name.as_deref() == wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Contexts {
        contexts(&Kubeconfig::from_yaml(text).expect("YAML"))
    }

    #[test]
    fn only_what_a_context_is_made_of_changes_its_fingerprint() {
        let text = "{current-context: dev, clusters: [{name: c, cluster: {server: 'https://a'}}, {name: d, cluster: {server: 'https://b'}}], \
                    users: [{name: u, user: {token: one}}], \
                    contexts: [{name: dev, context: {cluster: c, user: u, namespace: shop}}, {name: prod, context: {cluster: d}}]}";
        let before = read(text);
        assert_eq!(before.find(None).map(|context| context.namespace.as_str()), Some("shop"));
        assert_eq!(before.find(Some("prod")).map(|context| context.namespace.as_str()), Some("default"));
        assert_eq!(before.find(Some("staging")), None);
        for (from, to) in [("one", "two"), ("https://a", "https://c"), ("namespace: shop", "namespace: web")] {
            let after = read(&text.replace(from, to));
            assert_ne!(before.all[0], after.all[0], "{from} -> {to}");
            assert_eq!(before.all[1], after.all[1], "{from} -> {to}");
        }
    }
}
