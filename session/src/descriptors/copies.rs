//! Without FUSE: files that are copies in memory, written back when the program has written to them or closes them.
//!
//! Weaker than the mount, and said so when the session starts: a file is fetched whole, nobody waits for the write-back
//! (its errors are warnings), locks exclude only those who share the copy, and directories are copies of the names.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs, io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use link::{Link, Stream};
use nix::{
    fcntl::{OFlag, open as open_here},
    sys::{
        inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor},
        stat::{Mode, SFlag, fstat, mknod},
    },
    unistd::mkfifo,
};
use protocol::{
    Errno, codec,
    control::StreamHead,
    file::{Change, Close, Content, Entry, Handle, Open, Opened, READ_LIMIT, Read, SetTime, WRITE_LIMIT, Which, Write},
    operation::{self, BLOB_FOLLOWS, Operation, Request},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, unix::AsyncFd};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{forward::lost, memory, registered};
use crate::{
    event::{Event, Observer},
    proxy::Proxy,
};

/// How long after a write a copy is written back, so that a burst of writes travels once.
const PAUSE: Duration = Duration::from_millis(200);

/// All copies that programs may write to, and the directories that were made.
#[derive(Clone, Debug)]
pub(crate) struct Copies(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    link: Link,
    observer: Observer,
    tasks: TaskTracker,
    cancel: CancellationToken,
    /// Where directories are made; removed with the session.
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    watcher: Option<Arc<Watcher>>,
    open: HashMap<WatchDescriptor, Arc<Copy>>,
    /// Closed by the program, and perhaps not in the pod yet.
    closing: Vec<Arc<Copy>>,
    directories: u64,
}

/// inotify(7): tells of writes to files in memory.
#[derive(Debug)]
struct Watcher(AsyncFd<Watched>);

#[derive(Debug)]
pub(super) struct Watched(Inotify);

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// A file in memory that a program writes to.
#[derive(Debug)]
struct Copy {
    /// Our own descriptor of it, for reading.
    memory: OwnedFd,
    handle: Handle,
    path: Vec<u8>,
    appends: bool,
    /// What the pod has.
    there: tokio::sync::Mutex<There>,
}

#[derive(Debug)]
struct There {
    bytes: Vec<u8>,
    /// Size and time of the copy when it was last compared.
    compared: Option<(i64, i64, i64)>,
}

impl Copies {
    /// None yet; `folder` is made when it is needed.
    pub(crate) fn new(
        link: &Link,
        observer: &Observer,
        tasks: &TaskTracker,
        cancel: &CancellationToken,
        folder: PathBuf,
    ) -> Self {
        let (link, observer, tasks, cancel) = (link.clone(), observer.clone(), tasks.clone(), cancel.clone());
        Self(Arc::new(Shared { link, observer, tasks, cancel, folder, state: Mutex::default() }))
    }

    /// Writes back whatever is not in the pod yet.
    pub(super) async fn settle(&self) {
        let copies: Vec<_> = {
            let state = self.0.state();
            state.open.values().chain(&state.closing).cloned().collect()
        };
        for copy in copies {
            self.0.write_back(&copy).await;
        }
    }
}

