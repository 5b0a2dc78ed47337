//! Bytes that follow an answer: a file, read as fast as the session takes it, or memory.

use std::{fs::File, io::Read};

use bytes::Bytes;
use protocol::Errno;

/// Bytes of a file that are read at a time: large enough that the hop to the blocking pool does not show, small enough
/// that hundreds of readers fit into a pod's memory limit.
const CHUNK: usize = 128 * 1024;

/// Source of a blob: what is read already, and the file that the rest comes from.
#[derive(Debug)]
pub(crate) struct Blob {
    ready: Option<Bytes>,
    rest: Option<File>,
}

impl Blob {
    /// A blob that is in memory.
    pub(crate) fn memory(bytes: Vec<u8>) -> Self {
        Self { ready: Some(bytes.into()), rest: None }
    }

    /// A file from its current position to its end; its first chunk is read now. Blocks.
    pub(super) fn start(file: File) -> Result<Self, Errno> {
        let mut blob = Self { ready: None, rest: Some(file) };
        blob.ready = blob.next_chunk()?;
        Ok(blob)
    }

    /// The next bytes, if they need no waiting.
    pub(crate) fn take_ready(&mut self) -> Option<Bytes> {
        self.ready.take()
    }

    /// Whether all bytes were taken.
    pub(crate) fn is_finished(&self) -> bool {
        self.ready.is_none() && self.rest.is_none()
    }

    /// The next bytes; `None` at the end. Blocks.
    ///
    /// Reads until the file says that it is at its end: files of procfs have no size.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Bytes>, Errno> {
        if let Some(ready) = self.ready.take() {
            return Ok(Some(ready));
        }
        let Some(file) = &mut self.rest else { return Ok(None) };
        let mut chunk = Vec::new();
        let limit = u64::try_from(CHUNK).expect("a small constant");
        if file.take(limit).read_to_end(&mut chunk)? < CHUNK {
            self.rest = None;
        }
        Ok((!chunk.is_empty()).then(|| chunk.into()))
    }
}
