//! One file of the target in this machine's memory, for all who have it open here.

use std::{
    io,
    os::fd::OwnedFd,
    sync::atomic::{AtomicBool, AtomicUsize},
};

use link::Stream;
use nix::{
    fcntl::OFlag,
    sys::stat::{Mode, fchmod, fstat},
    unistd::ftruncate,
};
use protocol::{
    Errno,
    file::{Metadata, Opened, Stat, Synchronise, Which},
};

use super::{
    Identity, Shared,
    content::{State, content_of, has_settled, size_of, state_of},
    held::{Held, KINDS},
    watch::{self, is_open},
};
use crate::{
    descriptors::{forward::lost, memory, wire::Moment},
    event::Event,
};

#[derive(Debug)]
pub(super) struct Copy {
    /// Our own descriptor of it, for reading.
    pub(super) memory: OwnedFd,
    /// Inode number of the memory, by which layers know it.
    pub(super) number: u64,
    pub(super) identity: Identity,
    pub(super) path: Vec<u8>,
    /// Whether somebody will look at what was written in a moment.
    pub(super) waits: AtomicBool,
    /// How many are about to open it. Changed while the table of copies is locked.
    pub(super) openers: AtomicUsize,
    known: tokio::sync::Mutex<Known>,
}

/// What the agent has said to an open, and what has come with it.
pub(super) struct Answer {
    pub(super) opened: Opened,
    /// When it was asked: what was written after that is in none of it.
    pub(super) asked: Moment,
    pub(super) held: Option<Held>,
    /// The file's content, if it has come already; else it begins with `blob`.
    pub(super) fetched: Option<OwnedFd>,
    pub(super) blob: Stream,
}

/// What is known of the file in the target.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What it was when somebody looked last; nothing since we have written to it.
    pub(super) metadata: Option<Metadata>,
    /// Its content, as long as somebody here may write.
    there: Option<Vec<u8>>,
    /// Size and time of the copy when it was the same as `there`.
    compared: Option<State>,
    /// When we have written to it last.
    sent: Option<Moment>,
    /// One of each kind.
    pub(super) handles: Vec<Held>,
    /// Why what was written is not there, as a program has been told.
    told: Option<Errno>,
}

/// How closely it is looked whether anything was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Thorough {
    /// Size and time tell, which do not change with a mapping.
    No,
    Yes,
}

impl Copy {
    /// An empty one.
    pub(super) fn new(identity: Identity, path: &[u8]) -> Result<Self, Errno> {
        let made = memory::create(path)?;
        // Only what was opened by a path counts where it is asked who has it open.
        let memory = memory::reopen(&made, OFlag::O_RDONLY)?;
        let number = fstat(&memory).map_err(io::Error::from)?.st_ino;
        Ok(Self {
            memory,
            number,
            identity,
            path: path.to_vec(),
            waits: AtomicBool::default(),
            openers: AtomicUsize::default(),
            known: tokio::sync::Mutex::default(),
        })
    }

    /// A descriptor for a program, after the agent has opened the file.
    pub(super) async fn open(&self, shared: &Shared, flags: OFlag, answer: Answer) -> Result<OwnedFd, Errno> {
        let Answer { opened, asked, held, fetched, blob } = answer;
        let mut known = self.known.lock().await;
        let known = &mut *known;
        if let Some(held) = held {
            if known.handles.iter().any(|other| other.is_like(held)) {
                shared.close(held.handle).await;
            } else {
                known.handles.push(held);
            }
        }
        let (metadata, source) = if known.sent.is_some_and(|sent| sent > asked) {
            (self.ask_again(shared, known).await?, Source::Nothing)
        } else {
            (opened.metadata, fetched.map_or(Source::Blob(blob), Source::Here))
        };
        let cut = flags.contains(OFlag::O_TRUNC);
        let fills = self.is_stale(known, &metadata) && (cut || !self.is_dirty(known));
        if fills {
            self.fill(shared, known, &metadata, source).await?;
        }
        self.dress(known, &metadata, fills)?;
        if flags.intersects(OFlag::O_WRONLY | OFlag::O_RDWR) && known.there.is_none() {
            (known.there, known.compared) = (Some(content_of(&self.memory)?), state_of(&self.memory));
        }
        Ok(self.reopen(flags & (KINDS | OFlag::O_PATH))?)
    }

    /// Sends what was written since it was sent last.
    pub(super) async fn write_back(&self, shared: &Shared, thorough: Thorough) -> Result<(), Errno> {
        self.send(shared, &mut *self.known.lock().await, thorough).await
    }

    /// As [`Self::write_back`], and tells the program whether it has succeeded; gives the file as it is in the target.
    pub(super) async fn synchronise(&self, shared: &Shared, lasting: bool) -> Result<Metadata, Errno> {
        let mut known = self.known.lock().await;
        let known = &mut *known;
        let sent = self.send(shared, known, Thorough::Yes).await;
        known.told = sent.err();
        sent?;
        let handle = known.handles.first().map(|held| held.handle);
        if lasting && let Some(held) = known.handles.iter().find(|held| held.writes()) {
            shared.ask(Synchronise { handle: held.handle, data_only: false }).await?;
        }
        match (known.metadata, handle) {
            (Some(metadata), _) => Ok(metadata),
            (None, None) => Err(Errno(libc::EBADF)),
            (None, Some(handle)) => {
                let metadata = shared.status(handle).await?;
                // If it has grown by others, the next to open it must see that.
                known.metadata = Some(metadata).filter(|metadata| metadata.size == size_of(&self.memory));
                Ok(metadata)
            }
        }
    }