/// Opens a copy of what the agent has opened for `request`; `blob` is what comes with it.
pub(super) async fn open(proxy: &Proxy, request: &Open, opened: Opened, mut blob: Stream) -> Result<OwnedFd, Errno> {
    let shared = &proxy.copies.0;
    let access = OFlag::from_bits_retain(request.flags & (libc::O_ACCMODE | libc::O_APPEND | libc::O_PATH));
    match opened.content {
        Content::Whole => Err(Errno::EIO), // dealt with already
        Content::Listing(handle) => {
            let mut listing = Vec::new();
            (&mut blob).take(memory::LIMIT as u64).read_to_end(&mut listing).await?;
            shared.close(handle).await;
            let directory = shared.make_directory(&listing)?;
            let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | access & OFlag::O_PATH;
            Ok(open_here(&directory, flags, Mode::empty()).map_err(io::Error::from)?)
        }
        Content::Beginning(handle) => {
            let memory = memory::create(&opened.path)?;
            let fetched = async {
                let came = memory::fill(&memory, &mut blob, 0).await?;
                if access.contains(OFlag::O_PATH) {
                    return Ok(());
                }
                if access & OFlag::O_ACCMODE == OFlag::O_WRONLY {
                    shared.fetch_for_writer(&memory, &opened).await
                } else {
                    shared.fetch_rest(&memory, handle, came).await
                }
            };
            let fetched: Result<(), Errno> = fetched.await;
            if let Err(errno) = fetched {
                shared.close(handle).await;
                return Err(errno);
            }
            let descriptor = memory::reopen(&memory, access)?;
            let own = memory::reopen(&memory, OFlag::O_RDONLY)?;
            memory::dress(&memory, &opened.metadata)?;
            drop(memory); // before anybody watches: it is closed after writing, too
            if access.intersects(OFlag::O_WRONLY | OFlag::O_RDWR) {
                let appends = access.contains(OFlag::O_APPEND);
                let there = There { bytes: content_of(&own)?, compared: state_of(&own) };
                let there = tokio::sync::Mutex::new(there);
                shared.watch(Arc::new(Copy { memory: own, handle, path: opened.path, appends, there }))?;
            } else {
                shared.close(handle).await;
            }
            Ok(descriptor)
        }
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask<R: Request>(&self, request: R) -> Result<(R::Reply, Option<Stream>), Errno> {
        let operation: Operation = request.into();
        let encoded = codec::encode(&operation).map_err(|_| Errno(libc::ENAMETOOLONG))?;
        let mut stream = self.link.open(&StreamHead::Operation(encoded)).map_err(|_| Errno::EIO)?;
        stream.shutdown().await?;
        let answer = stream.read_encoded().await?;
        let reply = operation::decode_answer::<R>(&answer).map_err(|_| Errno::EIO)??;
        let blob = stream.read_u8().await? == BLOB_FOLLOWS;
        Ok((reply, blob.then_some(stream)))
    }

    async fn close(&self, handle: Handle) {
        // What cannot be closed is gone.
        let _ = self.ask(Close { handle }).await;
    }

    /// Fetches what lies behind the first `came` bytes.
    async fn fetch_rest(&self, memory: &OwnedFd, handle: Handle, mut came: usize) -> Result<(), Errno> {
        loop {
            let offset = i64::try_from(came).map_err(|_| Errno(libc::EFBIG))?;
            let ((), blob) = self.ask(Read { handle, offset, len: READ_LIMIT }).await?;
            let len = memory::fill(memory, &mut blob.ok_or(Errno::EIO)?, READ_LIMIT as usize).await?;
            came += len;
            if came > memory::LIMIT {
                return Err(Errno(libc::EFBIG));
            }
            if len < READ_LIMIT as usize {
                return Ok(());
            }
        }
    }

    /// A file that is only written to is read by another way, because what the program leaves as it is must stay.
    async fn fetch_for_writer(&self, memory: &OwnedFd, opened: &Opened) -> Result<(), Errno> {
        if opened.metadata.size == 0 {
            return Ok(());
        }
        let request = Open { path: opened.path.clone(), flags: libc::O_RDONLY | libc::O_NOFOLLOW, mode: 0 };
        let (reading, blob) = self.ask(request).await?;
        let came = memory::fill(memory, &mut blob.ok_or(Errno::EIO)?, 0).await?;
        if let Content::Beginning(handle) = reading.content {
            let fetched = self.fetch_rest(memory, handle, came).await;
            self.close(handle).await;
            return fetched;
        }
        Ok(())
    }

    /// Makes a directory that has entries of the same names and types.
    fn make_directory(&self, mut listing: &[u8]) -> io::Result<PathBuf> {
        let number = {
            let mut state = self.state();
            state.directories += 1;
            state.directories
        };
        let directory = self.folder.join(number.to_string());
        fs::create_dir_all(&directory)?;
        while let Some(Entry { ino: _, kind, name }) = Entry::take_from(&mut listing) {
            if name == b"." || name == b".." {
                continue;
            }
            let path = directory.join(OsStr::from_bytes(name));
            make_entry(&path, kind).inspect_err(|error| {
                tracing::debug!(path = %path.display(), %error, "an entry of a copied directory is missing");
            })?;
        }
        Ok(directory)
    }

    /// Follows what a program does with a copy, until it has closed it.
    fn watch(self: &Arc<Self>, copy: Arc<Copy>) -> Result<(), Errno> {
        let errno = |errno: nix::Error| Errno(errno as i32);
        let path = format!("/proc/self/fd/{}", copy.memory.as_raw_fd());
        let mut state = self.state();
        let watcher = if let Some(watcher) = &state.watcher {
            watcher.clone()
        } else {
            let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(errno)?;
            let watcher = Arc::new(Watcher(registered(Watched(inotify))?));
            let followed = self.clone().follow(watcher.clone());
            self.tasks.spawn(self.cancel.clone().run_until_cancelled_owned(followed));
            state.watcher.insert(watcher).clone()
        };
        let wanted = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE;
        let number = watcher.0.get_ref().0.add_watch(path.as_str(), wanted).map_err(errno)?;
        state.open.insert(number, copy);
        Ok(())
    }

    async fn follow(self: Arc<Self>, watcher: Arc<Watcher>) {
        loop {
            let Ok(mut ready) = watcher.0.readable().await else { return };
            let events: Vec<InotifyEvent> = match ready.try_io(|inotify| Ok(inotify.get_ref().0.read_events()?)) {
                Ok(Ok(events)) => events,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "cannot follow copies any more");
                    return;
                }
                Err(_would_block) => continue,
            };
            for InotifyEvent { wd, mask, .. } in events {
                let closed = mask.contains(AddWatchFlags::IN_CLOSE_WRITE);
                let copy = {
                    let mut state = self.state();
                    let copy = if closed { state.open.remove(&wd) } else { state.open.get(&wd).cloned() };
                    state.closing.extend(copy.clone().filter(|_| closed));
                    copy
                };
                let Some(copy) = copy else { continue };
                if closed {
                    // Fails when the file is gone already, and the watch with it.
                    let _ = watcher.0.get_ref().0.rm_watch(wd);
                }
                let shared = self.clone();
                self.tasks.spawn(async move {
                    if closed {
                        shared.write_back(&copy).await;
                        shared.state().closing.retain(|other| !Arc::ptr_eq(other, &copy));
                        shared.close(copy.handle).await;
                    } else {
                        tokio::time::sleep(PAUSE).await;
                        shared.write_back(&copy).await;
                    }
                });
            }
        }
    }

    /// Sends what differs from what the pod has; tells the user if that fails.
    async fn write_back(&self, copy: &Copy) {
        let mut there = copy.there.lock().await;
        let state = state_of(&copy.memory);
        if state.is_some() && there.compared == state {
            return;
        }
        match self.send_differences(copy, &mut there.bytes).await {
            Ok(()) => there.compared = state,
            Err(errno) => {
                there.compared = state; // what failed once is not tried for ever
                self.observer.tell(Event::Warning(lost(&copy.path, errno)));
            }
        }
    }

    async fn send_differences(&self, copy: &Copy, there: &mut Vec<u8>) -> Result<(), Errno> {
        let here = content_of(&copy.memory)?;
        if copy.appends {
            let new = here.get(there.len()..).unwrap_or_default();
            for piece in new.chunks(WRITE_LIMIT) {
                self.ask(Write { handle: copy.handle, offset: 0, data: piece.to_vec() }).await?;
            }
        } else {
            for (index, piece) in here.chunks(WRITE_LIMIT).enumerate() {
                let start = index * WRITE_LIMIT;
                if there.get(start..start + piece.len()) != Some(piece) {
                    let offset = i64::try_from(start).map_err(|_| Errno(libc::EFBIG))?;
                    self.ask(Write { handle: copy.handle, offset, data: piece.to_vec() }).await?;
                }
            }
            if here.len() < there.len() {
                let size = i64::try_from(here.len()).map_err(|_| Errno(libc::EFBIG))?;
                let file = Which::Open(copy.handle);
                let (mode, uid, gid, size) = (None, None, None, Some(size));
                self.ask(Change { file, mode, uid, gid, size, atime: SetTime::Keep, mtime: SetTime::Keep }).await?;
            }
        }
        *there = here;
        Ok(())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.state().directories > 0
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            tracing::warn!(folder = %self.folder.display(), %error, "cannot remove copied directories");
        }
    }
}

