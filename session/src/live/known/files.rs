//! Kubeconfig files, and what they said when they could be read last.

use std::{sync::Arc, time::Instant};

use super::{Key, asked::Asked};
use crate::cluster::{contexts::Contexts, near};

/// The kubeconfig files that one value of the key `kubeconfig` names.
#[derive(Debug)]
pub(in crate::live) struct Files {
    pub(super) id: u64,
    pub(super) asked: Instant,
    pub(super) kubeconfig: Option<String>,
    /// What they said when they could be read last.
    pub(super) contexts: Option<Contexts>,
    /// Names of the contexts, as views show them.
    pub(super) shown: Option<Arc<[String]>>,
    pub(super) failing: Option<String>,
}

impl Files {
    pub(super) fn new(id: u64, kubeconfig: Option<String>, asked: Instant) -> Self {
        Self { id, asked, kubeconfig, contexts: None, shown: None, failing: None }
    }

    /// The files have been read, or not; whether that is news.
    pub(in crate::live) fn hear(&mut self, read: Result<Contexts, String>) -> bool {
        let contexts = match read {
            Ok(contexts) => contexts,
            Err(why) => return self.failing.replace(why.clone()) != Some(why),
        };
        let was_failing = self.failing.take().is_some();
        if self.contexts.as_ref() == Some(&contexts) {
            return was_failing;
        }
        self.shown = Some(contexts.all.iter().filter_map(|context| context.name.clone()).collect());
        self.contexts = Some(contexts);
        true
    }

    /// Whether the files still describe a connection that was made from them.
    pub(super) fn still_has(&self, key: &Key) -> bool {
        let Some(contexts) = &self.contexts else { return true };
        contexts.all.iter().any(|context| context.name == key.context && context.fingerprint == key.fingerprint)
    }
}

/// Why there is no connection: the kubeconfig has no context of that name.
pub(super) fn no_context(name: Option<&str>, known: &Contexts) -> String {
    let present: Vec<&str> = known.all.iter().filter_map(|context| context.name.as_deref()).collect();
    match name {
        Some(name) => format!("the kubeconfig has no context `{name}`; {}", near::help(name, present)),
        None => format!("the kubeconfig has no current context; choose one of {}", present.join(", ")),
    }
}

impl Asked for Files {
    fn asked(&mut self) -> &mut Instant {
        &mut self.asked
    }
}
