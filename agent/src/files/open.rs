//! Opening: what the kernel says to the flags, what travels with the answer, and what is held open.

use std::{
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use nix::{
    fcntl::OFlag,
    sys::{
        stat::{FileStat, Mode, SFlag, fstat},
        statfs::{
            CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, FsType, PROC_SUPER_MAGIC, SECURITYFS_MAGIC,
            SYSFS_MAGIC, TRACEFS_MAGIC, fstatfs,
        },
    },
};
use protocol::{
    Errno,
    file::{CONTENT_LIMIT, Content, Open, Opened},
};

use super::{
    Subject,
    blob::Blob,
    errno, file_type, flags,
    handles::{Handles, OpenFile},
    metadata::access,
    resolve::{LastLink, open_in, path_of, resolve},
};
use crate::rights::Rights;

/// How long a file must not have changed to be taken for one that stays as it is.
const QUIET_SECONDS: i64 = 60;

/// File systems whose files are made when they are read, whatever size they say.
const MADE_WHEN_READ: [FsType; 7] = [
    PROC_SUPER_MAGIC,
    SYSFS_MAGIC,
    CGROUP_SUPER_MAGIC,
    CGROUP2_SUPER_MAGIC,
    DEBUGFS_MAGIC,
    TRACEFS_MAGIC,
    SECURITYFS_MAGIC,
];

/// open(2). The first bytes are read already, so that a small file costs one hop.
///
/// Fails with `ENXIO` for FIFOs, sockets and devices that the target may open, unless `O_PATH` is set: opening them may
/// block or act.
pub(crate) fn open(
    root: &OwnedFd,
    request: &Open,
    rights: &Arc<Rights>,
    handles: &Handles,
) -> Result<(Opened, Blob), Errno> {
    let Open { path, flags, mode } = request;
    let flags = flags::translate(*flags);
    let descriptor = open_harmless(root, path, flags, *mode)?;
    let status = fstat(&descriptor).map_err(errno)?;
    let kind = file_type(&status);
    if is_special(kind) && !flags.contains(OFlag::O_PATH) {
        return Err(Errno(libc::ENXIO)); // it came there a moment ago
    }
    let place = path_of(root, descriptor.as_fd())?.unwrap_or_else(|| path.clone());
    let file = Arc::new(OpenFile::new(descriptor, &status, flags, rights.clone()));
    // Who creates a file, if only perhaps, may want to lock it, which takes a handle.
    let may_travel = !flags.contains(OFlag::O_CREAT) && is_quiet(&status);
    let (content, blob) = content(file, kind, &status, may_travel, handles)?;
    Ok((Opened { metadata: (&status).into(), path: place, content }, blob))
}

/// Opens what is no FIFO, socket or device.
fn open_harmless(root: &OwnedFd, path: &[u8], flags: OFlag, mode: u32) -> Result<OwnedFd, Errno> {
    let bare = flags.contains(OFlag::O_PATH);
    // With these the kernel opens nothing but directories.
    if !bare && !flags.contains(OFlag::O_DIRECTORY) {
        let last = if flags.contains(OFlag::O_NOFOLLOW) || flags.contains(OFlag::O_CREAT | OFlag::O_EXCL) {
            LastLink::Keep
        } else {
            LastLink::Follow
        };
        // What cannot be resolved may be created, or fails below.
        if let Ok(place) = resolve(root, path, last)
            && is_special(file_type(&fstat(&place).map_err(errno)?))
        {
            if flags.contains(OFlag::O_CREAT | OFlag::O_EXCL) {
                return Err(Errno(libc::EEXIST));
            }
            // Who may not open it hears that first, as from the kernel.
            access(Subject::Place(place.as_fd()), asked(flags))?;
            return Err(Errno(libc::ENXIO));
        }
    }
    let mode = if flags.contains(OFlag::O_CREAT) || flags::is_temporary(flags) {
        Mode::from_bits_truncate(mode & 0o7777)
    } else {
        Mode::empty()
    };
    // Not for the sake of reading: should a FIFO or a device come there in this moment, nothing waits for it.
    let unblocked = if bare { OFlag::empty() } else { OFlag::O_NONBLOCK | OFlag::O_NOCTTY };
    match open_in(root, path, flags | unblocked, mode) {
        // A lease is being broken, fcntl(2); whoever holds it has some seconds for that.
        Err(Errno(libc::EWOULDBLOCK)) if !bare => open_in(root, path, flags | OFlag::O_NOCTTY, mode),
        answer => answer,
    }
}

/// What access(2) is to be asked for.
fn asked(flags: OFlag) -> i32 {
    match flags & OFlag::O_ACCMODE {
        OFlag::O_RDONLY => libc::R_OK,
        OFlag::O_WRONLY => libc::W_OK,
        _ => libc::R_OK | libc::W_OK,
    }
}

fn is_special(kind: SFlag) -> bool {
    [SFlag::S_IFIFO, SFlag::S_IFSOCK, SFlag::S_IFCHR, SFlag::S_IFBLK].contains(&kind)
}

/// What travels with the answer.
fn content(
    file: Arc<OpenFile>,
    kind: SFlag,
    status: &FileStat,
    may_travel: bool,
    handles: &Handles,
) -> Result<(Content, Blob), Errno> {
    let nothing = || Blob::memory(Vec::new());
    let size = usize::try_from(status.st_size).unwrap_or(usize::MAX);
    let begin = |len: usize| Blob::of_file(file.clone(), 0, len.min(CONTENT_LIMIT));
    let whole = |blob| Ok((Content::Whole, blob));
    let blob = match (kind, file.access()) {
        _ if file.is_bare() => nothing(),
        (SFlag::S_IFDIR, _) => {
            let blob = Blob::of_directory(file.clone())?;
            let handle = handles.insert(file)?;
            return Ok((Content::Listing(handle), blob.with(handle)));
        }
        (_, OFlag::O_RDONLY) if is_made_when_read(&file) => match read_whole(&file) {
            Some(blob) => return whole(finish(file, blob)),
            None => nothing(),
        },
        (_, OFlag::O_RDONLY) if size <= CONTENT_LIMIT && may_travel => {
            let blob = begin(size)?;
            return whole(finish(file, blob));
        }
        // A first read that fails is told to whoever reads.
        (_, OFlag::O_RDONLY | OFlag::O_RDWR) => begin(size).unwrap_or_else(|_| nothing()),
        _ => nothing(),
    };
    let handle = handles.insert(file)?;
    Ok((Content::Beginning(handle), blob.with(handle)))
}

/// Closes a file that is read to its end; otherwise its blob does, later.
fn finish(file: Arc<OpenFile>, blob: Blob) -> Blob {
    if let Some(file) = Arc::into_inner(file) {
        // Nothing was written: there is nothing to fail.
        let _ = file.close();
    }
    blob
}

/// Whether the file has not changed lately. The clock is ours; a file from far in the future is quiet.
fn is_quiet(status: &FileStat) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    now.saturating_sub(status.st_mtime).saturating_abs() > QUIET_SECONDS
}

fn is_made_when_read(file: &OpenFile) -> bool {
    fstatfs(file).is_ok_and(|status| MADE_WHEN_READ.contains(&status.filesystem_type()))
}

/// All of a file that has no size; nothing when it has no end either, or cannot be read.
fn read_whole(file: &Arc<OpenFile>) -> Option<Blob> {
    let mut blob = Blob::of_file(file.clone(), 0, CONTENT_LIMIT + 1).ok()?;
    let mut content = Vec::new();
    while let Some(chunk) = blob.next_chunk().ok()? {
        content.extend_from_slice(&chunk);
    }
    (content.len() <= CONTENT_LIMIT).then(|| Blob::memory(content))
}

/// Whole content of a small file, at most `limit` bytes of it, with the agent's own rights.
pub(crate) fn read_small(root: &OwnedFd, path: &str, limit: usize) -> Result<Vec<u8>, Errno> {
    use std::io::Read;
    let file = std::fs::File::from(open_harmless(root, path.as_bytes(), OFlag::O_RDONLY, 0)?);
    let mut content = Vec::new();
    file.take(u64::try_from(limit).unwrap_or(u64::MAX)).read_to_end(&mut content)?;
    Ok(content)
}