/// Makes something of the type that a listing tells. Devices cannot be made by users, links lead nowhere.
fn make_entry(path: &Path, kind: u8) -> io::Result<()> {
    match kind {
        libc::DT_DIR => fs::create_dir(path),
        libc::DT_LNK => std::os::unix::fs::symlink("unknown", path),
        libc::DT_FIFO => Ok(mkfifo(path, Mode::S_IRUSR)?),
        libc::DT_SOCK => Ok(mknod(path, SFlag::S_IFSOCK, Mode::S_IRUSR, 0)?),
        _ => fs::File::create_new(path).map(drop),
    }
}

/// Size and time of the last write; nothing if the kernel does not tell.
fn state_of(memory: &OwnedFd) -> Option<(i64, i64, i64)> {
    fstat(memory).ok().map(|status| (status.st_size, status.st_mtime, status.st_mtime_nsec))
}

fn content_of(memory: &OwnedFd) -> io::Result<Vec<u8>> {
    let size = usize::try_from(fstat(memory)?.st_size).unwrap_or(0);
    let mut bytes = vec![0; size];
    let mut done = 0;
    while done < size {
        let offset = i64::try_from(done).map_err(|_| io::ErrorKind::FileTooLarge)?;
        match nix::sys::uio::pread(memory, &mut bytes[done..], offset)? {
            0 => break, // it has become shorter meanwhile
            len => done += len,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}
