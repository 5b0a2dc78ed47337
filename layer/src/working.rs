//! Folders of the target that the program is in, or has open.
//!
//! Their descriptors are on a device of their own (`Policy::files_device`), and the kernel's name for them is their path
//! inside the target; without FUSE they are copies ([`copied`]). Whether the working directory is such a folder is known without asking: it is found out at the
//! start, and changes with chdir(2) only. (It belongs to all threads; clone(2) without `CLONE_FS` is not looked after.)

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::c_int;
use protocol::Errno;
use protocol::policy::Policy;

use crate::copied;
use crate::scope::Hooked;
use crate::stack::StackBytes;
use crate::state::Layer;
use crate::{notice, sys};

/// Whether this process is in a folder of the target.
static IS_REMOTE: AtomicBool = AtomicBool::new(false);

/// Finds out whether this process is in a folder of the target, at its start and when it may have left one. Not in a
/// child of vfork(2), which shares this memory and nothing else; it executes another program next.
pub(crate) fn find_out(files_device: u64, is_own_process: bool) {
    let is_remote = is_in_targets(files_device);
    if is_own_process {
        IS_REMOTE.store(is_remote, Ordering::Relaxed);
    }
}

/// A program on the skip list knows nothing of the target's folders, and would have no path in one: it starts where the
/// launch was. Runs between fork and exec, too.
pub(crate) fn start_outside(policy: &Policy, program: &[u8]) {
    if !is_in_targets(policy.files_device) {
        return;
    }
    let left = current();
    let launch: &[u8] = if policy.files.working.is_empty() { b"/" } else { &policy.files.working };
    let is_there = StackBytes::of(&[launch]).is_some_and(|launch| sys::change_folder_to(launch.c_str()).is_ok());
    let started = if is_there || sys::change_folder_to(c"/").is_err() { launch } else { b"/" };
    notice::always(format_args!(
        "{} runs without the pod ({}) and cannot be in the pod's {}: it starts in {}",
        notice::printable(program),
        rules::process::skipping_key(program),
        notice::printable(&left.unwrap_or_default()),
        notice::printable(started)
    ));
}

/// Whether the kernel has this process in a folder of the target, whoever has led it there.
pub(crate) fn is_in_targets(files_device: u64) -> bool {
    if files_device == 0 {
        return copied::is_there() && current().is_ok();
    }
    sys::device_of_folder().is_ok_and(|device| device == files_device)
}

/// Whether this process is in a folder of the target.
pub(crate) fn is_remote() -> bool {
    IS_REMOTE.load(Ordering::Relaxed)
}

/// Where the relative paths of a call begin.
pub(crate) enum Beginning {
    /// In a folder of this machine.
    Here,
    /// At this machine's root, by an open descriptor: what is below it is as if its path was absolute.
    Root,
    /// In a folder of the target, by its path there.
    Target(Vec<u8>),
}

/// Where relative paths begin that are relative to `folder`, an open one or `AT_FDCWD`.
pub(crate) fn beginning(layer: &Layer, folder: c_int) -> Hooked<Beginning> {
    let targets = |path: Option<Vec<u8>>| path.map_or(Beginning::Here, Beginning::Target);
    if layer.policy.files_device == 0 && !copied::is_there() {
        return Ok(Beginning::Here);
    }
    if folder == libc::AT_FDCWD {
        return if is_remote() { Ok(Beginning::Target(current()?)) } else { Ok(Beginning::Here) };
    }
    // Whatever is wrong with it, the real function says so.
    let Ok(known) = sys::known(folder) else { return Ok(Beginning::Here) };
    if layer.root == Some(known) {
        return Ok(Beginning::Root);
    }
    if copied::is_there() {
        return Ok(targets(copied::original_of(folder)));
    }
    if (known.device, known.kind) != (layer.policy.files_device, libc::S_IFDIR) {
        return Ok(Beginning::Here);
    }
    let path = sys::read_link(&sys::descriptor_path(folder))?;
    Ok(targets(Some(path).filter(|path| is_path(path))))
}

/// Whether `fd` is a file of the target, of type `kind` (`S_IFDIR`…).
pub(crate) fn is_targets(layer: &Layer, fd: c_int, kind: libc::mode_t) -> bool {
    let device = layer.policy.files_device;
    device != 0 && sys::known(fd).is_ok_and(|found| (found.device, found.kind) == (device, kind))
}

/// The working directory's path inside the target, while it is there. `ENOENT` when it has been removed.
pub(crate) fn current() -> Result<Vec<u8>, Errno> {
    let path = sys::read_link(c"/proc/self/cwd")?;
    if copied::is_there() {
        return copied::original(&path).ok_or(Errno::ENOENT);
    }
    if is_path(&path) { Ok(path) } else { Err(Errno::ENOENT) }
}

/// proc(5): the kernel marks names of what is not there any more.
fn is_path(name: &[u8]) -> bool {
    name.starts_with(b"/") && !name.ends_with(b" (deleted)")
}

/// Goes into an open folder of whomever. fchdir(2)
pub(crate) fn enter(layer: &Layer, folder: c_int) -> Result<(), Errno> {
    sys::change_folder(folder)?;
    find_out(layer.policy.files_device, layer.link.is_own_process());
    Ok(())
}

/// Goes into a folder of this machine. chdir(2)
pub(crate) fn leave(layer: &Layer, path: &CStr) -> Result<(), Errno> {
    sys::change_folder_to(path)?;
    find_out(layer.policy.files_device, layer.link.is_own_process());
    Ok(())
}