    /// Nobody has it open for writing any more: what nobody was told of is told now.
    pub(super) async fn finish_writing(&self, shared: &Shared) {
        let mut known = self.known.lock().await;
        if known.there.is_none() {
            return;
        }
        let sent = self.send(shared, &mut known, Thorough::Yes).await;
        if let Err(errno) = sent
            && known.told != Some(errno)
        {
            shared.observer.tell(Event::Warning(lost(&self.path, errno)));
        }
        if !is_open(&self.memory, watch::Open::ForWriting) {
            known.there = None;
        }
    }

    /// The agent need not hold it open any more.
    pub(super) async fn release(&self, shared: &Shared) {
        let handles = std::mem::take(&mut self.known.lock().await.handles);
        for held in handles {
            shared.close(held.handle).await;
        }
    }

    /// Asks how the file is now, and takes over what has changed.
    pub(super) async fn learn_again(&self, shared: &Shared) {
        let mut known = self.known.lock().await;
        let known = &mut *known;
        let Ok(metadata) = self.ask_again(shared, known).await else { return };
        let fills = self.is_stale(known, &metadata) && !self.is_dirty(known);
        if fills && self.fill(shared, known, &metadata, Source::Nothing).await.is_err() {
            return; // whoever opens it next sees why
        }
        if let Err(errno) = self.dress(known, &metadata, fills) {
            tracing::debug!(%errno, "a copy does not look like its file");
        }
    }

    /// How the file is now.
    async fn ask_again(&self, shared: &Shared, known: &Known) -> Result<Metadata, Errno> {
        if let Some(held) = known.handles.first() {
            return shared.status(held.handle).await;
        }
        let file = Which::Path { path: self.path.clone(), follow: false };
        let (now, _) = shared.ask(Stat { file }).await?;
        // Another file may be there now, and this one elsewhere.
        if (now.dev, now.ino) == self.identity { Ok(now) } else { Err(Errno(libc::ESTALE)) }
    }

    async fn send(&self, shared: &Shared, known: &mut Known, thorough: Thorough) -> Result<(), Errno> {
        let Some(there) = &mut known.there else { return Ok(()) };
        let state = state_of(&self.memory);
        if thorough == Thorough::No && state.is_some() && known.compared == state {
            return Ok(());
        }
        let here = content_of(&self.memory)?;
        known.compared = state.filter(has_settled);
        if here == *there {
            return Ok(());
        }
        known.metadata = None;
        let sent = shared.send_differences(self, &known.handles, here, there).await;
        known.sent = Some(Moment::now());
        sent
    }

    fn is_stale(&self, known: &Known, now: &Metadata) -> bool {
        match known.metadata {
            Some(before) => (before.size, before.mtime) != (now.size, now.mtime),
            None => known.there.is_none() || size_of(&self.memory) != now.size,
        }
    }

    fn is_dirty(&self, known: &Known) -> bool {
        known.there.as_ref().is_some_and(|there| content_of(&self.memory).is_ok_and(|here| here != *there))
    }

    async fn fill(&self, shared: &Shared, known: &mut Known, metadata: &Metadata, source: Source) -> Result<(), Errno> {
        let memory = self.reopen(OFlag::O_RDWR)?;
        let len = match source {
            Source::Here(fetched) => {
                let bytes = content_of(&fetched)?;
                memory::write_all(&memory, &bytes)?;
                bytes.len()
            }
            Source::Blob(mut blob) => {
                let came = memory::fill(&memory, &mut blob, 0).await?;
                shared.fetch_rest(&memory, came, &self.path, known, metadata).await?
            }
            Source::Nothing => shared.fetch_rest(&memory, 0, &self.path, known, metadata).await?,
        };
        ftruncate(&memory, i64::try_from(len).map_err(|_| Errno(libc::EFBIG))?).map_err(io::Error::from)?;
        if known.there.is_some() {
            known.there = Some(content_of(&self.memory)?);
        }
        Ok(())
    }

    /// Gives the copy the file's looks. `filled`: it has just got the file's content.
    fn dress(&self, known: &mut Known, metadata: &Metadata, filled: bool) -> Result<(), Errno> {
        let looks = |metadata: Metadata| (metadata.mode, metadata.mtime);
        if filled || known.metadata.map(looks) != Some(looks(*metadata)) {
            memory::dress(&self.memory, metadata)?;
            // It may have been written to a moment ago, which its time does not tell any more.
            known.compared = if filled { state_of(&self.memory) } else { None };
        }
        known.metadata = Some(*metadata);
        Ok(())
    }

    /// Opens it anew, whatever permissions it shows.
    fn reopen(&self, flags: OFlag) -> io::Result<OwnedFd> {
        match memory::reopen(&self.memory, flags) {
            Err(error) if error.raw_os_error() == Some(libc::EACCES) => {
                let mode = Mode::from_bits_truncate(fstat(&self.memory)?.st_mode & 0o7777);
                fchmod(&self.memory, Mode::S_IRUSR | Mode::S_IWUSR)?;
                let descriptor = memory::reopen(&self.memory, flags);
                fchmod(&self.memory, mode)?;
                descriptor
            }
            descriptor => descriptor,
        }
    }
}

/// Where a file's content is.
enum Source {
    Here(OwnedFd),
    /// It begins with this.
    Blob(Stream),
    /// At the agent.
    Nothing,
}

/// Whether it is one file, whatever has happened to it.
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev, one.ino) == (other.dev, other.ino)
}
