//! Bytes that follow an answer: memory, a part of a file, or a directory's listing, read as fast as the session takes
//! them.

use std::sync::Arc;

use bytes::Bytes;
use nix::sys::uio::pread;
use protocol::{Errno, file::Handle};

use super::{details::Looker, errno, handles::OpenFile, listing};
use crate::rights::Rights;

/// Bytes that are read at a time: large enough that the hop to another thread does not show, small enough that many
/// readers fit into a pod's memory limit.
const CHUNK: usize = 128 * 1024;

/// Bytes of a file that are read together with the answer: small files cost one hop.
const FIRST_CHUNK: usize = 32 * 1024;

/// Source of a blob: what is read already, and where the rest comes from.
#[derive(Debug)]
pub(crate) struct Blob {
    ready: Option<Bytes>,
    rest: Option<Source>,
    /// What the answer says is held open.
    handle: Option<Handle>,
}

#[derive(Debug)]
enum Source {
    /// A part of a file: from `at`, at most `left` bytes.
    File { file: Arc<OpenFile>, at: i64, left: usize },
    /// A directory from where its descriptor stands, which nobody else uses.
    Directory(Arc<OpenFile>, Looker),
}

impl Blob {
    /// A blob that is in memory.
    pub(crate) fn memory(bytes: Vec<u8>) -> Self {
        Self { ready: Some(bytes.into()), rest: None, handle: None }
    }

    /// At most `len` bytes of a file; the first ones are read now. Blocks.
    pub(super) fn of_file(file: Arc<OpenFile>, at: i64, len: usize) -> Result<Self, Errno> {
        let rest = Source::File { file, at, left: len };
        let mut blob = Self { ready: None, rest: Some(rest), handle: None };
        blob.ready = blob.read(FIRST_CHUNK)?;
        Ok(blob)
    }

    /// The listing of a directory that nobody else reads; its first entries are read now. Blocks.
    pub(super) fn of_directory(directory: Arc<OpenFile>) -> Result<Self, Errno> {
        let looker = Looker::at(&*directory);
        let mut blob = Self { ready: None, rest: Some(Source::Directory(directory, looker)), handle: None };
        blob.ready = blob.read(FIRST_CHUNK)?;
        Ok(blob)
    }

    /// The same blob, with an answer that tells of `handle`.
    pub(super) fn with(self, handle: Handle) -> Self {
        Self { handle: Some(handle), ..self }
    }

    /// What the answer says is held open.
    pub(crate) fn handle(&self) -> Option<Handle> {
        self.handle
    }

    /// The next bytes, if they need no waiting.
    pub(crate) fn take_ready(&mut self) -> Option<Bytes> {
        self.ready.take()
    }

    /// Those that the rest is to be read with, if they matter: entries of a directory are looked at.
    pub(crate) fn rights(&self) -> Option<Rights> {
        match &self.rest {
            Some(Source::Directory(directory, _)) => Some(directory.rights().clone()),
            Some(Source::File { .. }) | None => None,
        }
    }

    /// Whether all bytes were taken.
    pub(crate) fn is_finished(&self) -> bool {
        self.ready.is_none() && self.rest.is_none()
    }

    /// The next bytes; `None` at the end. Blocks.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Bytes>, Errno> {
        match self.ready.take() {
            Some(ready) => Ok(Some(ready)),
            None => self.read(CHUNK),
        }
    }

    /// Reads at most `limit` bytes; less means that the source is at its end.
    fn read(&mut self, limit: usize) -> Result<Option<Bytes>, Errno> {
        let Some(source) = &mut self.rest else { return Ok(None) };
        let (bytes, ended) = match source {
            Source::File { file, at, left } => {
                let wanted = limit.min(*left);
                let bytes = read_at(file, *at, wanted)?;
                *at += i64::try_from(bytes.len()).expect("a chunk");
                *left -= bytes.len();
                let ended = *left == 0 || bytes.len() < wanted;
                (bytes, ended)
            }
            Source::Directory(directory, looker) => {
                let bytes = listing::next(&**directory, limit, looker)?;
                let ended = bytes.is_empty();
                (bytes, ended)
            }
        };
        if ended {
            self.rest = None;
        }
        Ok((!bytes.is_empty()).then(|| bytes.into()))
    }
}

/// Bytes from `at`, fewer than `len` only at the end. Files of procfs give them in pieces.
fn read_at(file: &OpenFile, at: i64, len: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len || len == 0 {
        let offset = at.checked_add(i64::try_from(filled).expect("a chunk")).ok_or(Errno::EINVAL)?;
        match pread(file, &mut bytes[filled..], offset) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(nix::Error::EINTR) => {}
            // What was read counts; the next read will tell.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(errno(error)),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
