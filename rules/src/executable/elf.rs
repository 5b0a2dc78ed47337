//! ELF headers, as far as they tell who loads a program and which runtime it has. elf(5).

use super::{Engine, Obstacle, Reason};

/// A file of which the beginning has been read.
pub(super) struct File<'a, R> {
    pub(super) beginning: &'a [u8],
    pub(super) read: R,
}

impl<E, R: Fn(&mut [u8], u64) -> Result<usize, E>> File<'_, R> {
    /// Reads from `offset`; gives what there is.
    fn read<'b>(&self, buffer: &'b mut [u8], offset: u64) -> Result<&'b [u8], E> {
        let known = usize::try_from(offset).ok().and_then(|start| self.beginning.get(start..)?.get(..buffer.len()));
        let len = match known {
            Some(known) => {
                buffer.copy_from_slice(known);
                known.len()
            }
            None => (self.read)(buffer, offset)?.min(buffer.len()),
        };
        Ok(&buffer[..len])
    }
}

const HEADER_LEN: usize = 64;
const SEGMENT_LEN: usize = 56;
const SECTION_LEN: usize = 64;

/// The kernel refuses a larger table: 64 KiB.
const SEGMENT_LIMIT: u16 = 1170;

/// Class 64 bit, little endian, version 1: all machines that we are built for.
const IDENTIFICATION: &[u8] = &[0x7f, b'E', b'L', b'F', 2, 1, 1];
const MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 }; // EM_AARCH64, EM_X86_64

const LOADER: u32 = 3; // PT_INTERP
const NOTES: u32 = 4; // PT_NOTE

/// The engine for the program in `file`; nothing when it is no ELF file, or a broken one.
pub(super) fn engine<E>(file: &File<'_, impl Fn(&mut [u8], u64) -> Result<usize, E>>) -> Result<Option<Engine>, E> {
    let Some(header) = file.beginning.get(..HEADER_LEN).filter(|header| header.starts_with(&IDENTIFICATION[..4]))
    else {
        return Ok(None);
    };
    let header = Bytes(header);
    if !header.0.starts_with(IDENTIFICATION) || header.u16(18) != MACHINE {
        return Ok(Some(Engine::Neither(Obstacle::Foreign)));
    }
    let (table, size, count) = (header.u64(32), header.u16(54), header.u16(56));
    if usize::from(size) != SEGMENT_LEN || !(1..=SEGMENT_LIMIT).contains(&count) {
        return Ok(None);
    }
    let mut reason = Some(Reason::Static);
    for index in 0..u64::from(count) {
        let mut segment = [0; SEGMENT_LEN];
        let at = table.wrapping_add(index * u64::from(size));
        let segment = match file.read(&mut segment, at)? {
            segment if segment.len() == SEGMENT_LEN => Bytes(segment),
            _ => return Ok(None),
        };
        match segment.u32(0) {
            LOADER => reason = loader(file, segment)?,
            NOTES if has_go_note(file, segment)? => return Ok(Some(Engine::Seccomp(Reason::Go))),
            _ => {}
        }
    }
    if has_go_section(file, header)? {
        reason = Some(Reason::Go);
    }
    if reason.is_none() && is_bun(file, header)? {
        reason = Some(Reason::Bun);
    }
    Ok(Some(reason.map_or(Engine::Preload, Engine::Seccomp)))
}

/// Why the loader that the program asks for does not take our library; nothing when it does.
fn loader<E>(
    file: &File<'_, impl Fn(&mut [u8], u64) -> Result<usize, E>>,
    segment: Bytes<'_>,
) -> Result<Option<Reason>, E> {
    let mut path = [0; 256];
    let len = usize::try_from(segment.u64(32)).unwrap_or(usize::MAX).min(path.len());
    let path = file.read(&mut path[..len], segment.u64(8))?;
    let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    // `ld-linux-x86-64.so.2`, `ld-2.31.so`, `ld64.so.1`, `ld.so.1`
    let is_glibc = ["ld-linux", "ld-2.", "ld64.so", "ld.so"].iter().any(|start| name.starts_with(start.as_bytes()));
    Ok(match name {
        _ if is_glibc => None,
        _ if name.starts_with(b"ld-musl") => Some(Reason::Musl),
        _ => Some(Reason::Loader),
    })
}

/// Whether a note of the Go linker is there: name "Go", type 4, its build id.
fn has_go_note<E>(file: &File<'_, impl Fn(&mut [u8], u64) -> Result<usize, E>>, segment: Bytes<'_>) -> Result<bool, E> {
    const START: &[u8] = &[4, 0, 0, 0];
    const KIND_AND_NAME: &[u8] = b"\x04\0\0\0Go\0\0";
    let mut notes = [0; 1024];
    let len = usize::try_from(segment.u64(32)).unwrap_or(usize::MAX).min(notes.len());
    let notes = file.read(&mut notes[..len], segment.u64(8))?;
    Ok(notes.windows(16).step_by(4).any(|note| note.starts_with(START) && note.ends_with(KIND_AND_NAME)))
}

