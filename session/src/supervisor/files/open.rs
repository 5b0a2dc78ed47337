//! open(2) and its family.

use protocol::Errno;

use super::{
    super::{Call, process::umask},
    file::File,
    table::Does,
    unless_interrupted,
};
use crate::descriptors::Lent;

/// Bits of the mode that open(2) and mkdir(2) look at.
pub(super) const PERMISSIONS: u32 = 0o7777;

/// `struct open_how` of openat2(2), as far as every kernel knows it.
pub(super) struct How {
    flags: u64,
    mode: u64,
    resolve: u64,
}

impl How {
    /// Reads the structure at one argument, its size at another. Fails where the kernel shall say why itself.
    pub(super) fn read(call: &Call, how: usize, size: usize) -> Result<Self, Errno> {
        const SIZE: usize = 24;
        // A larger structure is one of a newer kernel: all that we do not know must be zero, as for the kernel.
        const LARGEST: usize = 4096;
        let size = usize::try_from(call.argument(size)).unwrap_or(usize::MAX);
        if !(SIZE..=LARGEST).contains(&size) {
            return Err(Errno::EINVAL);
        }
        let mut bytes = vec![0; size];
        call.read(call.argument(how), &mut bytes)?;
        let (known, unknown) = bytes.split_at(SIZE);
        if unknown.iter().any(|byte| *byte != 0) {
            return Err(Errno(libc::E2BIG));
        }
        let (fields, _) = known.as_chunks();
        let &[flags, mode, resolve] = fields else { return Err(Errno::EINVAL) };
        let number = u64::from_ne_bytes;
        Ok(Self { flags: number(flags), mode: number(mode), resolve: number(resolve) })
    }

    /// As open(2) has them.
    pub(super) fn flags(&self) -> Result<i32, Errno> {
        i32::try_from(self.flags).map_err(|_| Errno::EINVAL)
    }

    /// Whether the path must not lead out of its folder.
    pub(super) fn stays_below(&self) -> bool {
        self.resolve & (libc::RESOLVE_BENEATH | libc::RESOLVE_IN_ROOT) != 0
    }

    /// How the path may be walked: what can be promised of a file of the target, where the agent walks.
    fn check(&self) -> Result<(), Errno> {
        match self.resolve & !(libc::RESOLVE_NO_MAGICLINKS | libc::RESOLVE_NO_XDEV) {
            0 => Ok(()),
            // It would have to wait.
            resolve if resolve & libc::RESOLVE_CACHED != 0 => Err(Errno(libc::EAGAIN)),
            // As on kernels that do not have the call: programs fall back.
            _ => Err(Errno::ENOSYS),
        }
    }
}

/// Opens the file and gives it to the program.
pub(super) async fn open(call: Call, does: Does, file: File) {
    match unless_interrupted(&call, does, opened(&call, does, &file)).await {
        Ok((descriptor, flags)) => call.give(&descriptor, flags & libc::O_CLOEXEC != 0),
        Err(errno) => call.answer(Err(errno)),
    }
}

async fn opened(call: &Call, does: Does, file: &File) -> Result<(Lent, i32), Errno> {
    let (flags, mode) = match does {
        Does::Open { flags, mode } => (call.int(flags.into()), call.int(mode.into()).cast_unsigned()),
        Does::Create { mode } => {
            (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, call.int(mode.into()).cast_unsigned())
        }
        Does::OpenHow { how, size } => {
            let how = How::read(call, how.into(), size.into())?;
            how.check()?;
            (how.flags()?, u32::try_from(how.mode).map_err(|_| Errno::EINVAL)?)
        }
        _ => return Err(Errno::ENOSYS),
    };
    let flags = addable(flags);
    let creates = flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE;
    let mode = if creates { mode & PERMISSIONS & !umask(call.thread()) } else { 0 };
    Ok((file.open(flags, mode).await?, flags))
}

/// The kernel adds no `O_PATH` descriptor to another process (EBADF). One that can be read serves for whatever is done
/// with such a descriptor: paths begin there, and `/proc/self/fd` names the file.
fn addable(flags: i32) -> i32 {
    const WITH_PATH: i32 = libc::O_CLOEXEC | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    // Nothing waits for a pipe's other end.
    if flags & libc::O_PATH == 0 { flags } else { flags & WITH_PATH | libc::O_RDONLY | libc::O_NONBLOCK }
}
