//! Opens that are given up half way: what the agent has opened for nobody is closed.

use link::{Link, Stream};
use protocol::{
    Errno, codec,
    control::StreamHead,
    file::{Close, Content, Handle, Opened},
    operation::Operation,
};
use tokio::io::AsyncWriteExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::proxy::Proxy;

/// An open under way; dropped before [`Self::done`], it is undone.
pub(super) struct Opening {
    link: Link,
    tasks: TaskTracker,
    cancel: CancellationToken,
    stage: Stage,
}

enum Stage {
    /// The agent has been asked.
    Asked(Stream),
    /// It holds this open for us.
    Held(Handle),
    /// There is nothing to undo.
    Done,
}

impl Opening {
    /// `stream` is that of an `Open`.
    pub(super) fn asked(proxy: &Proxy, stream: Stream) -> Self {
        let (link, tasks, cancel) = (proxy.link.clone(), proxy.tasks.clone(), proxy.cancel.clone());
        Self { link, tasks, cancel, stage: Stage::Asked(stream) }
    }

    /// Waits for the answer; gives it with the stream that its blob comes by.
    pub(super) async fn answered(&mut self) -> Result<(Opened, Stream), Errno> {
        let Stage::Asked(stream) = &mut self.stage else { return Err(Errno::EIO) };
        let answer = answer(stream).await;
        let stage = match &answer {
            Ok(opened) => handle_of(opened.content).map_or(Stage::Done, Stage::Held),
            Err(_) => Stage::Done,
        };
        let Stage::Asked(stream) = std::mem::replace(&mut self.stage, stage) else { return Err(Errno::EIO) };
        Ok((answer?, stream))
    }

    /// Somebody else minds the handle from now on.
    pub(super) fn done(mut self) {
        self.stage = Stage::Done;
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let link = self.link.clone();
        let undone = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Done => return,
            Stage::Held(handle) => undo(link, None, Some(handle)),
            Stage::Asked(stream) => undo(link, Some(stream), None),
        };
        self.tasks.spawn(self.cancel.clone().run_until_cancelled_owned(undone));
    }
}

async fn undo(link: Link, stream: Option<Stream>, mut handle: Option<Handle>) {
    if let Some(mut stream) = stream {
        handle = answer(&mut stream).await.ok().and_then(|opened| handle_of(opened.content));
    }
    // What cannot be closed is gone.
    if let Some(handle) = handle
        && let Ok(operation) = codec::encode(&Operation::from(Close { handle }))
        && let Ok(mut closing) = link.tell(&StreamHead::Operation(operation))
        && closing.shutdown().await.is_ok()
    {
        let _ = closing.read_encoded().await; // only for the time that it takes
    }
}

async fn answer(stream: &mut Stream) -> Result<Opened, Errno> {
    let answer: Result<Opened, Errno> = codec::decode(&stream.read_encoded().await?).map_err(|_| Errno::EIO)?;
    answer
}

fn handle_of(content: Content) -> Option<Handle> {
    match content {
        Content::Whole => None,
        Content::Beginning(handle) | Content::Listing(handle) => Some(handle),
    }
}
