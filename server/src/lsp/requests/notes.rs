//! `textDocument/codeLens`, `textDocument/inlayHint`, `textDocument/documentLink`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tower_lsp::lsp_types::{
    CodeLens, CodeLensOptions, CodeLensParams, DocumentLink, DocumentLinkOptions, DocumentLinkParams, InlayHint,
    InlayHintParams, Url, WorkDoneProgressOptions,
};

use crate::lsp::convert::{Lines, structure};
use crate::lsp::lens::Running;
use crate::lsp::shared::Shared;
use crate::lsp::{inlay, lens, links, workspace};

pub(super) fn lens_capability() -> CodeLensOptions {
    CodeLensOptions { resolve_provider: Some(false) }
}

pub(super) fn link_capability() -> DocumentLinkOptions {
    let work_done_progress_options = WorkDoneProgressOptions::default();
    DocumentLinkOptions { resolve_provider: Some(false), work_done_progress_options }
}

pub(in crate::lsp) async fn lenses(shared: &Shared, params: CodeLensParams) -> Option<Vec<CodeLens>> {
    let uri = params.text_document.uri;
    let snapshot = shared.document(&uri)?;
    let encoding = shared.agreement().encoding;
    let running = shared.sessions.all().await.into_iter();
    let running: Vec<_> = running.map(|running| Running { session: running.session, target: running.target }).collect();
    let lenses = shared.feature("lenses", &snapshot, move |snapshot| {
        let lines = Lines::new(&snapshot.text, encoding);
        let lenses = lens::lenses(snapshot.document(), &running).into_iter();
        lenses.map(|lens| structure::lens(lens, &uri, &lines)).collect()
    });
    lenses.await
}

pub(in crate::lsp) async fn hints(shared: &Shared, params: InlayHintParams) -> Option<Vec<InlayHint>> {
    let snapshot = shared.document(&params.text_document.uri)?;
    let encoding = shared.agreement().encoding;
    let hints = super::in_view(shared, "notes", &snapshot, move |snapshot, view, workspace| {
        let lines = Lines::new(&snapshot.text, encoding);
        let span = lines.span(params.range);
        let hints = inlay::hints(snapshot.document(), view, &workspace.variables()).into_iter();
        hints.filter(|hint| span.touches(hint.offset)).map(|hint| structure::hint(hint, &lines)).collect()
    });
    hints.await
}

pub(in crate::lsp) async fn links(shared: &Shared, params: DocumentLinkParams) -> Option<Vec<DocumentLink>> {
    let snapshot = shared.document(&params.text_document.uri)?;
    let (encoding, workspace) = (shared.agreement().encoding, shared.workspace());
    let links = shared.feature("links", &snapshot, move |snapshot| {
        let lines = Lines::new(&snapshot.text, encoding);
        let (folder, variables) = (workspace.folder(&snapshot.uri), workspace.variables());
        let links = links::links(snapshot.document(), &snapshot.text).into_iter();
        let existing = links.filter_map(|link| {
            let path = find(&link.file, &folder, &variables);
            // What is not there is no place to go to.
            let target = Url::from_file_path(&path).ok().filter(|_| path.is_file())?;
            Some(structure::link(&link, target, &lines))
        });
        existing.collect()
    });
    links.await
}

/// The path that a document's `file` means in its folder.
fn find(file: &str, folder: &Path, variables: &BTreeMap<String, String>) -> PathBuf {
    let file = workspace::expand(file, folder);
    let home = file.strip_prefix("~/").and_then(|rest| Some(Path::new(variables.get("HOME")?).join(rest)));
    home.unwrap_or_else(|| folder.join(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_as_a_launch_finds_them() {
        let variables = BTreeMap::from([("HOME".to_owned(), "/home/me".to_owned())]);
        for (file, expected) in [
            (".env", "/work/.env"),
            ("/etc/env", "/etc/env"),
            ("~/.kube/config", "/home/me/.kube/config"),
            ("${workspaceFolder}/a/.env", "/work/a/.env"),
        ] {
            assert_eq!(find(file, Path::new("/work"), &variables).to_string_lossy(), expected);
        }
    }
}