/// Whether the Go linker made it: it leaves a section that no other one makes, also when it strips symbols and is told
/// to leave the build id out. `debug/buildinfo` of Go looks for the same.
fn has_go_section<E>(
    file: &File<'_, impl Fn(&mut [u8], u64) -> Result<usize, E>>,
    header: Bytes<'_>,
) -> Result<bool, E> {
    const NAME: &[u8] = b"\0.go.buildinfo\0";
    /// Longest table of names that is searched, in bytes; real ones have a few hundred.
    const NAMES_LIMIT: u64 = 64 * 1024;
    let (table, size, names) = (header.u64(40), header.u16(58), header.u16(62));
    if usize::from(size) != SECTION_LEN {
        return Ok(false);
    }
    let mut section = [0; SECTION_LEN];
    let at = table.wrapping_add(u64::from(names) * u64::from(size));
    let section = match file.read(&mut section, at)? {
        section if section.len() == SECTION_LEN => Bytes(section),
        _ => return Ok(false),
    };
    let (mut offset, end) = (section.u64(24), section.u64(24).saturating_add(section.u64(32).min(NAMES_LIMIT)));
    let mut names = [0; 2048];
    while offset < end {
        let len = usize::try_from(end - offset).unwrap_or(usize::MAX).min(names.len());
        let names = file.read(&mut names[..len], offset)?;
        if names.windows(NAME.len()).any(|name| name == NAME) {
            return Ok(true);
        }
        if names.len() < NAME.len() {
            break;
        }
        // A name may lie across the border.
        offset += (names.len() - NAME.len() + 1) as u64;
    }
    Ok(false)
}

/// Whether it is Bun, or was made by `bun build --compile`: it defines symbols for its plugins, in a version of its own
/// (`BUN_1.2`), since the first one.
fn is_bun<E>(file: &File<'_, impl Fn(&mut [u8], u64) -> Result<usize, E>>, header: Bytes<'_>) -> Result<bool, E> {
    const VERSIONS: u32 = 0x6fff_fffd; // SHT_GNU_verdef
    const VERSION_LEN: usize = 20;
    const START: &[u8] = b"BUN_";
    /// Bun has one beside the file's own name; few others have any.
    const VERSION_LIMIT: usize = 4;
    let (table, size, count) = (header.u64(40), header.u16(58), header.u16(60));
    if usize::from(size) != SECTION_LEN {
        return Ok(false);
    }
    let Some(versions) = section(file, table, count, |section| section.u32(4) == VERSIONS)? else { return Ok(false) };
    let versions = Bytes(&versions);
    let mut names = [0; SECTION_LEN];
    let names = file.read(&mut names, table.wrapping_add(u64::from(versions.u32(40)) * SECTION_LEN as u64))?;
    if names.len() < SECTION_LEN {
        return Ok(false);
    }
    let (names, mut at) = (Bytes(names).u64(24), versions.u64(24));
    for _ in 0..VERSION_LIMIT {
        let (mut version, mut name_at, mut name) = ([0; VERSION_LEN], [0; 4], [0; START.len()]);
        let version = file.read(&mut version, at)?;
        if version.len() < VERSION_LEN {
            break;
        }
        let (name_of, next) = (Bytes(version).u32(12), Bytes(version).u32(16));
        let name_at = file.read(&mut name_at, at.wrapping_add(u64::from(name_of)))?;
        if name_at.len() == 4 && file.read(&mut name, names.wrapping_add(u64::from(Bytes(name_at).u32(0))))? == START {
            return Ok(true);
        }
        if next == 0 {
            break;
        }
        at = at.wrapping_add(u64::from(next));
    }
    Ok(false)
}

/// The header of the first section that fits, of `count` from `table`.
fn section<E>(
    file: &File<'_, impl Fn(&mut [u8], u64) -> Result<usize, E>>,
    table: u64,
    count: u16,
    fits: impl Fn(Bytes<'_>) -> bool,
) -> Result<Option<[u8; SECTION_LEN]>, E> {
    const AT_ONCE: usize = 32;
    let mut headers = [0; AT_ONCE * SECTION_LEN];
    for first in (0..usize::from(count)).step_by(AT_ONCE) {
        let len = (usize::from(count) - first).min(AT_ONCE) * SECTION_LEN;
        let headers = file.read(&mut headers[..len], table.wrapping_add((first * SECTION_LEN) as u64))?;
        let (sections, _) = headers.as_chunks::<SECTION_LEN>();
        if let Some(found) = sections.iter().find(|section| fits(Bytes(&section[..]))) {
            return Ok(Some(*found));
        }
        if headers.len() < len {
            break;
        }
    }
    Ok(None)
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
