//! What all handlers share: the documents, the agreement with the editor, and a way to run features safely.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{Semaphore, mpsc};
use tower_lsp::Client;
use tower_lsp::lsp_types::{ClientCapabilities, MessageType, TextDocumentPositionParams, Url};

use super::convert::{self, Encoding, Lines};
use super::documents::{Documents, Snapshot};
use super::live::Live;

/// Size of a text, in bytes, from which reading it is left to other threads: about what takes a millisecond.
const LARGE: usize = 64 << 10;

/// Large texts read at once; more would take all processors from the program under development.
const READERS: usize = 2;

/// What the handlers share.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) live: Live,
    documents: Mutex<Documents>,
    agreement: OnceLock<Agreement>,
    readers: Semaphore,
    /// handlers --edited documents--> checker
    dirty_tx: mpsc::Sender<Url>,
}

/// What editor and server agreed on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Agreement {
    /// How columns are counted.
    pub(super) encoding: Encoding,
    /// Whether inserted text may have stops.
    pub(super) snippets: bool,
}

impl Agreement {
    /// The best for an editor that can do this.
    pub(super) fn with(client: &ClientCapabilities) -> Self {
        Self { encoding: Encoding::choose(client), snippets: convert::takes_snippets(client) }
    }
}

impl Shared {
    pub(super) fn new(client: Client, live: Live, dirty_tx: mpsc::Sender<Url>) -> Self {
        Self {
            client,
            live,
            documents: Mutex::default(),
            agreement: OnceLock::new(),
            readers: Semaphore::new(READERS),
            dirty_tx,
        }
    }

    /// The documents. A poisoned lock means that an edit panicked half-way, which leaves the document as it was.
    pub(super) fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `initialize` agreed on.
    pub(super) fn agreement(&self) -> Agreement {
        self.agreement.get().copied().unwrap_or_default()
    }

    /// Agrees. A second `initialize` is refused before it comes here.
    pub(super) fn agree(&self, agreement: Agreement) {
        let _: Result<(), _> = self.agreement.set(agreement);
    }

    /// Has the document checked soon. Fails only while the server ends.
    pub(super) async fn touch(&self, uri: Url) {
        let _: Result<(), _> = self.dirty_tx.send(uri).await;
    }

    /// The document that a request is about.
    pub(super) fn document(&self, uri: &Url) -> Option<Snapshot> {
        self.documents().get(uri.as_str())
    }

    /// The document under a caret and the caret's offset.
    pub(super) fn at(&self, at: &TextDocumentPositionParams) -> Option<(Snapshot, usize)> {
        let snapshot = self.document(&at.text_document.uri)?;
        let offset = Lines::new(&snapshot.text, self.agreement().encoding).offset(at.position);
        Some((snapshot, offset))
    }

    /// Runs a feature on a document: beside the conversation when the document is large, not at all when it is too
    /// large. A panic in it is our defect: the editor is told, the answer is nothing, and the server goes on.
    pub(super) async fn feature<T: Send + 'static>(
        &self,
        what: &'static str,
        snapshot: &Snapshot,
        feature: impl FnOnce(&Snapshot) -> T + Send + 'static,
    ) -> Option<T> {
        if snapshot.is_oversized() {
            return None;
        }
        // The features are pure functions on snapshots: there is no state that a panic could leave half changed.
        let outcome = if snapshot.text.len() < LARGE {
            catch_unwind(AssertUnwindSafe(|| feature(snapshot)))
        } else {
            let _permit = self.readers.acquire().await.expect("it is never closed");
            let snapshot = snapshot.clone();
            let run = move || catch_unwind(AssertUnwindSafe(|| feature(&snapshot)));
            // Only fails while the runtime ends.
            tokio::task::spawn_blocking(run).await.ok()?
        };
        match outcome {
            Ok(value) => Some(value),
            Err(panic) => {
                let reason = reason(panic.as_ref());
                self.client
                    .log_message(MessageType::ERROR, format!("{what} failed, please report this: {reason}"))
                    .await;
                None
            }
        }
    }
}

/// What a panic says.
pub(super) fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned()
}
