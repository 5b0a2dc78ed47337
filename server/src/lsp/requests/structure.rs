//! `textDocument/documentSymbol`, `textDocument/foldingRange`, `textDocument/selectionRange`.

use tower_lsp::lsp_types::{
    DocumentSymbolParams, DocumentSymbolResponse, FoldingRange, FoldingRangeParams, SelectionRange,
    SelectionRangeParams,
};

use crate::lsp::convert::{Lines, structure};
use crate::lsp::shared::Shared;
use crate::lsp::{folding, symbols};

pub(in crate::lsp) async fn symbols(shared: &Shared, params: DocumentSymbolParams) -> Option<DocumentSymbolResponse> {
    let snapshot = shared.document(&params.text_document.uri)?;
    let encoding = shared.agreement().encoding;
    let outline = shared.feature("the outline", &snapshot, move |snapshot| {
        let lines = Lines::new(&snapshot.text, encoding);
        let symbols = symbols::symbols(snapshot.document()).into_iter();
        symbols.map(|symbol| structure::symbol(symbol, &lines)).collect()
    });
    outline.await.map(DocumentSymbolResponse::Nested)
}

pub(in crate::lsp) async fn folds(shared: &Shared, params: FoldingRangeParams) -> Option<Vec<FoldingRange>> {
    let snapshot = shared.document(&params.text_document.uri)?;
    let encoding = shared.agreement().encoding;
    let folds = shared.feature("folding", &snapshot, move |snapshot| {
        let lines = Lines::new(&snapshot.text, encoding);
        let folds = folding::folds(snapshot.document(), &snapshot.text).into_iter();
        folds.map(|fold| structure::fold(fold, &lines)).collect()
    });
    folds.await
}

pub(in crate::lsp) async fn selections(shared: &Shared, params: SelectionRangeParams) -> Option<Vec<SelectionRange>> {
    let snapshot = shared.document(&params.text_document.uri)?;
    let encoding = shared.agreement().encoding;
    let selections = shared.feature("selecting", &snapshot, move |snapshot| {
        let lines = Lines::new(&snapshot.text, encoding);
        let grow = |position| {
            let spans = folding::selections(snapshot.document(), &snapshot.text, lines.offset(position));
            structure::selection(&spans, &lines)
        };
        params.positions.into_iter().map(grow).collect()
    });
    selections.await
}
