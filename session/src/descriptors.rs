//! The one factory of descriptors for remote files: both engines get theirs here.
//!
//! | what | how |
//! |---|---|
//! | a small file that is only read, and is quiet | its content comes with the answer: a memfd ([`memory`]) |
//! | large files, files that are written, directories, `O_PATH` | a file of a FUSE mount ([`mount`]) that a process of its own serves ([`helper`]) |
//! | the same, where there is no FUSE | memfds that are written back, directories of the right names ([`copies`]) |
//!
//! Each costs one round trip, whatever is read of it. What was written through the mount and has not reached the pod is
//! waited for before any path is looked at: a program sees what it has written, whichever way it looks.

mod copies;
mod forward;
pub mod helper;
pub(crate) mod launch;
mod lent;
mod memory;
mod mount;
mod opening;
mod remembered;
mod wire;

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use nix::fcntl::OFlag;
use protocol::{
    Errno, codec,
    control::StreamHead,
    file::{Content, Open},
    link::OpenedFile,
    operation::{self, BLOB_FOLLOWS, Operation},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, unix::AsyncFd};

use crate::{
    advice,
    event::Event,
    proxy::{Proxy, encode},
};
pub(crate) use copies::{Copies, original};
pub(crate) use lent::Lent;
pub(crate) use mount::Files;
use opening::Opening;
use remembered::{Asked, Known, Question, Remembered, may_change};
use wire::Moment;

/// How long the end of a session waits for writes of programs that were killed before they could wait themselves.
const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// Bytes of a listing that are taken at once.
const LISTING_CHUNK: usize = 64 * 1024;

/// Opens a file of the target for a program; the descriptor is closed on exec in our own process.
pub(crate) async fn open(proxy: &Proxy, request: &Open) -> Result<(OpenedFile, Lent), Errno> {
    open_as(proxy, request, true).await
}

/// As [`open`], but a copy only where nothing else can be had: for programs in which nobody mends what fstat(2) says of a
/// copy, or says why it cannot be locked.
pub(crate) async fn open_itself(proxy: &Proxy, request: &Open) -> Result<Lent, Errno> {
    open_as(proxy, request, false).await.map(|(_, descriptor)| descriptor)
}

async fn open_as(proxy: &Proxy, request: &Open, may_copy: bool) -> Result<(OpenedFile, Lent), Errno> {
    let opened = open_there(proxy, request, may_copy).await;
    if matches!(opened, Err(Errno::ENOENT)) && request.flags & libc::O_CREAT == 0 {
        advice::certificates::absent(proxy, &request.path).await;
    }
    opened
}

async fn open_there(proxy: &Proxy, request: &Open, may_copy: bool) -> Result<(OpenedFile, Lent), Errno> {
    settle(proxy, Touch::Looks).await;
    let operation = codec::encode(&Operation::from(request.clone())).map_err(|_| Errno(libc::ENAMETOOLONG))?;
    let remembered = mounted(proxy).map(Files::remembered);
    let _changing = remembered.filter(|_| may_change(&operation)).map(Remembered::changing);
    let known = remembered.zip(Question::of(&operation)).map(|(remembered, question)| remembered.find(&question));
    if let Some(Ok(_)) = known {
        return Err(Errno::ENOENT); // nothing else is remembered of opens
    }
    let (asked, since) = (Moment::now(), remembered.map(|remembered| (remembered, remembered.asked())));
    let mut opening = Opening::asked(proxy, ask(proxy, operation).await?);
    let answer = opening.answered().await;
    if let Some((remembered, since)) = since {
        remembered.opened(since, request, answer.as_ref().map(|(opened, _)| opened).map_err(|errno| *errno));
    }
    let (opened, mut stream) = answer?;
    if stream.read_u8().await? != BLOB_FOLLOWS {
        return Err(Errno::EIO);
    }
    proxy.seen.file(&request.path, request.flags & libc::O_ACCMODE != libc::O_RDONLY);
    let metadata = opened.metadata;
    let Some(files) = mounted(proxy) else {
        let copied = copies::open(proxy, request, asked, opened, stream, opening).await;
        let descriptor = copied.inspect_err(|errno| warn_if_large(proxy, &io::Error::from(*errno)))?;
        return Ok((OpenedFile { metadata, copy: true }, descriptor.into()));
    };
    if opened.content == Content::Whole && may_copy && memory::has_room(metadata.size) {
        let expected = usize::try_from(metadata.size).unwrap_or(0) + 1;
        let memfd = memory::create(&opened.path)?;
        memory::fill(&memfd, &mut stream, expected).await.inspect_err(|error| warn_if_large(proxy, error))?;
        let descriptor = memory::reopen(&memfd, OFlag::O_RDONLY)?;
        memory::dress(&memfd, &metadata)?;
        return Ok((OpenedFile { metadata, copy: true }, descriptor.into()));
    }
    let passing = since.and_then(|(remembered, since)| remembered.listing(since, request, &opened));
    let descriptor = files.open(request, asked, opened, (stream, passing), opening).await?;
    Ok((OpenedFile { metadata, copy: false }, descriptor))
}

