//! From the launcher's variables to a layer: runs before the program's first instruction.

use std::env;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::atomic::AtomicU64;

use protocol::Errno;
use protocol::link::{secret_from_hex, variable};
use protocol::policy::{FilePolicy, LAUNCH_COMMAND, PREFIX_COMMAND};
use rules::path::{PathRules, Program};
use rules::process;

use crate::copied;
use crate::environment;
use crate::filter::{self, Unsupervised};
use crate::inherit::Inheritance;
use crate::link::{AttachError, Link};
use crate::scope::Scope;
use crate::state::{self, Layer, Notices};
use crate::{log, notice, sys, working};

/// Attaches this process to its session. Without the launcher's variables nothing happens; with them, a failure ends
/// the process at once: a program that believes itself in the cluster must not run outside it unnoticed.
pub(crate) fn start() {
    let _scope = Scope::enter();
    if env::var_os(variable::DONT_LOAD).is_some_and(|value| !value.is_empty()) {
        notice::always(format_args!("this program was not started: {} forbids it", variable::DONT_LOAD));
        sys::exit_now(1);
    }
    let Some(socket) = env::var_os(variable::SOCKET) else {
        return;
    };
    match attach(socket) {
        Ok(Some(layer)) => state::set(layer),
        Ok(None) => return,
        Err(reason) => {
            notice::always(format_args!("this program was not started: {reason}"));
            sys::exit_now(1);
        }
    }
    sys::at_fork_in_child(forked);
}

extern "C" fn forked() {
    let Some(layer) = state::attached() else {
        return;
    };
    // Inside already: the fork happened in the layer's own code, which does not fork.
    let Some(_scope) = Scope::enter() else {
        return;
    };
    let errno = sys::errno();
    layer.link.forked();
    sys::set_errno(Errno(errno));
}

/// The layer; nothing in our own program on its way to become another, which does for it all that is to be done.
fn attach(socket: OsString) -> Result<Option<Layer>, String> {
    if let Some(path) = env::var_os(variable::LOG_PATH).and_then(terminated) {
        log::start(path);
    }
    let shown = notice::printable(socket.as_bytes());
    let socket = terminated(socket).ok_or_else(|| format!("{} is no path", variable::SOCKET))?;
    let secret = env::var(variable::SECRET).ok();
    let secret = secret
        .as_deref()
        .and_then(secret_from_hex)
        .ok_or_else(|| format!("{} is missing or malformed", variable::SECRET))?;
    let executable = env::current_exe().map_or_else(|_| Vec::new(), |path| path.into_os_string().into_vec());
    let (link, policy) = Link::attach(socket, secret, &executable).map_err(|error| match error {
        AttachError::Unreachable(errno) => {
            format!("no session answers at {shown} ({errno}); it has probably ended")
        }
        AttachError::Refused(reason) => {
            format!("the session refused it: {}", notice::printable(reason.as_bytes()))
        }
        AttachError::Malformed => "the session answered in an unknown language".to_owned(),
    })?;
    let mut arguments = env::args_os();
    let argv0 = arguments.next().unwrap_or_default();
    let becomes_another = executable == policy.launch.launcher
        && arguments.next().is_some_and(|first| first == PREFIX_COMMAND || first == LAUNCH_COMMAND);
    if becomes_another {
        if policy.launch.load_environment {
            environment::import(&link).map_err(not_imported)?;
        }
        return Ok(None);
    }
    if policy.files_device == 0 {
        copied::expect(link.socket());
    }
    let skipped = process::is_skipped(&policy.skip_processes, &executable, argv0.as_bytes());
    if skipped {
        working::start_outside(&policy, &executable);
    }
    working::find_out(policy.files_device, true);
    if policy.launch.load_environment && !skipped {
        environment::import(&link).map_err(not_imported)?;
    }
    let paths = rules_of(&policy.files, &executable);
    tracing::info!(
        "attached: {}{}",
        notice::printable(&executable),
        if skipped { " (on the skip list: runs without us)" } else { "" }
    );
    let inheritance = Inheritance::capture();
    let strict = policy.launch.strict && !skipped;
    if strict {
        filter::supervise_outside_libc(&link, &executable).map_err(|error| match error {
            Unsupervised::NoFilter(error) => format!("strict: {} ({error})", seccomp::filter::explain(&error)),
            Unsupervised::NoSupervisor(errno) => format!("strict: the session did not take charge of it ({errno})"),
        })?;
        // What it starts is supervised in everything, and needs no library.
        inheritance.withdraw();
    }
    Ok(Some(Layer {
        link,
        paths,
        root: sys::known_root().ok(),
        policy,
        inheritance,
        skipped,
        strict,
        tokens: AtomicU64::new(sys::random()),
        notices: Notices::default(),
    }))
}

/// The rules for paths of this process.
fn rules_of(policy: &FilePolicy, executable: &[u8]) -> PathRules {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let arguments: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
    let (started_as, directory) = (sys::started_as(), &sys::working_directory());
    PathRules::new(policy).of(&Program { executable, started_as, arguments: &arguments, directory })
}

fn not_imported(errno: Errno) -> String {
    format!("the pod's environment cannot be imported ({errno})")
}

fn terminated(text: OsString) -> Option<CString> {
    CString::new(text.into_vec()).ok().filter(|text| !text.is_empty())
}
