//! Before a program is executed or spawned: which engine it gets, and how it gets it.

use std::ffi::CStr;
use std::fmt::{Display, Write as _};

use libc::c_char;
use protocol::policy::LAUNCH_COMMAND;
use rules::executable::{Engine, Obstacle};
use rules::process;

use crate::cabi::{Text, Texts};
use crate::classify::classify;
use crate::filter::{self, Unsupervised};
use crate::inherit::Library;
use crate::scope::{Hooked, Otherwise};
use crate::stack::StackBytes;
use crate::state::Layer;
use crate::{notice, sys, working};

/// What is executed.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// The file of this name.
    Path(Text),
    /// The first executable of this name in `PATH`, if it has no slash.
    Search(Text),
    /// The file of this name, below the folder of this descriptor if it is relative.
    At(i32, Text),
    /// The open file.
    Descriptor(i32),
}

/// Makes the calling process ready to execute `target`. It may be a child of vfork(2).
///
/// Fails when the process has a filter by now and nobody who answers for it: it must not go on.
pub(crate) fn before_exec(layer: &Layer, target: Target, arguments: Texts) -> Hooked<Library> {
    if layer.strict {
        return Ok(Library::Withheld); // the filter goes on, and announces all its calls
    }
    let path = path_of(target)?;
    let reason = match classify(path.c_str()) {
        Some(Engine::Seccomp(reason)) => reason,
        engine => return Ok(unwatched(layer, path.c_str(), arguments, engine)),
    };
    if !sys::is_executable(path.c_str()) {
        return Ok(Library::Withheld); // exec fails, and says why
    }
    if is_skipped(layer, path.c_str(), arguments) {
        working::start_outside(&layer.policy, path.bytes());
    }
    match filter::supervise(&layer.link, path.c_str()) {
        Ok(()) => {}
        Err(Unsupervised::NoFilter(error)) => {
            tell_local(layer, path.c_str(), arguments, &reason, seccomp::filter::explain(&error));
        }
        Err(Unsupervised::NoSupervisor(errno)) => {
            let shown = notice::printable(path.bytes());
            notice::always(format_args!("{shown} was not started: the session did not take charge of it ({errno})"));
            return Err(Otherwise::Fail(errno));
        }
    }
    Ok(Library::Withheld)
}

/// How a program is spawned.
#[expect(clippy::large_enum_variant, reason = "lives on the stack, once, for a spawn")]
pub(crate) enum Way {
    /// As the caller asks.
    Itself(Library),
    /// The launcher in its place, with these arguments.
    Launcher(LauncherArguments),
}

/// Arguments of a launcher, and the texts behind them.
pub(crate) struct LauncherArguments {
    launcher: StackBytes,
    command: StackBytes,
    path: StackBytes,
}

impl LauncherArguments {
    /// The launcher's path.
    pub(crate) fn launcher(&self) -> Text {
        Text::of(self.launcher.c_str())
    }

    /// Its arguments for a program that gets `arguments`. This list points into `self`.
    pub(crate) fn list(&self, arguments: Texts) -> Vec<*const c_char> {
        let own = [&self.launcher, &self.command, &self.path].map(|text| text.c_str().as_ptr());
        let arguments = arguments.iter().map(Text::pointer);
        own.into_iter().chain(arguments).chain([std::ptr::null()]).collect()
    }
}

/// Decides how `target` is spawned: posix_spawn(3) leaves no place for a filter between fork and exec, so that the
/// launcher takes the program's place where it needs one. A relative path begins in `folder`, if there is one.
pub(crate) fn before_spawn(layer: &Layer, target: Target, folder: Option<i32>, arguments: Texts) -> Hooked<Way> {
    if layer.strict {
        return Ok(Way::Itself(Library::Withheld)); // as above
    }
    let path = path_of(target)?;
    let found = match folder {
        Some(folder) if !path.bytes().starts_with(b"/") => below(folder, path.bytes()),
        _ => StackBytes::of(&[path.bytes()]),
    };
    let found = found.ok_or(Otherwise::Native)?;
    let reason = match classify(found.c_str()) {
        Some(Engine::Seccomp(reason)) => reason,
        engine => return Ok(Way::Itself(unwatched(layer, path.c_str(), arguments, engine))),
    };
    if !sys::is_executable(found.c_str()) || arguments.iter().next().is_none() {
        return Ok(Way::Itself(Library::Withheld)); // it fails, and says why
    }
    let launcher = &layer.policy.launch.launcher;
    if launcher.is_empty() {
        let why = match seccomp::filter::check() {
            Ok(()) => "the session has no launcher",
            Err(error) => seccomp::filter::explain(&error),
        };
        tell_local(layer, path.c_str(), arguments, &reason, why);
        return Ok(Way::Itself(Library::Withheld));
    }
    let launcher = StackBytes::of(&[launcher]).ok_or(Otherwise::Native)?;
    let command = StackBytes::new(LAUNCH_COMMAND.as_bytes());
    Ok(Way::Launcher(LauncherArguments { launcher, command, path }))
}

