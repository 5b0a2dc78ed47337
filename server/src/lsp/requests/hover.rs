//! `textDocument/hover`.

use tower_lsp::lsp_types::{Hover, HoverParams, HoverProviderCapability};

use crate::lsp::shared::Shared;
use crate::lsp::{convert, hover};

pub(super) fn capability() -> HoverProviderCapability {
    HoverProviderCapability::Simple(true)
}

pub(in crate::lsp) async fn hover(shared: &Shared, params: HoverParams) -> Option<Hover> {
    let (snapshot, offset) = shared.at(&params.text_document_position_params)?;
    let encoding = shared.agreement().encoding;
    let answer = super::in_view(shared, "hover", &snapshot, move |snapshot, view, workspace| {
        let hover = hover::hover(snapshot.document(), offset, view, &workspace.variables())?;
        Some(convert::hover(hover, &convert::Lines::new(&snapshot.text, encoding)))
    });
    answer.await.flatten()
}
