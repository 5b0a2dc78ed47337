//! From answers about targets to what features see of a cluster.

use std::sync::Arc;

use config::Kind;
use config::document::Document;
use config::schema::{Meaning, language};
use session::live::{State, TargetItem, View};

use super::cursor::Cursor;
use super::extension::{Query, Targets};
use super::live::Answer;
use super::tree::text;

/// The question to the cluster whose answer can be used at a caret.
pub(super) fn wanted(cursor: &Cursor, document: &Document) -> Option<Query> {
    let Cursor::Value(place) = cursor else { return None };
    let owned = |pointer| text(&document.root, pointer).filter(|text| !text.is_empty()).map(str::to_owned);
    let (namespace, context) = (owned("/target/namespace"), owned("/kube_context"));
    let query = Query { namespace, context, kubeconfig: owned("/kubeconfig"), types: Vec::new() };
    match language().at(&place.pointer)?.text.as_ref()?.meaning? {
        Meaning::TargetPath | Meaning::Name => Some(query),
        // A namespace that is being typed is no place to look for namespaces.
        Meaning::Namespace => Some(Query { namespace: None, ..query }),
        _ => None,
    }
}

/// What an answer says.
pub(super) fn view(answer: &Answer) -> View {
    let state = match answer {
        Answer::Nothing | Answer::Known { stale: false, .. } => State::Ready,
        Answer::Known { stale: true, .. } | Answer::Pending => State::Loading,
        Answer::Failed { message, .. } => State::Failed(message.clone()),
    };
    let Some(Targets { targets, namespaces, current_namespace, context }) = answer.targets() else {
        return View { state, ..View::default() };
    };
    let item = |target: &super::extension::Available| {
        let (kind, name) = target.path.split_once('/')?;
        let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        let ready = Some(u32::from(target.available));
        Some(TargetItem { kind, name: name.into(), ready, desired: None, containers: target.containers.clone().into() })
    };
    let targets: Vec<_> = targets.iter().filter_map(item).collect();
    View {
        state,
        context: context.clone(),
        namespace: Some(current_namespace.clone()),
        namespaces: Some(Arc::from(namespaces.clone())),
        targets: Some(targets.into()),
        ..View::default()
    }
}
