//! Listings: what came with the open, handed out in pieces of the kernel's size.

use std::rc::Rc;

use protocol::{
    Errno,
    file::{Entry, List},
};

use super::{Helper, abi::Body, file::File};

/// The entries of an open directory.
#[derive(Debug, Default)]
pub(super) struct Listing {
    blob: Vec<u8>,
    /// Where each entry begins in `blob`; a position of the kernel's is an index in here.
    starts: Vec<u32>,
    /// Whether the program has been given entries of it: a rewound directory is listed anew.
    used: bool,
    made: bool,
}

impl Listing {
    /// Takes a listing in, as far as it is well formed.
    fn new(blob: Vec<u8>) -> Self {
        let mut starts = Vec::new();
        let mut rest = blob.as_slice();
        loop {
            let at = blob.len() - rest.len();
            if Entry::take_from(&mut rest).is_none() {
                break;
            }
            let Ok(at) = u32::try_from(at) else { break };
            starts.push(at);
        }
        Self { blob, starts, used: false, made: true }
    }

    /// As many entries from `position` on as fit into `room`: `struct fuse_dirent`, each padded to 8 bytes.
    fn entries(&self, position: u64, room: usize) -> Vec<u8> {
        let mut out = Body::default();
        let first = usize::try_from(position).unwrap_or(usize::MAX);
        for (index, start) in self.starts.iter().enumerate().skip(first) {
            let mut rest = &self.blob[*start as usize..];
            let Some(Entry { ino, kind, name, details: _ }) = Entry::take_from(&mut rest) else { break };
            let padding = name.len().next_multiple_of(8) - name.len();
            if out.0.len() + 24 + name.len() + padding > room {
                break;
            }
            let len = u32::try_from(name.len()).expect("names have at most 255 bytes");
            out = out.u64(ino).u64(index as u64 + 1).u32(len).u32(u32::from(kind));
            out.0.extend(name);
            out = out.zeros(padding);
        }
        out.0
    }
}

impl Helper {
    /// Entries of an open directory.
    pub(super) async fn read_directory(
        self: &Rc<Self>,
        file: &Rc<File>,
        position: u64,
        room: usize,
    ) -> Result<Vec<u8>, Errno> {
        if !file.listing.borrow().made {
            file.content.wait().await?;
            *file.listing.borrow_mut() = Listing::new(file.content.take_blob());
        }
        if position == 0 && std::mem::replace(&mut file.listing.borrow_mut().used, true) {
            let handle = file.handle(self).await?;
            let ((), blob) = self.caller.ask(List { handle }).await?;
            *file.listing.borrow_mut() = Listing { used: true, ..Listing::new(blob) };
        }
        Ok(file.listing.borrow().entries(position, room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_handed_out_once_whatever_the_room() {
        let mut blob = Vec::new();
        let names: Vec<String> = (0..500).map(|index| format!("{}{index}", "n".repeat(index % 90))).collect();
        for name in &names {
            Entry { ino: 7, kind: libc::DT_REG, name: name.as_bytes(), details: None }.append_to(&mut blob);
        }
        for room in [300, 4096, 1 << 20] {
            let listing = Listing::new(blob.clone());
            let (mut position, mut seen) = (0, Vec::new());
            loop {
                let mut entries = listing.entries(position, room).as_slice().to_vec();
                assert!(entries.len() <= room);
                if entries.is_empty() {
                    break;
                }
                while !entries.is_empty() {
                    position = u64::from_ne_bytes(entries[8..16].try_into().unwrap());
                    let len = u32::from_ne_bytes(entries[16..20].try_into().unwrap()) as usize;
                    seen.push(String::from_utf8(entries[24..24 + len].to_vec()).unwrap());
                    entries.drain(..24 + len.next_multiple_of(8));
                }
            }
            assert_eq!(seen, names, "room {room}");
        }
    }

    #[test]
    fn a_broken_listing_ends_where_it_breaks() {
        let mut blob = Vec::new();
        Entry { ino: 1, kind: libc::DT_DIR, name: b".", details: None }.append_to(&mut blob);
        blob.extend(b"12345678\x04a/b\0\0");
        assert_eq!(Listing::new(blob).starts, [0]);
    }
}
