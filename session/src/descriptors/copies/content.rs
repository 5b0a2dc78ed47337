//! What is in a copy's memory, and whether anybody has written to it.

use std::{
    io,
    os::fd::OwnedFd,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nix::sys::stat::fstat;

/// How long ago a write must be for the next one to have another time: the kernel's clock for files ticks at least so often.
const TICK: Duration = Duration::from_millis(20);

/// Size of the memory, and time of the last write to it in seconds and nanoseconds.
pub(super) type State = (i64, i64, i64);

/// Size and time of the last write; nothing if the kernel does not tell.
pub(super) fn state_of(memory: &OwnedFd) -> Option<State> {
    fstat(memory).ok().map(|status| (status.st_size, status.st_mtime, status.st_mtime_nsec))
}

/// Whether a write after this state makes another one.
pub(super) fn has_settled((_, seconds, nanoseconds): &State) -> bool {
    let written = Duration::new(u64::try_from(*seconds).unwrap_or(0), u32::try_from(*nanoseconds).unwrap_or(0));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.abs_diff(written) > TICK
}

/// Bytes of it.
pub(super) fn size_of(memory: &OwnedFd) -> i64 {
    fstat(memory).map_or(0, |status| status.st_size)
}

/// All of it.
pub(super) fn content_of(memory: &OwnedFd) -> io::Result<Vec<u8>> {
    let size = usize::try_from(fstat(memory)?.st_size).unwrap_or(0);
    let mut bytes = vec![0; size];
    let mut done = 0;
    while done < size {
        let offset = i64::try_from(done).map_err(|_| io::ErrorKind::FileTooLarge)?;
        match nix::sys::uio::pread(memory, &mut bytes[done..], offset)? {
            0 => break, // it has become shorter meanwhile
            len => done += len,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}
