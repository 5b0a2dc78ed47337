//! Calls that make, move, read and remove names.

use std::{
    ffi::OsStr,
    os::{
        fd::{AsFd, AsRawFd, RawFd},
        unix::ffi::OsStrExt,
    },
};

use nix::{
    fcntl::{AT_FDCWD, AtFlags},
    unistd::linkat,
};
use protocol::{
    Errno,
    file::{HardLink, MakeDirectory, MakeNode, ReadLink, Remove, Rename, SymbolicLink},
};
use rules::path::Access;

use super::{
    super::{Call, directory::is_targets, process::umask},
    file::{File, Side},
    locate::{Found, as_seen_from_here, locate},
    open::PERMISSIONS,
    table::{self, Does, Follow, Line},
};
use crate::descriptors::Lent;

/// readlink(2): what does not fit is cut off.
pub(super) async fn read_link(call: &Call, file: &File, into: usize, room: usize) -> Result<i64, Errno> {
    let room = usize::try_from(call.int(room)).ok().filter(|room| *room > 0).ok_or(Errno::EINVAL)?;
    let text = file.perform(ReadLink { path: file.path.clone() }).await?;
    let text = &text[..text.len().min(room)];
    call.write(call.argument(into), text)?;
    i64::try_from(text.len()).map_err(|_| Errno::EIO)
}

/// mkdir(2).
pub(super) async fn make_directory(call: &Call, file: &File, mode: usize) -> Result<i64, Errno> {
    let mode = call.int(mode).cast_unsigned() & PERMISSIONS & !umask(call.thread());
    file.perform(MakeDirectory { path: file.path.clone(), mode }).await?;
    Ok(0)
}

/// mknod(2).
pub(super) async fn make_node(call: &Call, file: &File, mode: usize) -> Result<i64, Errno> {
    let mode = call.int(mode).cast_unsigned() & !(PERMISSIONS & umask(call.thread()));
    file.perform(MakeNode { path: file.path.clone(), mode }).await?;
    Ok(0)
}

/// unlink(2), rmdir(2), unlinkat(2).
pub(super) async fn remove(call: &Call, file: &File, kind: table::Remove) -> Result<i64, Errno> {
    let directory = match kind {
        table::Remove::File => false,
        table::Remove::Directory => true,
        table::Remove::Flags(flags) => match call.int(flags.into()) {
            0 => false,
            libc::AT_REMOVEDIR => true,
            _ => return Err(Errno::EINVAL),
        },
    };
    file.perform(Remove { path: file.path.clone(), directory }).await?;
    Ok(0)
}

/// symlink(2): the text stays as it is.
pub(super) async fn symbolic_link(call: &Call, file: &File, text: usize) -> Result<i64, Errno> {
    let text = call.path(text)?;
    if text.is_empty() {
        return Err(Errno::ENOENT);
    }
    file.perform(SymbolicLink { text, path: file.path.clone() }).await?;
    Ok(0)
}

/// rename(2) and link(2): both names must be on one side.
pub(super) fn two_paths(call: Call, line: &'static Line) {
    let (Does::Rename { to, .. } | Does::HardLink { to, .. }) = line.does else { return call.go_on() };
    let found = locate(&call, line.at, Access::Write).and_then(|from| Ok((from, locate(&call, to, Access::Write)?)));
    let both = match found {
        Ok((Found::Native, Found::Native)) => return call.go_on(),
        Ok((Found::Native, Found::Elsewhere(to))) => as_seen_from_here(&call, line.at).map(|from| (from, to)),
        Ok((Found::Elsewhere(from), Found::Native)) => as_seen_from_here(&call, to).map(|to| (from, to)),
        Ok((Found::Elsewhere(from), Found::Elsewhere(to))) => Ok((from, to)),
        Err(errno) => Err(errno),
    };
    if let (Ok((_, to)), Some(number)) = (&both, open_file(&call, line))
        && to.side == Side::Target
        && call.still_waits()
    {
        let to = to.clone();
        return call.later(move |call| async move {
            let result = name_open(&call, number, &to).await;
            call.answer(result.map(|()| 0));
        });
    }
    match both {
        Ok(_) if !call.still_waits() => call.answer(Err(Errno(libc::EINTR))),
        // Two file systems, as everybody who moves files knows them: mv(1) copies.
        Ok((from, to)) if from.side != to.side => call.answer(Err(Errno(libc::EXDEV))),
        Ok((from, to)) => call.later(|call| async move {
            let result = joined(&call, line.does, &from, &to).await;
            call.answer(result.map(|()| 0));
        }),
        Err(errno) => call.answer(Err(errno)),
    }
}

async fn joined(call: &Call, does: Does, from: &File, to: &File) -> Result<(), Errno> {
    let new = to.path.clone();
    match does {
        Does::Rename { flags, .. } => {
            let flags = flags.map_or(0, |flags| call.int(flags.into()).cast_unsigned());
            from.perform(Rename { from: from.path.clone(), to: new, flags }).await
        }
        Does::HardLink { follow, .. } => from.perform(HardLink { file: from.which(follow.of(call)), to: new }).await,
        _ => Err(Errno::ENOSYS),
    }
}

/// The open file of the target that linkat(2) is about: by its number, or by Linux's name for it.
fn open_file(call: &Call, line: &Line) -> Option<RawFd> {
    let (Does::HardLink { follow: follow @ Follow::If(flags), .. }, Some(folder)) = (line.does, line.at.folder) else {
        return None;
    };
    let path = call.path(line.at.path.into()).ok()?;
    let number = if path.is_empty() && call.int(flags.into()) & libc::AT_EMPTY_PATH != 0 {
        call.int(folder.into())
    } else if follow.of(call) {
        str::from_utf8(path.strip_prefix(b"/proc/self/fd/")?).ok()?.parse().ok()?
    } else {
        return None;
    };
    is_targets(call.thread(), number, call.proxy().policy.files_device).then_some(number)
}

/// A file without a name (`O_TMPFILE`) is known to the kernel only: its new folder is opened to name it there.
async fn name_open(call: &Call, number: RawFd, to: &File) -> Result<(), Errno> {
    let slash = to.path.iter().rposition(|byte| *byte == b'/').ok_or(Errno::ENOENT)?;
    let (parent, name) = (&to.path[..slash.max(1)], to.path[slash + 1..].to_vec());
    let parent = File { path: parent.to_vec(), ..to.clone() };
    let folder = parent.open(libc::O_PATH | libc::O_DIRECTORY, 0).await?;
    let file = Lent::from(call.descriptor(number)?);
    let linked = tokio::task::spawn_blocking(move || {
        let file = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        linkat(AT_FDCWD, file.as_str(), &folder, OsStr::from_bytes(&name), AtFlags::AT_SYMLINK_FOLLOW)
    });
    linked.await.map_err(|_| Errno::EIO)?.map_err(|errno| Errno(errno as i32))
}
