//! Which engine serves a file that is about to be executed. Runs between fork and exec: nothing is allocated.

use std::ffi::CStr;
use std::os::fd::AsRawFd;

use protocol::Errno;
use rules::executable::{self, Engine, Grants, INTERPRETER_LIMIT, Nature};

use crate::sys;

/// The engine for what the kernel would run for `path`.
///
/// Nothing when that cannot be known: the file cannot be read, or is no program; a shell that reads it as a script, and
/// whom binfmt_misc names, are programs like others.
pub(crate) fn classify(path: &CStr) -> Option<Engine> {
    // A pipe of that name shall not keep us waiting for its other end.
    let open = |path: &CStr| sys::open(path, libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK).ok();
    let mut file = open(path)?;
    for _ in 0..=INTERPRETER_LIMIT {
        let read = |buffer: &mut [u8], offset| match i64::try_from(offset) {
            Ok(offset) => sys::read_at(&file, buffer, offset),
            Err(_) => Err(Errno::EINVAL),
        };
        match executable::inspect(read).ok()? {
            Nature::Script(line) => file = open(line.interpreter())?,
            Nature::Program(engine) => {
                let (user, group) = sys::user_and_group();
                let obstacle = grants(file.as_raw_fd())?.obstacle(user, group);
                return Some(obstacle.map_or(engine, Engine::Neither));
            }
            Nature::Unknown => return None,
        }
    }
    None
}

fn grants(file: i32) -> Option<Grants> {
    let status = sys::status(file).ok()?;
    let capabilities = sys::has_attribute(file, c"security.capability");
    Some(Grants { mode: status.st_mode, owner: status.st_uid, group: status.st_gid, capabilities })
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::io::Write;

    use rules::executable::Reason;

    use super::*;

    fn file(content: &[u8]) -> (tempfile::NamedTempFile, CString) {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(content).expect("room for a few bytes");
        let path = CString::new(file.path().to_str().expect("an ASCII path")).expect("no NUL in a path");
        (file, path)
    }

    #[test]
    fn scripts_are_judged_by_their_interpreters() {
        // One segment, which is no loader: statically linked.
        let mut program = std::fs::read("/bin/true").expect("readable")[..64].to_vec();
        program[32..40].copy_from_slice(&64_u64.to_le_bytes());
        program[56..58].copy_from_slice(&1_u16.to_le_bytes());
        program.extend([0; 56]);
        let (_program, path) = file(&program);
        assert_eq!(classify(&path), Some(Engine::Seccomp(Reason::Static)));
        let (_script, script) = file(&[b"#!", path.to_bytes(), b" -x\n"].concat());
        assert_eq!(classify(&script), Some(Engine::Seccomp(Reason::Static)));
        let (_script, script) = file(&[b"#! ", script.to_bytes(), b"\n"].concat());
        assert_eq!(classify(&script), Some(Engine::Seccomp(Reason::Static)));
        let shell = file(b"#!/bin/sh -e\n");
        assert_eq!(classify(&shell.1), Some(Engine::Preload));
    }

    #[test]
    fn what_cannot_be_known_is_not_guessed() {
        for content in [&b"#!/nowhere\n"[..], b"#!\n", b"echo hello", b"", b"\x7fELF"] {
            let (_file, path) = file(content);
            assert_eq!(classify(&path), None, "{content:?}");
        }
        assert_eq!(classify(c"/nowhere"), None);
        let (_file, path) = file(b"");
        let endless = [b"#!", path.to_bytes(), b"\n"].concat();
        std::fs::write(path.to_str().expect("ASCII"), endless).expect("written");
        assert_eq!(classify(&path), None);
    }
}
