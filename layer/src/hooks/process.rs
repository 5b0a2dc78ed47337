//! Descendants stay with us: exec and spawn, with an environment that the program made itself, of programs that need
//! the other engine.

mod list;

use std::os::fd::RawFd;

use libc::{FILE, c_char, c_int, c_void, pid_t};

use crate::actions;
use crate::cabi::{Out, Text, Texts};
use crate::hook::hook;
use crate::inherit::Library;
use crate::scope::{self, Otherwise};
use crate::spawn::{Target, Way, before_exec, before_spawn};
use crate::state;

/// `posix_spawn_file_actions_t`, and `posix_spawnattr_t`, which is passed on as it is.
type Opaque = *const c_void;

type Execve = unsafe extern "C-unwind" fn(Text, Texts, Texts) -> c_int;
type Fexecve = unsafe extern "C-unwind" fn(c_int, Texts, Texts) -> c_int;
type Execveat = unsafe extern "C-unwind" fn(c_int, Text, Texts, Texts, c_int) -> c_int;
type Spawn = unsafe extern "C-unwind" fn(Out<pid_t>, Text, Opaque, Opaque, Texts, Texts) -> c_int;

hook! {
    /// execve(2)
    fn execve(path: Text, arguments: Texts, environment: Texts) -> c_int => around |real: Execve, path: Text, arguments, environment| {
        // SAFETY: the program's own arguments, and an environment that lasts for the call.
        exec(Target::Path(path), arguments, environment, |environment| unsafe { real(path, arguments, environment) })
    };
    /// execvpe(3)
    fn execvpe(file: Text, arguments: Texts, environment: Texts) -> c_int => around |real: Execve, file: Text, arguments, environment| {
        // SAFETY: the program's own arguments, and an environment that lasts for the call.
        exec(Target::Search(file), arguments, environment, |environment| unsafe { real(file, arguments, environment) })
    };
    /// fexecve(3)
    fn fexecve(fd: c_int, arguments: Texts, environment: Texts) -> c_int => around |real: Fexecve, fd, arguments, environment| {
        // SAFETY: the program's own arguments, and an environment that lasts for the call.
        exec(Target::Descriptor(fd), arguments, environment, |environment| unsafe { real(fd, arguments, environment) })
    };
    /// execveat(2)
    fn execveat(folder: c_int, path: Text, arguments: Texts, environment: Texts, flags: c_int) -> c_int => around |real: Execveat, folder, path: Text, arguments, environment, flags| {
        let target = match path.bytes() {
            Ok(b"") => Target::Descriptor(folder),
            _ => Target::At(folder, path),
        };
        // SAFETY: the program's own arguments, and an environment that lasts for the call.
        exec(target, arguments, environment, |environment| unsafe { real(folder, path, arguments, environment, flags) })
    };
    /// posix_spawn(3)
    fn posix_spawn(pid: Out<pid_t>, path: Text, actions: Opaque, attributes: Opaque, arguments: Texts, environment: Texts) -> c_int
        => around |real: Spawn, pid, path: Text, actions, attributes, arguments, environment| {
            // SAFETY: the program's own arguments, or ones that last for the call.
            spawn(Target::Path(path), path, actions, arguments, environment, |path, actions, arguments, environment| unsafe { real(pid, path, actions, attributes, arguments, environment) })
        };
    /// posix_spawnp(3)
    fn posix_spawnp(pid: Out<pid_t>, file: Text, actions: Opaque, attributes: Opaque, arguments: Texts, environment: Texts) -> c_int
        => around |real: Spawn, pid, file: Text, actions, attributes, arguments, environment| {
            // SAFETY: the program's own arguments, or ones that last for the call.
            spawn(Target::Search(file), file, actions, arguments, environment, |file, actions, arguments, environment| unsafe { real(pid, file, actions, attributes, arguments, environment) })
        };
}

type Execv = unsafe extern "C-unwind" fn(Text, Texts) -> c_int;
type System = unsafe extern "C-unwind" fn(Text) -> c_int;
type Popen = unsafe extern "C-unwind" fn(Text, Text) -> *mut FILE;

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
    /// system(3): starts a shell inside libc, with the process's own environment.
    fn system(command: Text) -> c_int => around |real: System, command| {
        restore();
        // SAFETY: the program's own argument.
        unsafe { real(command) }
    };
    /// popen(3): as system(3).
    fn popen(command: Text, mode: Text) -> *mut FILE => around |real: Popen, command, mode| {
        restore();
        // SAFETY: the program's own arguments.
        unsafe { real(command, mode) }
    };
}

/// Runs `real` with an environment in which we go on, in a process that is ready for the program; `real` runs outside
/// any scope, because in a child of vfork(2) this thread's state is its parent's.
fn exec(target: Target, arguments: Texts, environment: Texts, real: impl FnOnce(Texts) -> c_int) -> c_int {
    match scope::run_attached(|layer| before_exec(layer, target, arguments)) {
        Ok(library) => complete(environment, library, real),
        Err(Otherwise::Native | Otherwise::Instead(_)) => real(environment),
        Err(Otherwise::Fail(errno)) => scope::failed(errno),
    }
}

/// As [`exec`], for posix_spawn(3), which returns an error's number.
fn spawn(
    target: Target,
    file: Text,
    actions: Opaque,
    arguments: Texts,
    environment: Texts,
    real: impl FnOnce(Text, Opaque, Texts, Texts) -> c_int,
) -> c_int {
    match scope::run(|layer| actions::prepare(layer, actions)) {
        Ok(prepared) => prepared.lend(|actions| {
            let real = |file, arguments, environment| real(file, actions, arguments, environment);
            spawn_in(prepared.folder(), target, file, arguments, environment, real)
        }),
        Err(Otherwise::Native | Otherwise::Instead(_)) => {
            let real = |file, arguments, environment| real(file, actions, arguments, environment);
            spawn_in(None, target, file, arguments, environment, real)
        }
        Err(Otherwise::Fail(errno)) => errno.0,
    }
}

/// As [`spawn`]; the child starts in `folder`, if there is one, and otherwise where its parent is.
fn spawn_in(
    folder: Option<RawFd>,
    target: Target,
    file: Text,
    arguments: Texts,
    environment: Texts,
    real: impl FnOnce(Text, Texts, Texts) -> c_int,
) -> c_int {
    match scope::run_attached(|layer| before_spawn(layer, target, folder, arguments)) {
        Ok(Way::Itself(library)) => complete(environment, library, |environment| real(file, arguments, environment)),
        Ok(Way::Launcher(launcher)) => {
            let list: Vec<*const c_char> = launcher.list(arguments);
            complete(environment, Library::Withheld, |environment| {
                real(launcher.launcher(), Texts::of(&list), environment)
            })
        }
        Err(Otherwise::Native | Otherwise::Instead(_)) => real(file, arguments, environment),
        Err(Otherwise::Fail(errno)) => errno.0,
    }
}

fn complete<R>(environment: Texts, library: Library, real: impl FnOnce(Texts) -> R) -> R {
    match state::attached() {
        Some(layer) => layer.inheritance.complete(environment, library, real),
        None => real(environment),
    }
}

fn restore() {
    // Nothing of it can fail that the program should hear of.
    let _ = scope::run_attached(|layer| {
        if !layer.strict {
            layer.inheritance.restore();
        }
        Ok(())
    });
}
