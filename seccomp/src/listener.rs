//! The supervisor's end: calls are received here, and answered or let go on. seccomp_unotify(2).
//!
//! A call that was killed while it waited is normal: then its id is no longer valid, and every method that names it fails
//! with `ENOENT`. No descriptor is left behind by that: one is added and the call answered in a single step.

mod memory;
mod process;

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    time::Duration,
};

use libc::c_long;

pub use self::{
    memory::{Text, read, read_text, write},
    process::Process,
};

/// A system call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Names the call; never used twice on one listener.
    pub id: u64,
    /// The thread that waits, in our process namespace; 0 when it is not visible from here.
    pub thread: u32,
    /// Number of the call on this architecture.
    pub number: c_long,
    /// Its arguments, as the registers hold them.
    pub arguments: [u64; 6],
}

/// Why [`Listener::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// A call waits (or did: it may be gone when it is received).
    Call,
    /// Nobody is left who could make a call.
    Ended,
    /// The other descriptor is readable.
    Woken,
    /// Nothing of that has happened in time.
    Nothing,
}

/// The descriptor that seccomp(2) gave. Closing the last copy makes all trapped calls fail with `ENOSYS`.
#[derive(Debug)]
pub struct Listener {
    descriptor: OwnedFd,
}

impl From<OwnedFd> for Listener {
    fn from(descriptor: OwnedFd) -> Self {
        Self { descriptor }
    }
}

impl Listener {
    /// Asks the kernel to run the waiting thread on our processor as soon as it is answered, and the other way round:
    /// one call then costs two switches and no wait for another processor. Not before Linux 6.6: the error is `EINVAL`.
    pub fn wake_in_step(&self) -> io::Result<()> {
        const SYNC_WAKE_UP: u64 = 1;
        // SAFETY: this request takes its flags as a number.
        #[expect(unsafe_code, reason = "ioctl(2)")]
        let result = unsafe { libc::ioctl(self.raw(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
        checked(result).map(drop)
    }

    /// Waits for the next call, until `wake` is readable, or until the time is over.
    pub fn wait(&self, wake: Option<BorrowedFd<'_>>, limit: Option<Duration>) -> io::Result<Waited> {
        let watched = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // poll(2) leaves negative numbers out.
        let mut polled = [watched(self.raw()), watched(wake.map_or(-1, |wake| wake.as_raw_fd()))];
        let limit = limit.map_or(-1, |limit| libc::c_int::try_from(limit.as_millis()).unwrap_or(libc::c_int::MAX));
        loop {
            // SAFETY: two entries, both ours.
            #[expect(unsafe_code, reason = "poll(2)")]
            let result = unsafe { libc::poll(polled.as_mut_ptr(), 2, limit) };
            match checked(result) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(_) if polled[1].revents != 0 => return Ok(Waited::Woken),
                Ok(_) if polled[0].revents & libc::POLLIN != 0 => return Ok(Waited::Call),
                Ok(_) if polled[0].revents != 0 => return Ok(Waited::Ended),
                Ok(_) => return Ok(Waited::Nothing),
            }
        }
    }

    /// Takes the next call; nothing when it was killed in the meantime. Blocks when there is none: [`Self::wait`] first.
    pub fn receive(&self) -> io::Result<Option<Notification>> {
        let mut received = libc::seccomp_notif {
            id: 0,
            pid: 0,
            flags: 0,
            data: libc::seccomp_data { nr: 0, arch: 0, instruction_pointer: 0, args: [0; 6] },
        };
        match self.request(libc::SECCOMP_IOCTL_NOTIF_RECV, &mut received) {
            Ok(_) => {}
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(Some(Notification {
            id: received.id,
            thread: received.pid,
            number: c_long::from(received.data.nr),
            arguments: received.data.args,
        }))
    }

    /// Whether the call still waits. What was read from its thread before may be believed only if it does.
    pub fn still_waits(&self, id: u64) -> bool {
        let mut id = id;
        self.request(libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &mut id).is_ok()
    }

    /// Ends the call with a value, or an errno.
    pub fn answer(&self, id: u64, result: Result<i64, i32>) -> io::Result<()> {
        let (val, error) = match result {
            Ok(value) => (value, 0),
            Err(errno) => (0, -errno),
        };
        self.send(libc::seccomp_notif_resp { id, val, error, flags: 0 })
    }

    /// Lets the kernel run the call as it was made.
    pub fn go_on(&self, id: u64) -> io::Result<()> {
        let flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).expect("the first bit");
        self.send(libc::seccomp_notif_resp { id, val: 0, error: 0, flags })
    }

    /// Gives the waiting process a copy of `descriptor` and ends the call with its number, in one step.
    pub fn give(&self, id: u64, descriptor: BorrowedFd<'_>, close_on_exec: bool) -> io::Result<RawFd> {
        let mut added = libc::seccomp_notif_addfd {
            id,
            flags: u32::try_from(libc::SECCOMP_ADDFD_FLAG_SEND).expect("the second bit"),
            srcfd: descriptor.as_raw_fd().cast_unsigned(),
            newfd: 0,
            newfd_flags: if close_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
        };
        loop {
            match self.request(libc::SECCOMP_IOCTL_NOTIF_ADDFD, &mut added) {
                // Interrupted before the thread took it.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn send(&self, mut response: libc::seccomp_notif_resp) -> io::Result<()> {
        self.request(libc::SECCOMP_IOCTL_NOTIF_SEND, &mut response).map(drop)
    }

    fn request<T>(&self, request: libc::Ioctl, data: &mut T) -> io::Result<libc::c_int> {
        // SAFETY: the callers pair each request with its type (seccomp_unotify(2)); the kernel keeps no pointer.
        #[expect(unsafe_code, reason = "ioctl(2)")]
        let result = unsafe { libc::ioctl(self.raw(), request, std::ptr::from_mut(data)) };
        checked(result)
    }

    fn raw(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// The kernel's "-1 and errno" as a result.
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
