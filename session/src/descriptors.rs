//! The one factory of descriptors for remote files: both engines get theirs here.

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    fcntl::{OFlag, open as open_here},
    sys::{
        memfd::{MFdFlags, memfd_create},
        stat::Mode,
    },
};
use protocol::{
    Errno, codec,
    control::StreamHead,
    file::{Close, Content, Handle, Open, Opened, READ_LIMIT, Read},
    link::OpenedFile,
    operation::{BLOB_FOLLOWS, Operation},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    event::Event,
    proxy::{Proxy, encode},
};

/// Bytes of a blob that are moved at once.
const BLOB_CHUNK: usize = 256 * 1024;

/// Largest blob, in bytes: a remote file is held in this machine's memory for as long as the program has it open.
const BLOB_LIMIT: usize = 1024 * 1024 * 1024;

/// Opens a file of the target for a program; the descriptor is closed on exec in our own process.
pub(crate) async fn open(proxy: &Proxy, request: &Open) -> Result<(OpenedFile, OwnedFd), Errno> {
    let operation = codec::encode(&Operation::from(request.clone())).map_err(|_| Errno(libc::ENAMETOOLONG))?;
    let (answer, blob) = perform(proxy, operation).await.map_err(Errno::from)?;
    let opened: Result<Opened, Errno> = codec::decode(&answer).map_err(|_| Errno::EIO)?;
    let (Opened { metadata, path: _, content }, copy) = (opened?, blob.ok_or(Errno::EIO)?);
    if let Content::Beginning(handle) | Content::Listing(handle) = content {
        let completed = complete(proxy, handle, &copy).await;
        let close = codec::encode(&Operation::from(Close { handle })).map_err(|_| Errno::EIO)?;
        perform(proxy, close).await.map_err(Errno::from)?;
        completed?;
    }
    Ok((OpenedFile { metadata, copy: true }, copy))
}

/// Reads what follows the beginning of a file that the agent holds open.
async fn complete(proxy: &Proxy, handle: Handle, copy: &OwnedFd) -> Result<(), Errno> {
    let writable = format!("/proc/self/fd/{}", copy.as_raw_fd());
    let mut copy = File::options().append(true).open(writable).map_err(Errno::from)?;
    let mut offset = copy.metadata().map_err(Errno::from)?.len();
    loop {
        let read = Read { handle, offset: offset.cast_signed(), len: READ_LIMIT };
        let read = codec::encode(&Operation::from(read)).map_err(|_| Errno::EIO)?;
        let (answer, blob) = perform(proxy, read).await.map_err(Errno::from)?;
        let answer: Result<(), Errno> = codec::decode(&answer).map_err(|_| Errno::EIO)?;
        answer?;
        let moved = io::copy(&mut File::from(blob.ok_or(Errno::EIO)?), &mut copy).map_err(Errno::from)?;
        offset += moved;
        if offset > BLOB_LIMIT as u64 {
            return Err(Errno(libc::EFBIG));
        }
        if moved == 0 {
            return Ok(());
        }
    }
}

/// Passes an operation on, unopened, and collects its answer; a blob becomes a memfd.
pub(crate) async fn perform(proxy: &Proxy, operation: Vec<u8>) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let head = StreamHead::Operation(operation);
    let mut stream = proxy.link.open(&head).map_err(|closed| io::Error::other(closed.to_string()))?;
    stream.shutdown().await?;
    let answer = stream.read_encoded().await?;
    if stream.read_u8().await? != BLOB_FOLLOWS {
        return Ok((answer, None));
    }
    let memfd = memfd_create(c"mirrord", MFdFlags::MFD_CLOEXEC)?;
    let mut chunk = vec![0; BLOB_CHUNK];
    let mut total = 0;
    loop {
        let len = stream.read(&mut chunk).await?;
        if len == 0 {
            break;
        }
        total += len;
        if total > BLOB_LIMIT {
            proxy.observer.tell(Event::Warning(format!(
                "a remote file of more than {} MiB was not opened (EFBIG): it would be held in memory",
                BLOB_LIMIT / (1024 * 1024)
            )));
            return Ok((encode(&Err::<(), Errno>(Errno(libc::EFBIG)))?, None));
        }
        let mut rest = &chunk[..len];
        while !rest.is_empty() {
            let written = nix::unistd::write(&memfd, rest)?;
            rest = &rest[written..];
        }
    }
    // Opened anew: with an offset of its own, at 0, and for reading only.
    let path = format!("/proc/self/fd/{}", memfd.as_raw_fd());
    let readable = open_here(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    Ok((answer, Some(readable)))
}
