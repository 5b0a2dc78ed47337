//! Descendants keep the layer: exec and spawn with an environment that the program made itself.
//!
//! Not covered, because they are variadic or call exec inside libc with the process's own environment: `execl`,
//! `execle`, `execlp`, `system`, `popen`. They lose the layer only where the program has cleared that environment, or,
//! for `execle`, passes a bare one.

use std::ffi::{CStr, CString};

use libc::{c_int, c_void, pid_t};

use crate::cabi::{Out, Text, Texts};
use crate::classify::{Kind, classify};
use crate::hook::hook;
use crate::scope::{self, Hooked};
use crate::state::Layer;
use crate::{notice, state, sys};

/// `posix_spawn_file_actions_t` and `posix_spawnattr_t`: passed on, never looked into.
type Opaque = *const c_void;

type Execve = unsafe extern "C-unwind" fn(Text, Texts, Texts) -> c_int;
type Fexecve = unsafe extern "C-unwind" fn(c_int, Texts, Texts) -> c_int;
type Execveat = unsafe extern "C-unwind" fn(c_int, Text, Texts, Texts, c_int) -> c_int;
type Spawn = unsafe extern "C-unwind" fn(Out<pid_t>, Text, Opaque, Opaque, Texts, Texts) -> c_int;

hook! {
    /// execve(2)
    fn execve(path: Text, arguments: Texts, environment: Texts) -> c_int => around |real: Execve, path: Text, arguments, environment| {
        // SAFETY: the program's own arguments, and an environment that lasts for the call.
        with_layer(Target::Path(path), environment, |environment| unsafe { real(path, arguments, environment) })
    };
    /// execvpe(3)
    fn execvpe(file: Text, arguments: Texts, environment: Texts) -> c_int => around |real: Execve, file: Text, arguments, environment| {
        // SAFETY: the program's own arguments, and an environment that lasts for the call.
        with_layer(Target::Search(file), environment, |environment| unsafe { real(file, arguments, environment) })
    };
    /// fexecve(3)
    fn fexecve(fd: c_int, arguments: Texts, environment: Texts) -> c_int => around |real: Fexecve, fd, arguments, environment| {
        // SAFETY: the program's own arguments, and an environment that lasts for the call.
        with_layer(Target::Descriptor(fd), environment, |environment| unsafe { real(fd, arguments, environment) })
    };
    /// execveat(2)
    fn execveat(folder: c_int, path: Text, arguments: Texts, environment: Texts, flags: c_int) -> c_int => around |real: Execveat, folder, path: Text, arguments, environment, flags| {
        let target = match path.bytes() {
            Ok(b"") => Target::Descriptor(folder),
            _ => Target::Path(path),
        };
        // SAFETY: the program's own arguments, and an environment that lasts for the call.
        with_layer(target, environment, |environment| unsafe { real(folder, path, arguments, environment, flags) })
    };
    /// posix_spawn(3)
    fn posix_spawn(pid: Out<pid_t>, path: Text, actions: Opaque, attributes: Opaque, arguments: Texts, environment: Texts) -> c_int
        => around |real: Spawn, pid, path: Text, actions, attributes, arguments, environment| {
            // SAFETY: the program's own arguments, and an environment that lasts for the call.
            with_layer(Target::Path(path), environment, |environment| unsafe { real(pid, path, actions, attributes, arguments, environment) })
        };
    /// posix_spawnp(3)
    fn posix_spawnp(pid: Out<pid_t>, file: Text, actions: Opaque, attributes: Opaque, arguments: Texts, environment: Texts) -> c_int
        => around |real: Spawn, pid, file: Text, actions, attributes, arguments, environment| {
            // SAFETY: the program's own arguments, and an environment that lasts for the call.
            with_layer(Target::Search(file), environment, |environment| unsafe { real(pid, file, actions, attributes, arguments, environment) })
        };
}

type Execv = unsafe extern "C-unwind" fn(Text, Texts) -> c_int;

hook! {
    /// execv(3): the hooked execve with the process's own environment.
    fn execv(path: Text, arguments: Texts) -> c_int => around |_real: Execv, path: Text, arguments: Texts| {
        // SAFETY: as execv's own caller promised.
        unsafe { libc::execve(path.pointer(), arguments.pointer(), Texts::environment().pointer()) }
    };
    /// execvp(3): the hooked execvpe with the process's own environment.
    fn execvp(file: Text, arguments: Texts) -> c_int => around |_real: Execv, file: Text, arguments: Texts| {
        // SAFETY: as execvp's own caller promised.
        unsafe { libc::execvpe(file.pointer(), arguments.pointer(), Texts::environment().pointer()) }
    };
}

/// What is executed.
#[derive(Clone, Copy)]
enum Target {
    /// The file of this name.
    Path(Text),
    /// The first executable of this name in `PATH`, if it has no slash.
    Search(Text),
    /// The open file.
    Descriptor(c_int),
}

/// Runs `exec` with an environment in which the layer goes on; outside any scope, because in a child of vfork(2) this
/// thread's state is its parent's.
fn with_layer<R>(target: Target, environment: Texts, exec: impl FnOnce(Texts) -> R) -> R {
    let Ok(kind) = scope::run_attached(|layer| kind_of(layer, target)) else {
        return exec(environment);
    };
    match state::attached() {
        Some(layer) => layer.inheritance.complete(environment, kind, exec),
        None => exec(environment),
    }
}

fn kind_of(layer: &Layer, target: Target) -> Hooked<Kind> {
    let path = match target {
        Target::Path(path) => path.c_str()?.to_owned(),
        Target::Search(file) => search(file.c_str()?),
        Target::Descriptor(fd) => CString::new(format!("/proc/self/fd/{fd}")).unwrap_or_default(),
    };
    let kind = classify(&path);
    let name = rules::process::base_name(path.to_bytes());
    let skipped = rules::process::is_skipped(&layer.policy.skip_processes, name, name);
    if kind != Kind::Preloadable && !layer.skipped && !skipped {
        let shown = notice::printable(path.to_bytes());
        layer.notices.uninjected.say(format_args!(
            "{shown} is not linked with glibc dynamically: it runs on this machine only, without the pod's files and network"
        ));
        tracing::warn!("{shown} runs without us: {kind:?}");
    }
    Ok(kind)
}

/// The file that execvp(3) would find; `file` itself when there is none, or when it has a slash.
fn search(file: &CStr) -> CString {
    if file.to_bytes().contains(&b'/') {
        return file.to_owned();
    }
    let folders = Texts::environment()
        .iter()
        .find_map(|text| Some(text.bytes().ok()?.strip_prefix(b"PATH=")?.to_vec()))
        .unwrap_or_else(|| b"/bin:/usr/bin".to_vec());
    folders
        .split(|byte| *byte == b':')
        .map(|folder| if folder.is_empty() { b"." } else { folder })
        .filter_map(|folder| CString::new([folder, b"/", file.to_bytes()].concat()).ok())
        .find(|candidate| sys::is_executable(candidate))
        .unwrap_or_else(|| file.to_owned())
}
