//! What travels between a copy and its file.

use std::os::fd::OwnedFd;

use protocol::{
    Errno,
    file::{Change, Content, Handle, Metadata, Open, READ_LIMIT, Read, SetTime, WRITE_LIMIT, Which, Write},
};

use super::{
    Shared,
    file::{Copy, Known, is_same},
    held::Held,
};
use crate::descriptors::memory;

impl Shared {
    /// Fetches what lies behind the first `came` bytes; gives how many there are in all. A file that is only written to is
    /// read by another way, because what the program leaves as it is must stay.
    pub(super) async fn fetch_rest(
        &self,
        memory: &OwnedFd,
        came: usize,
        path: &[u8],
        known: &Known,
        metadata: &Metadata,
    ) -> Result<usize, Errno> {
        let reader = known.handles.iter().find(|held| held.reads());
        match reader {
            _ if came > 0 && i64::try_from(came) == Ok(metadata.size) => Ok(came),
            Some(held) => self.read(memory, held.handle, came).await,
            None if metadata.size == 0 => Ok(0),
            None => self.read_by_path(memory, path, metadata).await,
        }
    }

    async fn read(&self, memory: &OwnedFd, handle: Handle, mut came: usize) -> Result<usize, Errno> {
        loop {
            let offset = i64::try_from(came).map_err(|_| Errno(libc::EFBIG))?;
            let ((), blob) = self.ask(Read { handle, offset, len: READ_LIMIT }).await?;
            let len = memory::fill(memory, &mut blob.ok_or(Errno::EIO)?, READ_LIMIT as usize).await?;
            came += len;
            if came > memory::LIMIT {
                return Err(Errno(libc::EFBIG));
            }
            if len < READ_LIMIT as usize {
                return Ok(came);
            }
        }
    }

    async fn read_by_path(&self, memory: &OwnedFd, path: &[u8], metadata: &Metadata) -> Result<usize, Errno> {
        let request = Open { path: path.to_vec(), flags: libc::O_RDONLY | libc::O_NOFOLLOW, mode: 0 };
        let (reading, blob) = self.ask(request).await?;
        let handle = match reading.content {
            Content::Beginning(handle) | Content::Listing(handle) => Some(handle),
            Content::Whole => None,
        };
        let read = async {
            if !is_same(&reading.metadata, metadata) {
                return Err(Errno(libc::ESTALE)); // it is called otherwise now
            }
            let came = memory::fill(memory, &mut blob.ok_or(Errno::EIO)?, 0).await?;
            match handle {
                Some(handle) => self.read(memory, handle, came).await,
                None => Ok(came),
            }
        };
        let read = read.await;
        if let Some(handle) = handle {
            self.close(handle).await;
        }
        read
    }

    /// Sends what differs from what the pod has, `there`, which is kept true.
    pub(super) async fn send_differences(
        &self,
        copy: &Copy,
        handles: &[Held],
        here: Vec<u8>,
        there: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        // Where a log has more writers than us, the target knows where its end is.
        if here.starts_with(there)
            && let Some(held) = handles.iter().find(|held| held.appends())
        {
            while there.len() < here.len() {
                let piece = &here[there.len()..here.len().min(there.len() + WRITE_LIMIT)];
                self.ask(Write { handle: held.handle, offset: 0, data: piece.to_vec() }).await?;
                there.extend_from_slice(piece);
            }
            return Ok(());
        }
        if let Some(held) = handles.iter().find(|held| held.writes_anywhere()) {
            self.send_places(held.handle, &here, there).await?;
        } else {
            // Only opened for appending, but cut, or written through a mapping.
            let request = Open { path: copy.path.clone(), flags: libc::O_WRONLY | libc::O_NOFOLLOW, mode: 0 };
            let (opened, _) = self.ask(request).await?;
            let Content::Beginning(handle) = opened.content else { return Err(Errno(libc::ESTALE)) };
            let before = match handles.first() {
                Some(held) => self.status(held.handle).await,
                None => Err(Errno(libc::EBADF)),
            };
            let sent = match before {
                Ok(before) if is_same(&before, &opened.metadata) => self.send_places(handle, &here, there).await,
                Ok(_) => Err(Errno(libc::ESTALE)),
                Err(errno) => Err(errno),
            };
            self.close(handle).await;
            sent?;
        }
        *there = here;
        Ok(())
    }

    /// Writes what differs to where it belongs. Holes stay holes.
    async fn send_places(&self, handle: Handle, here: &[u8], there: &[u8]) -> Result<(), Errno> {
        let mut end = there.len();
        for (index, piece) in here.chunks(WRITE_LIMIT).enumerate() {
            let start = index * WRITE_LIMIT;
            let old = there.get(start..).unwrap_or_default();
            let Some(differing) = difference(piece, &old[..old.len().min(piece.len())]) else { continue };
            if start >= there.len() && piece.iter().all(|byte| *byte == 0) {
                continue;
            }
            let offset = i64::try_from(start + differing.start).map_err(|_| Errno(libc::EFBIG))?;
            end = end.max(start + differing.end);
            self.ask(Write { handle, offset, data: piece[differing].to_vec() }).await?;
        }
        if here.len() != end {
            let size = i64::try_from(here.len()).map_err(|_| Errno(libc::EFBIG))?;
            let file = Which::Open(handle);
            let (mode, uid, gid, size) = (None, None, None, Some(size));
            self.ask(Change { file, mode, uid, gid, size, atime: SetTime::Keep, mtime: SetTime::Keep }).await?;
        }
        Ok(())
    }
}

/// The part of `new` that is not as in `old`, which may be shorter.
fn difference(new: &[u8], old: &[u8]) -> Option<std::ops::Range<usize>> {
    let start = new.iter().zip(old).position(|(new, old)| new != old).unwrap_or(old.len());
    if start == new.len() {
        return None;
    }
    let same_end = if old.len() < new.len() {
        0
    } else {
        new.iter().rev().zip(old.iter().rev()).take_while(|(new, old)| new == old).count()
    };
    Some(start..new.len() - same_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_sent() {
        let cases: [(&str, &str, Option<std::ops::Range<usize>>); 6] = [
            ("same", "same", None),
            ("", "", None),
            ("aXYa", "abca", Some(1..3)),
            ("longer", "long", Some(4..6)),
            ("Xonger", "long", Some(0..6)),
            ("x", "", Some(0..1)),
        ];
        for (new, old, expected) in cases {
            assert_eq!(difference(new.as_bytes(), old.as_bytes()), expected, "{new} {old}");
        }
    }
}
