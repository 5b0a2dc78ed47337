//! Our own program before another's command line: it becomes that program, under the engine that it needs.
//!
//! Editors that start programs themselves have the environment of a session, and no way to tell what a program needs
//! beside it.

use std::{
    convert::Infallible,
    env,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

use protocol::{link::variable, policy::PREFIX_COMMAND};

use super::{Failure, launcher};
use crate::{
    bundle, exit,
    program::{self, Found, Surroundings},
};

/// The variable that brings our library to programs.
const PRELOAD: &str = "LD_PRELOAD";

/// Becomes the program, or ends with the reason.
pub(super) fn launch(words: Vec<OsString>) -> ! {
    let Err(failure) = run(words);
    launcher::give_up(failure.text(), failure.code())
}

fn run(mut words: Vec<OsString>) -> Result<Infallible, Failure> {
    if words.first().is_some_and(|first| first == "--") {
        words.remove(0);
    }
    let Some(name) = words.first() else {
        return Err(Failure::new(exit::USAGE, &format!("`mirrord {PREFIX_COMMAND}` stands before a command line")));
    };
    for needed in [variable::SOCKET, PRELOAD] {
        if env::var_os(needed).is_none_or(|value| value.is_empty()) {
            let text = format!(
                "`mirrord {PREFIX_COMMAND}` starts programs of a running session, whose environment is not there: \
                 {needed} is not set; apply what `mirrord ext` or `mirrord/start` has told"
            );
            return Err(Failure::new(exit::USAGE, &text));
        }
    }
    let working_directory =
        env::current_dir().map_err(|error| Failure::new(exit::FAILURE, &format!("the working directory: {error}")))?;
    let path_variable = env::var_os("PATH");
    let surroundings = Surroundings { path: path_variable.as_deref(), working_directory: &working_directory };
    let Found { path, watched } =
        program::find(name, surroundings).map_err(|error| Failure::new(error.exit_code(), &error))?;
    let became = if watched.is_some() {
        withdraw_library();
        launcher::become_supervised(path.as_os_str(), words)
    } else {
        launcher::become_it(path.as_os_str(), words)
    };
    became.map_err(|error| Failure::new(error.exit_code(), &format!("{} was not started: {error}", path.display())))
}

/// A watched program has no use for our library; what the user preloads himself stays.
#[expect(
    clippy::disallowed_methods,
    unsafe_code,
    reason = "this process becomes another one, which gets its environment"
)]
fn withdraw_library() {
    let layer = bundle::layer().ok();
    let ours = layer.as_deref().and_then(Path::file_name).unwrap_or(OsStr::new(bundle::LAYER));
    match others(&env::var_os(PRELOAD).unwrap_or_default(), ours) {
        // SAFETY: this runs before the process's own start: there is no other thread.
        Some(others) => unsafe { env::set_var(PRELOAD, others) },
        // SAFETY: as above.
        None => unsafe { env::remove_var(PRELOAD) },
    }
}

/// The libraries in a value of `LD_PRELOAD` that are not `ours`; nothing when there are none. ld.so(8).
fn others(libraries: &OsStr, ours: &OsStr) -> Option<OsString> {
    let libraries = libraries.as_bytes().split(|byte| matches!(byte, b':' | b' ')).filter(|path| !path.is_empty());
    let others: Vec<&[u8]> =
        libraries.filter(|path| Path::new(OsStr::from_bytes(path)).file_name() != Some(ours)).collect();
    (!others.is_empty()).then(|| OsString::from_vec(others.join(&b':')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_own_libraries_stay() {
        let others = |libraries: &str| others(OsStr::new(libraries), OsStr::new("layer.so"));
        assert_eq!(others("/a/x.so:/b/layer.so"), Some("/a/x.so".into()));
        assert_eq!(others("/b/layer.so"), None);
        assert_eq!(others("x.so y.so:/b/layer.so"), Some("x.so:y.so".into()));
    }
}
