//! What an executable file would do with a preloaded glibc library: follow `#!`, read the ELF header.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use crate::sys;

/// How a program takes to the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Loaded by glibc, or not known to be anything else.
    Preloadable,
    /// No dynamic loader: the preload variable is ignored, the program runs without us, its children may not.
    Static,
    /// Another loader or another word size: a preloaded glibc library would kill it, or be complained about.
    Foreign,
}

/// `#!` lines followed at most; the kernel's own limit is 4.
const SCRIPT_DEPTH: usize = 4;

/// The program that the kernel would run for `path`.
pub(crate) fn classify(path: &CStr) -> Kind {
    let mut head = [0; 4096];
    let mut path = path.to_owned();
    for _ in 0..=SCRIPT_DEPTH {
        let Ok(file) = sys::open(&path, libc::O_RDONLY | libc::O_CLOEXEC) else {
            // Not readable: exec will fail, or it may be executed only; then there is nothing to learn.
            return Kind::Preloadable;
        };
        let Ok(len) = sys::read_at(&file, &mut head, 0) else {
            return Kind::Preloadable;
        };
        let head = &head[..len];
        match interpreter_of_script(head) {
            Some(next) => path = next,
            None => return classify_elf(head, &file),
        }
    }
    Kind::Preloadable
}

/// The path after `#!`.
fn interpreter_of_script(head: &[u8]) -> Option<CString> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let path = line.trim_ascii_start().split(u8::is_ascii_whitespace).next()?;
    CString::new(path).ok().filter(|path| !path.is_empty())
}

/// elf(5), 64-bit little-endian: what the header's program headers say.
fn classify_elf(head: &[u8], file: &OwnedFd) -> Kind {
    const CLASS_64: u8 = 2;
    const PT_INTERP: u32 = 3;
    if head.get(..4) != Some(b"\x7fELF") {
        return Kind::Preloadable;
    }
    if head.get(4) != Some(&CLASS_64) {
        return Kind::Foreign;
    }
    let (Some(table), Some(size), Some(count)) = (u64_at(head, 32), u16_at(head, 54), u16_at(head, 56)) else {
        return Kind::Preloadable;
    };
    for index in 0..u64::from(count) {
        let mut entry = [0; 56];
        let at = table.wrapping_add(index * u64::from(size));
        if !read_exact(file, &mut entry, at) {
            return Kind::Preloadable;
        }
        let Some(kind) = entry.first_chunk::<4>().copied().map(u32::from_le_bytes) else {
            continue;
        };
        if kind == PT_INTERP {
            let mut loader = [0; 128];
            let at = i64::try_from(u64_at(&entry, 8).unwrap_or(0)).unwrap_or(0);
            let len = sys::read_at(file, &mut loader, at).unwrap_or(0);
            let loader = loader[..len].split(|byte| *byte == 0).next().unwrap_or(&[]);
            let musl = loader.windows(7).any(|part| part == b"ld-musl");
            return if musl { Kind::Foreign } else { Kind::Preloadable };
        }
    }
    Kind::Static
}

fn read_exact(file: &OwnedFd, buffer: &mut [u8], at: u64) -> bool {
    i64::try_from(at).is_ok_and(|at| sys::read_at(file, buffer, at) == Ok(buffer.len()))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn kind_of(content: &[u8]) -> Kind {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(content).expect("room for a few bytes");
        let path = file.path().to_str().expect("an ASCII path").to_owned();
        classify(&CString::new(path).expect("no NUL in a path"))
    }

    /// An ELF file with one program header and, behind it, a loader's name.
    fn elf(class: u8, header_kind: u32, loader: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 64 + 56];
        file[..4].copy_from_slice(b"\x7fELF");
        file[4] = class;
        file[32] = 64;
        file[54] = 56;
        file[56] = 1;
        file[64..68].copy_from_slice(&header_kind.to_le_bytes());
        file[72] = 120;
        file.extend(loader);
        file
    }

    #[test]
    fn loaders_tell() {
        assert_eq!(kind_of(&elf(2, 3, b"/lib64/ld-linux-x86-64.so.2\0")), Kind::Preloadable);
        assert_eq!(kind_of(&elf(2, 3, b"/lib/ld-musl-x86_64.so.1\0")), Kind::Foreign);
        assert_eq!(kind_of(&elf(2, 1, b"")), Kind::Static);
        assert_eq!(kind_of(&elf(1, 3, b"/lib/ld-linux.so.2\0")), Kind::Foreign);
        assert_eq!(kind_of(b"#! /bin/sh -e\n"), Kind::Preloadable);
        assert_eq!(kind_of(b"#!/nowhere\n"), Kind::Preloadable);
        assert_eq!(kind_of(b"echo hello"), Kind::Preloadable);
        assert_eq!(kind_of(b""), Kind::Preloadable);
    }
}
