//! Calls on paths: the same rules as in the layer, the same operations at the agent, the same descriptors.
//!
//! A call on a local path goes on at once, and the kernel gives its errors as well: a path that cannot be read or is too
//! long goes on, too.

mod attributes;
mod change;
mod directory;
mod file;
mod here;
mod locate;
mod names;
mod open;
mod status;
mod table;

use libc::c_long;
use protocol::Errno;

use self::{
    file::File,
    locate::{Found, locate},
    table::{CALLS as TABLE, Does, Line},
};
use super::{Call, signals::interrupted_at_last};

/// The calls that come here.
pub(super) const CALLS: [c_long; TABLE.len()] = {
    let mut numbers = [0; TABLE.len()];
    let mut index = 0;
    while index < numbers.len() {
        numbers[index] = TABLE[index].number;
        index += 1;
    }
    numbers
};

/// Runs on the receiving thread: what is local goes on at once, the rest becomes a task.
pub(super) fn handle(call: Call) {
    let Some(line) = TABLE.iter().find(|line| line.number == call.number()) else { return call.go_on() };
    match line.does {
        Does::GetDirectory { into, room } => directory::tell(call, into.into(), room.into()),
        Does::LeaveDirectory => {
            call.process().directory().leave();
            call.go_on();
        }
        Does::Rename { .. } | Does::HardLink { .. } => names::two_paths(call, line),
        _ => one_path(call, line),
    }
}

fn one_path(call: Call, line: &'static Line) {
    let Some(access) = line.does.access(&call) else { return call.go_on() };
    match locate(&call, line.at, access) {
        Ok(Found::Native) => {
            if let Does::ChangeDirectory = line.does {
                call.process().directory().leave();
            }
            call.go_on();
        }
        // What was read of a thread that waits no longer may be anything: nothing is done to the target for it.
        Ok(Found::Elsewhere(_)) if !call.still_waits() => call.answer(Err(Errno(libc::EINTR))),
        Ok(Found::Elsewhere(file)) => call.later(|call| async move {
            match line.does {
                Does::Open { .. } | Does::OpenHow { .. } | Does::Create { .. } => {
                    open::open(call, line.does, file).await;
                }
                _ => {
                    let result = unless_interrupted(&call, line.does, perform(&call, line.does, &file)).await;
                    call.answer(result);
                }
            }
        }),
        Err(errno) => call.answer(Err(errno)),
    }
}

/// What `work` comes to for the call, or the errno of one that a signal interrupts: only where the program can make the
/// call again and finds what it would have found.
async fn unless_interrupted<T>(
    call: &Call,
    does: Does,
    work: impl Future<Output = Result<T, Errno>>,
) -> Result<T, Errno> {
    if !does.may_be_made_again(call) {
        return work.await;
    }
    tokio::select! {
        biased;
        result = work => result,
        errno = interrupted_at_last(call.thread()) => Err(errno),
    }
}

/// All calls on one path that give no descriptor.
async fn perform(call: &Call, does: Does, file: &File) -> Result<i64, Errno> {
    match does {
        Does::Stat { follow, into } => status::stat(call, file, follow.of(call), call.argument(into.into())).await,
        Does::StatX { flags, mask, into } => status::statx(call, file, flags.into(), mask.into(), into.into()).await,
        Does::StatFs { into } => status::statfs(call, file, call.argument(into.into())).await,
        Does::Access { mode, follow } => status::access(file, call.int(mode.into()), follow.of(call)).await,
        Does::ReadLink { into, room } => names::read_link(call, file, into.into(), room.into()).await,
        Does::MakeDirectory { mode } => names::make_directory(call, file, mode.into()).await,
        Does::MakeNode { mode } => names::make_node(call, file, mode.into()).await,
        Does::Remove(kind) => names::remove(call, file, kind).await,
        Does::SymbolicLink { text } => names::symbolic_link(call, file, text.into()).await,
        Does::ChangeMode { mode, follow } => change::mode(call, file, mode.into(), follow).await,
        Does::ChangeOwner { user, group, follow } => change::owner(call, file, user.into(), group.into(), follow).await,
        Does::Truncate { size } => change::truncate(call, file, size.into()).await,
        Does::SetTimes { times, follow } => change::times(call, file, times, follow).await,
        Does::Attribute { does, follow } => attributes::perform(call, file, does, follow).await,
        Does::ChangeDirectory => directory::enter(call, file).await,
        Does::Watch => Err(directory::unwatchable(call, file)),
        Does::Open { .. }
        | Does::OpenHow { .. }
        | Does::Create { .. }
        | Does::Rename { .. }
        | Does::HardLink { .. }
        | Does::GetDirectory { .. }
        | Does::LeaveDirectory => Err(Errno::ENOSYS), // handled before this
    }
}
