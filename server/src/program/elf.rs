//! Which loader a program asks for: from the ELF headers, as far as they matter here. elf(5).

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::Path,
};

/// Programs, told apart by what gets our layer into them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Loaded by glibc's dynamic loader: `LD_PRELOAD` works.
    Glibc,
    /// Loaded by musl's: a library made for glibc kills it.
    Musl,
    /// No loader.
    Static,
    /// Go, dynamically linked or not: its runtime makes system calls itself.
    Go,
    /// ELF for another machine or word size.
    Foreign,
    /// No ELF file.
    NotElf,
}

const HEADER_LEN: usize = 64;
/// Class 64 bit, little endian, version 1: all machines that we are built for.
const IDENTIFICATION: &[u8] = &[0x7f, b'E', b'L', b'F', 2, 1, 1];
const INTERPRETER: u32 = 3; // PT_INTERP
const MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 }; // EM_AARCH64, EM_X86_64

/// A table in a file that calls itself larger is not read: real ones have a few dozen entries.
const TABLE_LIMIT: usize = 1024 * 1024;
/// Longest name of a loader or section table of names that is read.
const NAMES_LIMIT: usize = 64 * 1024;

/// Tells what the program in `file` is. Errs when the headers lead outside of the file.
pub(super) fn classify(file: &File) -> io::Result<Kind> {
    let mut header = [0; HEADER_LEN];
    if file.read_exact_at(&mut header, 0).is_err() || !header.starts_with(&IDENTIFICATION[..4]) {
        return Ok(Kind::NotElf);
    }
    let header = Bytes(&header);
    if !header.0.starts_with(IDENTIFICATION) || header.u16(18) != MACHINE {
        return Ok(Kind::Foreign);
    }
    if is_go(file, header)? {
        return Ok(Kind::Go);
    }
    Ok(match loader(file, header)? {
        None => Kind::Static,
        Some(name) if name.starts_with(b"ld-musl") => Kind::Musl,
        Some(_) => Kind::Glibc,
    })
}

/// Base name of the dynamic loader that the program asks for.
fn loader(file: &File, header: Bytes<'_>) -> io::Result<Option<Vec<u8>>> {
    let table = read(file, header.u64(32), usize::from(header.u16(54)) * usize::from(header.u16(56)), TABLE_LIMIT)?;
    for entry in entries(&table, header.u16(54), 56) {
        if entry.u32(0) == INTERPRETER {
            let path = read(file, entry.u64(8), usize::try_from(entry.u64(32)).unwrap_or(usize::MAX), NAMES_LIMIT)?;
            let path = Path::new(OsStr::from_bytes(path.split(|byte| *byte == 0).next().unwrap_or_default()));
            return Ok(Some(path.file_name().unwrap_or_default().as_bytes().to_vec()));
        }
    }
    Ok(None)
}

/// Whether the Go linker made it: it leaves sections that no other one makes, also when it strips symbols.
fn is_go(file: &File, header: Bytes<'_>) -> io::Result<bool> {
    let (size, count, names) = (header.u16(58), usize::from(header.u16(60)), usize::from(header.u16(62)));
    let table = read(file, header.u64(40), usize::from(size) * count, TABLE_LIMIT)?;
    let Some(names) = entries(&table, size, 64).nth(names) else { return Ok(false) };
    let names = read(file, names.u64(24), usize::try_from(names.u64(32)).unwrap_or(usize::MAX), NAMES_LIMIT)?;
    let mut names = names.split(|byte| *byte == 0);
    Ok(names.any(|name| matches!(name, b".go.buildinfo" | b".note.go.buildid")))
}

/// Entries of a table whose entries have `size` bytes; none when that is less than what we read of them.
fn entries(table: &[u8], size: u16, needed: usize) -> impl Iterator<Item = Bytes<'_>> {
    let size = usize::from(size);
    let table = if size < needed { &[] } else { table };
    table.chunks_exact(size.max(1)).map(Bytes)
}

fn read(file: &File, offset: u64, len: usize, limit: usize) -> io::Result<Vec<u8>> {
    if len > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its ELF headers make no sense"));
    }
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

/// Little-endian numbers at fixed places; the caller has made sure that the bytes are there.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn array<const N: usize>(self, at: usize) -> [u8; N] {
        self.0[at..at + N].try_into().expect("N bytes")
    }
    fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }
    fn u32(self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }
    fn u64(self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }
}
