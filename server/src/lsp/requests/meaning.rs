//! `mirrord/explain` and `mirrord/config`: what a document means.

use std::collections::BTreeMap;

use config::Origin;
use session::Here;
use tower_lsp::jsonrpc::Result;
use tower_lsp::lsp_types::Url;

use crate::explain;
use crate::lsp::convert::Lines;
use crate::lsp::documents::Snapshot;
use crate::lsp::extension::{About, Explain, Explanation, Resolved, Ruling};
use crate::lsp::shared::Shared;
use crate::lsp::{diagnostics, failed};

pub(in crate::lsp) async fn explain(shared: &Shared, params: Explain) -> Result<Explanation> {
    let Explain { uri, question } = params;
    let snapshot = open(shared, &uri)?;
    let (workspace, encoding) = (shared.workspace(), shared.agreement().encoding);
    let explain = move |snapshot: &Snapshot| {
        let loaded = snapshot.loaded(|snapshot| diagnostics::load(snapshot, &workspace));
        let config = loaded.config.as_ref()?;
        let (environment, folder) = (workspace.environment(), workspace.folder(&snapshot.uri));
        let here = Here { environment: &environment, working_directory: &folder };
        let explanation = explain::explain(config, loaded, &here, &question);
        let lines = Lines::new(&snapshot.text, encoding);
        let range = |ruling: &explain::Ruling| {
            let pointer = ruling.pointer.as_ref().filter(|_| ruling.written.as_deref() == Some("file"))?;
            Some(lines.range(snapshot.document().nearest(pointer)))
        };
        let rulings = explanation.rulings.into_iter().map(|ruling| Ruling {
            range: range(&ruling),
            act: ruling.act.as_str().to_owned(),
            outcome: ruling.outcome.as_str().to_owned(),
            because: ruling.because,
            pointer: ruling.pointer,
            written: ruling.written,
        });
        Some(Explanation { rulings: rulings.collect() })
    };
    let explained = shared.feature("explaining", &snapshot, explain).await.flatten();
    explained.ok_or_else(|| failed("the configuration has errors; nothing can be said before they are repaired"))
}

pub(in crate::lsp) async fn config(shared: &Shared, params: About) -> Result<Resolved> {
    let snapshot = open(shared, &params.uri)?;
    let workspace = shared.workspace();
    let resolve = move |snapshot: &Snapshot| {
        let loaded = snapshot.loaded(|snapshot| diagnostics::load(snapshot, &workspace));
        let origin = |origin: &Origin| match origin {
            Origin::File => "file".to_owned(),
            Origin::Flag => "flag".to_owned(),
            Origin::Variable(name) => name.clone(),
        };
        let origins: BTreeMap<_, _> =
            loaded.written.iter().map(|key| (key.pointer.clone(), origin(&key.origin))).collect();
        Resolved { config: loaded.config.as_ref().and_then(|config| serde_json::to_value(config).ok()), origins }
    };
    let resolved = shared.feature("resolving", &snapshot, resolve).await;
    resolved.ok_or_else(|| failed("the configuration cannot be read"))
}

/// The document that a request of ours is about.
pub(super) fn open(shared: &Shared, uri: &str) -> Result<Snapshot> {
    let snapshot = Url::parse(uri).ok().and_then(|uri| shared.document(&uri));
    snapshot.ok_or_else(|| failed(format!("{uri} is not open here as a configuration")))
}