/// Passes an operation on, unopened, and collects its answer; a blob becomes a memfd.
pub(crate) async fn perform(proxy: &Proxy, operation: Vec<u8>) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let sought = advice::certificates::sought(&operation);
    let performed = pass_on(proxy, operation).await;
    if let (Some(path), Ok((answer, _))) = (sought, &performed) {
        advice::certificates::answered(proxy, &path, answer).await;
    }
    performed
}

async fn pass_on(proxy: &Proxy, operation: Vec<u8>) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let touch = Touch::of(&operation);
    settle(proxy, if touch == Touch::Changes { Touch::Looks } else { touch }).await;
    let remembered = mounted(proxy).map(Files::remembered);
    let kept = match remembered.zip(Question::of(&operation)) {
        Some((remembered, question)) => match find(proxy, remembered, &question).await {
            Ok(known) => return Ok((known.answer, None)),
            Err(asked) => Some((remembered, asked, question)),
        },
        None => None,
    };
    let _changing = remembered.filter(|_| may_change(&operation)).map(Remembered::changing);
    let mut stream = ask(proxy, operation).await?;
    let answer = stream.read_encoded().await?;
    if let Some((remembered, asked, question)) = kept {
        remembered.keep(asked, question, &answer);
    }
    let blob = if stream.read_u8().await? == BLOB_FOLLOWS {
        let memfd = memory::create(b"mirrord")?;
        match memory::fill(&memfd, &mut stream, 0).await {
            Ok(_) => Some(memory::reopen(&memfd, OFlag::O_RDONLY)?),
            Err(error) => {
                warn_if_large(proxy, &error);
                return Ok((encode(&Err::<(), Errno>(error.into()))?, None));
            }
        }
    } else {
        None
    };
    if touch == Touch::Changes {
        settle(proxy, touch).await;
    }
    Ok((answer, blob))
}

/// The answer to a question if it is known, or if the folder's new listing tells it.
async fn find(proxy: &Proxy, remembered: &Arc<Remembered>, question: &Question) -> Result<Known, Asked> {
    let found = remembered.find(question);
    let Some(folder) = found.as_ref().err().and_then(|_| remembered.renewable(question)) else { return found };
    if let Err(errno) = list_anew(proxy, remembered, &folder).await {
        tracing::debug!(%errno, "a folder is not listed anew: its entries are asked for one by one");
    }
    remembered.find(question)
}

/// Lists a folder to remember what the listing tells.
async fn list_anew(proxy: &Proxy, remembered: &Arc<Remembered>, folder: &Open) -> Result<(), Errno> {
    let operation = codec::encode(&Operation::from(folder.clone())).map_err(|_| Errno(libc::ENAMETOOLONG))?;
    let since = remembered.asked();
    let mut opening = Opening::asked(proxy, ask(proxy, operation).await?);
    // When `opening` is dropped, what was opened is closed.
    let (opened, mut blob) = opening.answered().await?;
    let mut passing = remembered.listing(since, folder, &opened).ok_or(Errno(libc::ENOTDIR))?;
    if blob.read_u8().await? != BLOB_FOLLOWS {
        return Err(Errno::EIO);
    }
    let mut chunk = vec![0; LISTING_CHUNK];
    loop {
        match blob.read(&mut chunk).await? {
            0 => break,
            len => passing.see(&chunk[..len]),
        }
    }
    passing.end();
    Ok(())
}

