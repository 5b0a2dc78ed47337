//! Working directories, and watching.

use protocol::{
    Errno,
    file::{Access, RealPath, Stat},
    text::harmless_bytes,
};

use super::{
    super::{Call, directory::Targets},
    file::{File, Side},
};
use crate::event::Event;

/// chdir(2) to a directory that the kernel cannot lead to: see [`super::super::directory`].
pub(super) async fn enter(call: &Call, file: &File) -> Result<i64, Errno> {
    if file.side == Side::Here {
        tell_once(
            call,
            "chdir to a path that feature.fs.mapping rewrites to one of this machine is not possible (ENOTSUP)",
        );
        return Err(Errno(libc::ENOTSUP));
    }
    let path = file.perform(RealPath { path: file.path.clone() }).await?;
    let real = File { path: path.clone(), proxy: file.proxy.clone(), side: file.side };
    let metadata = real.perform(Stat { file: real.which(true) }).await?;
    if metadata.mode & libc::S_IFMT != libc::S_IFDIR {
        return Err(Errno(libc::ENOTDIR));
    }
    real.perform(Access { path: path.clone(), mode: libc::X_OK, follow: true }).await?;
    call.process().directory().enter(path);
    Ok(0)
}

/// getcwd(2): its value counts the NUL.
pub(super) fn tell(call: Call, into: usize, room: usize) {
    let targets = Targets::of(call.proxy());
    let Some(mut path) = call.process().directory().remote(call.thread(), targets) else { return call.go_on() };
    path.push(0);
    let room = usize::try_from(call.argument(room)).unwrap_or(usize::MAX);
    let result = if path.len() <= room {
        call.write(call.argument(into), &path).and_then(|()| i64::try_from(path.len()).map_err(|_| Errno::EIO))
    } else {
        Err(Errno(libc::ERANGE))
    };
    call.answer(result);
}

/// inotify_add_watch(2): nobody tells us what happens to the target's files.
pub(super) fn unwatchable(call: &Call, file: &File) -> Errno {
    tell_once(
        call,
        &format!(
            "{} is the target's and cannot be watched for changes (ENOTSUP); read it again from time to time instead",
            harmless_bytes(&file.path)
        ),
    );
    Errno(libc::ENOTSUP)
}

fn tell_once(call: &Call, what: &str) {
    if call.process().first_warning() {
        let executable = harmless_bytes(&call.process().image().executable);
        call.proxy().observer.tell(Event::Warning(format!("{executable} ({}): {what}", call.process().pid())));
    }
}