/// For programs that are not watched.
fn unwatched(layer: &Layer, path: &CStr, arguments: Texts, engine: Option<Engine>) -> Library {
    match engine {
        None | Some(Engine::Preload | Engine::Seccomp(_)) => Library::Given,
        Some(Engine::Neither(obstacle)) => {
            tell_local(layer, path, arguments, &obstacle, "mirrord has no way into it");
            match obstacle {
                Obstacle::Foreign => Library::Withheld,
                // Its loader ignores it, and what it starts may not.
                Obstacle::Setuid | Obstacle::Capabilities => Library::Given,
            }
        }
    }
}

/// Says that a program runs without us, unless it was asked for.
fn tell_local(layer: &Layer, path: &CStr, arguments: Texts, what: &dyn Display, why: &str) {
    if layer.skipped || is_skipped(layer, path, arguments) {
        return;
    }
    let shown = notice::printable(path.to_bytes());
    layer
        .notices
        .uninjected
        .say(format_args!("{shown} {what}: it runs on this machine only, without the pod's files and network: {why}"));
}

/// Whether the program runs without us, by the skip list.
fn is_skipped(layer: &Layer, path: &CStr, arguments: Texts) -> bool {
    let argv0 = arguments.iter().next();
    let argv0 = argv0.as_ref().and_then(|text| text.bytes().ok()).unwrap_or_default();
    process::is_skipped(&layer.policy.skip_processes, path.to_bytes(), argv0)
}

/// The file that will be executed.
fn path_of(target: Target) -> Hooked<StackBytes> {
    let path = match target {
        Target::Path(path) => StackBytes::of(&[path.bytes()?]),
        Target::Search(file) => search(file.bytes()?),
        Target::At(folder, path) => match path.bytes()? {
            path if path.starts_with(b"/") || folder == libc::AT_FDCWD => StackBytes::of(&[path]),
            path => below(folder, path),
        },
        Target::Descriptor(fd) => of_descriptor(fd),
    };
    // Too long: exec fails, and says why.
    path.ok_or(Otherwise::Native)
}

/// A path from an open folder.
fn below(folder: i32, path: &[u8]) -> Option<StackBytes> {
    let mut whole = of_descriptor(folder)?;
    let fits = whole.push(b"/") && whole.push(path);
    fits.then_some(whole)
}

fn of_descriptor(fd: i32) -> Option<StackBytes> {
    let mut path = StackBytes::new(b"");
    write!(path, "/proc/self/fd/{fd}").is_ok().then_some(path)
}

/// The file that execvp(3) would find; `file` itself when there is none, or when it has a slash.
fn search(file: &[u8]) -> Option<StackBytes> {
    let itself = || StackBytes::of(&[file]);
    if file.contains(&b'/') || file.is_empty() {
        return itself();
    }
    let environment = Texts::environment();
    let path = environment.iter().find(|text| text.bytes().is_ok_and(|bytes| bytes.starts_with(b"PATH=")));
    let folders = path.as_ref().and_then(|text| text.bytes().ok()?.strip_prefix(b"PATH=")).unwrap_or(b"/bin:/usr/bin");
    folders
        .split(|byte| *byte == b':')
        .map(|folder| if folder.is_empty() { b"." } else { folder })
        .filter_map(|folder| StackBytes::of(&[folder, b"/", file]))
        .find(|candidate| sys::is_executable(candidate.c_str()))
        .or_else(itself)
}
