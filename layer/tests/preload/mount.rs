//! A file system of the tests' own, which is mounted nowhere.

#![expect(clippy::print_stdout, reason = "tests tell on standard output why they are skipped")]
#![expect(unsafe_code, reason = "system calls that no crate has, and work between fork and exec")]

use std::fs::write;
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::c_long;
use nix::sched::{CloneFlags, unshare};

use crate::session::send_with;
use crate::supervisor::receive;

/// The root of a new tmpfs. Who may not mount anything lets a process do it in a user namespace.
pub(crate) fn detached() -> Result<OwnedFd> {
    made().or_else(|_| made_in_namespace())
}

/// Whether tests can have one; they say so if they cannot.
pub(crate) fn can_be_made() -> bool {
    detached().inspect_err(|error| println!("skipped: nobody may make a mount here: {error}")).is_ok()
}

/// fsopen(2)
fn made() -> Result<OwnedFd> {
    const CLOSE_ON_EXEC: c_long = 1;
    const CREATE: c_long = 6;
    let nothing = std::ptr::null::<libc::c_char>();
    // SAFETY: the name is terminated.
    let context = owned(unsafe { libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), CLOSE_ON_EXEC) })?;
    // SAFETY: this request takes neither key nor value.
    if unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), CREATE, nothing, nothing, 0) } < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: takes numbers only.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), CLOSE_ON_EXEC, 0) })
}

/// The mount lives as long as its root is open, whatever becomes of the namespaces.
fn made_in_namespace() -> Result<OwnedFd> {
    let (here, there) = UnixStream::pair()?;
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let mut maker = Command::new("/bin/true");
    // SAFETY: the child has one thread; what it allocates, libc lets it allocate after a fork.
    unsafe {
        maker.pre_exec(move || {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
            write("/proc/self/setgroups", "deny")?;
            write("/proc/self/uid_map", format!("{user} {user} 1"))?;
            write("/proc/self/gid_map", format!("{group} {group} 1"))?;
            send_with(&there, b"root", &made()?)
        });
    }
    maker.status()?;
    // It has been sent, or nobody can send it any more.
    drop(maker);
    let (_, root) = receive(&here, &mut [0; 4])?;
    root.ok_or_else(|| Error::other("it sent no root"))
}

fn owned(fd: c_long) -> Result<OwnedFd> {
    if fd < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(RawFd::try_from(fd).expect("a descriptor")) })
}