/// The mount, if it is served.
fn mounted(proxy: &Proxy) -> Option<&Files> {
    proxy.files.as_ref().filter(|files| files.are_there())
}

/// The session ends: waits until what programs have written is in the pod, and says so if it does not get there.
pub(crate) async fn finish(proxy: &Proxy) {
    let finished = async {
        settle(proxy, Touch::Looks).await;
        proxy.copies.finish().await;
    };
    if tokio::time::timeout(FINISH_LIMIT, finished).await.is_err() {
        let text = "what the program wrote last may not have reached the pod: it does not answer".to_owned();
        proxy.observer.tell(Event::Warning(text));
    }
}

/// Lets the runtime tell when a descriptor of our own is ready.
fn registered<T: AsRawFd + OwnsDescriptor>(descriptor: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: these types own the one descriptor that they show, and close it when they are dropped.
    #[expect(unsafe_code, reason = "the runtime must be sure that the descriptor stays the same")]
    let registered = unsafe { AsyncFd::register(descriptor) };
    Ok(registered?)
}

/// Types whose descriptor stays the same and open as long as they live.
trait OwnsDescriptor {}

impl OwnsDescriptor for OwnedFd {}
impl OwnsDescriptor for copies::Watched {}

/// Opens an operation's stream; we send nothing more on it.
async fn ask(proxy: &Proxy, operation: Vec<u8>) -> io::Result<link::Stream> {
    tracing::debug!(operation = operation::name_of(&operation), "asks the agent");
    let head = StreamHead::Operation(operation);
    let mut stream = proxy.link.open(&head).map_err(|closed| io::Error::other(closed.to_string()))?;
    stream.shutdown().await?;
    Ok(stream)
}

fn warn_if_large(proxy: &Proxy, error: &io::Error) {
    if error.raw_os_error() == Some(libc::EFBIG) {
        proxy.observer.tell(Event::Warning(format!(
            "a remote file of more than {} MiB was not opened (EFBIG): it would be held in memory",
            memory::LIMIT / (1024 * 1024)
        )));
    }
}

/// What an operation has to do with files that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    /// Nothing: names of hosts, the environment.
    Nothing,
    /// It finds what they have written.
    Looks,
    /// It may change what is known of them.
    Changes,
}

impl Touch {
    fn of(operation: &[u8]) -> Self {
        match operation::name_of(operation) {
            None | Some("environment" | "lookup" | "query" | "reverse" | "interfaces") => Self::Nothing,
            Some(_) if may_change(operation) => Self::Changes,
            Some(_) => Self::Looks,
        }
    }
}

/// Waits until open files and paths tell the same.
async fn settle(proxy: &Proxy, touch: Touch) {
    if let Some(files) = &proxy.files {
        match touch {
            Touch::Nothing => {}
            Touch::Looks => files.settle_if_dirty().await,
            Touch::Changes => files.forget().await,
        }
    }
    match touch {
        Touch::Nothing => {}
        Touch::Looks => proxy.copies.settle().await,
        Touch::Changes => proxy.copies.learn().await,
    }
}

#[cfg(test)]
mod tests {
    use protocol::file::{Remove, Stat, Which};

    use super::*;

    #[test]
    fn operations_are_told_apart_by_what_they_touch() {
        let path = || b"/x".to_vec();
        let cases: [(Operation, Touch); 4] = [
            (Remove { path: path(), directory: false }.into(), Touch::Changes),
            (Stat { file: Which::Path { path: path(), follow: true } }.into(), Touch::Looks),
            (Open { path: path(), flags: 0, mode: 0 }.into(), Touch::Looks),
            (protocol::env::ReadEnvironment.into(), Touch::Nothing),
        ];
        for (operation, expected) in cases {
            let encoded = codec::encode(&operation).unwrap();
            assert_eq!(Touch::of(&encoded), expected, "{}", operation.name());
        }
        assert_eq!(Touch::of(&[]), Touch::Nothing);
    }
}
