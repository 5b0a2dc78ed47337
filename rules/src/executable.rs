//! Which engine serves a program: told from its file, before it is executed.
//!
//! The caller reads the file; nothing is allocated here, because the layer asks between fork and exec.

mod elf;

use std::ffi::CStr;
use std::fmt;

/// What brings the pod to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A library of ours, loaded by the program's own loader.
    Preload,
    /// The kernel announces its system calls to us: nothing can be loaded into it.
    Seccomp(Reason),
    /// Nothing does.
    Neither(Obstacle),
}

/// Why a program cannot have our library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has no loader.
    Static,
    /// musl's loader: a library made for glibc kills the program.
    Musl,
    /// A loader that is neither glibc's nor musl's.
    Loader,
    /// Its runtime makes system calls itself, whoever loads it.
    Go,
    /// So does this one, for files.
    Bun,
}

/// Why neither engine serves a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It changes its user or group: the loader ignores our library, and the kernel hides it from us.
    Setuid,
    /// It gains capabilities (capabilities(7)), with the same consequences.
    Capabilities,
    /// Another machine or word size than ours.
    Foreign,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static => "is statically linked",
            Self::Musl => "is linked with musl",
            Self::Loader => "has a loader that is not glibc's",
            Self::Go => "is a Go program",
            Self::Bun => "is a Bun program",
        })
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setuid => "changes its user or group (setuid)",
            Self::Capabilities => "gains capabilities (setcap)",
            Self::Foreign => "is a program for another architecture than mirrord's",
        })
    }
}

/// What an executable file is.
#[expect(clippy::large_enum_variant, reason = "lives on the stack, once, between fork and exec")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nature {
    /// A script: its interpreter is executed in its place.
    Script(FirstLine),
    /// A program.
    Program(Engine),
    /// Neither: the kernel refuses it, or hands it to whom binfmt_misc names; a shell reads it as a script.
    Unknown,
}

/// Interpreters that are scripts themselves are followed as often as the kernel does. execve(2).
pub const INTERPRETER_LIMIT: usize = 4;

/// Bytes of a file that are read at once: the headers of nearly every program lie in them.
const BEGINNING: usize = 4096;

/// Bytes of the first line that the kernel reads, `#!` included.
const LINE_LIMIT: usize = 256;

/// Tells what the file behind `read` is: `read(buffer, offset)` fills `buffer`, with less at the end of the file only.
///
/// Fails when `read` does.
pub fn inspect<E>(read: impl Fn(&mut [u8], u64) -> Result<usize, E>) -> Result<Nature, E> {
    let mut beginning = [0; BEGINNING];
    let len = read(&mut beginning, 0)?.min(BEGINNING);
    let beginning = &beginning[..len];
    if let Some(line) = beginning.strip_prefix(b"#!") {
        return Ok(Nature::Script(FirstLine::parse(&line[..line.len().min(LINE_LIMIT - 2)])));
    }
    elf::engine(&elf::File { beginning, read }).map(|engine| engine.map_or(Nature::Unknown, Nature::Program))
}

/// The first line of a script.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstLine {
    /// Path, NUL, argument, NUL.
    text: [u8; LINE_LIMIT],
    argument_at: usize,
}

impl FirstLine {
    /// Reads what follows `#!`.
    fn parse(line: &[u8]) -> Self {
        let line = line.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default().trim_ascii();
        let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
        let (path, argument) = line.split_at(end);
        let argument = argument.trim_ascii();
        let argument_at = path.len() + 1;
        let mut text = [0; LINE_LIMIT];
        text[..path.len()].copy_from_slice(path);
        text[argument_at..argument_at + argument.len()].copy_from_slice(argument);
        Self { text, argument_at }
    }

    /// The interpreter's path; empty when the line names none.
    pub fn interpreter(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.text).expect("a line is shorter than its room")
    }

    /// Everything behind the interpreter, which gets it as one argument; may be empty.
    pub fn argument(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.text[self.argument_at..]).expect("a line is shorter than its room")
    }
}

impl fmt::Debug for FirstLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#!{:?} {:?}", self.interpreter(), self.argument())
    }
}

/// What a file grants to whoever executes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// `st_mode`.
    pub mode: u32,
    /// `st_uid`.
    pub owner: u32,
    /// `st_gid`.
    pub group: u32,
    /// Whether the file has the attribute `security.capability`.
    pub capabilities: bool,
}

impl Grants {
    /// What keeps both engines out when a process of `user` and `group` executes the file. execve(2), ld.so(8).
    pub fn obstacle(&self, user: u32, group: u32) -> Option<Obstacle> {
        const GROUP_EXECUTE: u32 = 0o0010; // without it the bit means something else
        const SETGID: u32 = 0o2000;
        const SETUID: u32 = 0o4000;
        let changes_user = self.mode & SETUID != 0 && self.owner != user;
        let changes_group = self.mode & SETGID != 0 && self.mode & GROUP_EXECUTE != 0 && self.group != group;
        if changes_user || changes_group {
            return Some(Obstacle::Setuid);
        }
        // Root has them all anyway.
        (self.capabilities && user != 0).then_some(Obstacle::Capabilities)
    }
}

#[cfg(test)]
mod tests;
