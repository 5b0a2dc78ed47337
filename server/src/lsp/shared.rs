//! What all handlers share: the documents, the agreement with the editor, and a way to run features safely.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use session::live::Views;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_lsp::Client;
use tower_lsp::lsp_types::{ClientCapabilities, MessageType, NumberOrString, TextDocumentPositionParams, Url};

use super::convert::changes::Changes;
use super::convert::{self, Encoding, Lines};
use super::documents::{Documents, Snapshot};
use super::extension::{Event, EventNotification};
use super::requests::targets::Pickers;
use super::sessions::Sessions;
use super::workspace::Workspace;

/// Size of a text, in bytes, from which reading it is left to other threads: about what takes a millisecond.
const LARGE: usize = 64 << 10;

/// Large texts read at once; more would take all processors from the program under development.
const READERS: usize = 2;

/// What the handlers share.
pub(super) struct Shared {
    pub(super) client: Client,
    /// What is known of clusters.
    pub(super) views: Arc<dyn Views>,
    pub(super) sessions: Arc<Sessions>,
    /// Starts of sessions, which come to a clean end whatever happens to the request for them.
    pub(super) tasks: TaskTracker,
    /// The conversation is over.
    pub(super) end: CancellationToken,
    documents: Mutex<Documents>,
    workspace: Mutex<Arc<Workspace>>,
    pickers: Mutex<Pickers>,
    agreement: OnceLock<Agreement>,
    /// Starts under way, by the token of their progress.
    cancellable: Mutex<HashMap<NumberOrString, CancellationToken>>,
    /// The installed manual of the configuration.
    pub(super) manual: Option<Url>,
    /// Whether the editor has said `shutdown`.
    shut_down: AtomicBool,
    readers: Semaphore,
    /// handlers --edited documents--> checker
    dirty_tx: mpsc::Sender<Url>,
}

/// What editor and server agreed on.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a capability of the editor")]
pub(super) struct Agreement {
    /// How columns are counted.
    pub(super) encoding: Encoding,
    /// Whether inserted text may have stops.
    pub(super) snippets: bool,
    /// Whether the editor watches files for those who ask.
    pub(super) watches_files: bool,
    /// Whether the editor tells its settings to those who ask.
    pub(super) tells_settings: bool,
    /// Whether the editor asks for code lenses anew when it is told to.
    pub(super) refreshes_lenses: bool,
    /// Whether the editor asks for inlay hints anew when it is told to.
    pub(super) refreshes_hints: bool,
    /// Which changes of files the editor takes.
    pub(super) changes: Changes,
    /// The editor's process.
    pub(super) process: Option<i32>,
}

impl Agreement {
    /// The best for an editor that can do this.
    pub(super) fn with(client: &ClientCapabilities, process: Option<u32>) -> Self {
        let workspace = client.workspace.as_ref();
        let files = workspace.and_then(|workspace| workspace.did_change_watched_files.as_ref());
        let lenses = workspace.and_then(|workspace| workspace.code_lens.as_ref());
        let hints = workspace.and_then(|workspace| workspace.inlay_hint.as_ref());
        Self {
            encoding: Encoding::choose(client),
            snippets: convert::takes_snippets(client),
            watches_files: files.and_then(|files| files.dynamic_registration).unwrap_or(false),
            tells_settings: workspace.and_then(|workspace| workspace.configuration).unwrap_or(false),
            refreshes_lenses: lenses.and_then(|lenses| lenses.refresh_support).unwrap_or(false),
            refreshes_hints: hints.and_then(|hints| hints.refresh_support).unwrap_or(false),
            changes: Changes::of(client),
            process: process.and_then(|process| i32::try_from(process).ok()),
        }
    }
}

impl Shared {
    pub(super) fn new(
        client: Client,
        views: Arc<dyn Views>,
        sessions: Sessions,
        workspace: Workspace,
        manual: Option<Url>,
        dirty_tx: mpsc::Sender<Url>,
    ) -> Self {
        Self {
            client,
            views,
            sessions: Arc::new(sessions),
            tasks: TaskTracker::new(),
            end: CancellationToken::new(),
            documents: Mutex::default(),
            workspace: Mutex::new(Arc::new(workspace)),
            pickers: Mutex::default(),
            agreement: OnceLock::new(),
            cancellable: Mutex::default(),
            manual,
            shut_down: AtomicBool::new(false),
            readers: Semaphore::new(READERS),
            dirty_tx,
        }
    }

    /// The documents. A poisoned lock means that an edit panicked half-way, which leaves the document as it was.
    pub(super) fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The surroundings of the documents now.
    pub(super) fn workspace(&self) -> Arc<Workspace> {
        Arc::clone(&self.workspace.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the surroundings; [`Shared::reconsider`] makes the documents follow.
    pub(super) fn change_workspace(&self, change: impl FnOnce(&mut Workspace)) {
        change(Arc::make_mut(&mut self.workspace.lock().unwrap_or_else(PoisonError::into_inner)));
    }

    /// Checks all documents anew, as what they depend on has changed.
    pub(super) async fn reconsider(&self) {
        let uris: Vec<_> = {
            let mut documents = self.documents();
            documents.reconsider();
            documents.all().filter_map(|snapshot| Url::parse(&snapshot.uri).ok()).collect()
        };
        for uri in uris {
            self.touch(uri).await;
        }
    }

    /// Does something beside the conversation, as long as it lasts. Requests of ours to the editor belong here:
    /// tower-lsp does not survive an answer that nobody waits for any more, as after a request of the editor that was
    /// cancelled.
    pub(super) fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.end.clone().run_until_cancelled_owned(work));
    }

    /// Has the editor ask for code lenses anew: the sessions are others.
    pub(super) fn refresh_lenses(&self) {
        if self.agreement().refreshes_lenses {
            let client = self.client.clone();
            // An editor that refuses goes on showing the old ones.
            self.beside(async move { drop(client.code_lens_refresh().await) });
        }
    }

    /// Has the editor ask for inlay hints anew: the pods of a target are others.
    pub(super) fn refresh_hints(&self) {
        if self.agreement().refreshes_hints {
            let client = self.client.clone();
            // As above.
            self.beside(async move { drop(client.inlay_hint_refresh().await) });
        }
    }

    /// What pickers have been told.
    pub(super) fn pickers(&self) -> MutexGuard<'_, Pickers> {
        self.pickers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the editor cancel by the token of a progress, until the guard is dropped.
    pub(super) fn cancellable(&self, token: NumberOrString, cancel: CancellationToken) -> impl Drop + '_ {
        self.tokens().insert(token.clone(), cancel);
        Registered { shared: self, token }
    }

    /// The editor cancels a progress.
    pub(super) fn cancel(&self, token: &NumberOrString) {
        if let Some(cancel) = self.tokens().get(token) {
            cancel.cancel();
        }
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<NumberOrString, CancellationToken>> {
        self.cancellable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the editor something worth showing.
    pub(super) async fn tell(&self, event: Event) {
        self.client.send_notification::<EventNotification>(event).await;
    }

    /// The editor has said `shutdown`.
    pub(super) fn shut_down(&self) {
        self.shut_down.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_shut_down(&self) -> bool {
        self.shut_down.load(Ordering::Relaxed)
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

struct Registered<'a> {
    shared: &'a Shared,
    token: NumberOrString,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.shared.tokens().remove(&self.token);
    }
}

/// What a panic says.
pub(super) fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned()
}
