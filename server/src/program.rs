//! The program that the user wants to run: where it is, and which engine serves it. Asked before anything is created in
//! a cluster.

use std::{
    ffi::{CStr, OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::AsRawFd as _,
        unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::{FileExt as _, MetadataExt, PermissionsExt},
        },
    },
    path::{Path, PathBuf},
};

use rules::executable::{self, Engine, Grants, INTERPRETER_LIMIT, Nature, Obstacle, Reason};

/// Why a program cannot run with us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// Nothing of that name.
    #[error("program `{}` not found{}", .name.display(), if *.searched { " in PATH" } else { "" })]
    NotFound {
        /// As the user wrote it.
        name: OsString,
        /// Whether `PATH` was searched.
        searched: bool,
    },
    /// It is there and is not a program.
    #[error("{path} cannot be run: {reason}")]
    NotRunnable {
        /// Where it is.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is a program that neither engine serves: it would run as if mirrord were not there.
    #[error(
        "{path} {obstacle}: mirrord has no way into it, and nothing was started; {}",
        advice(*.obstacle)
    )]
    Unreachable {
        /// The file that the kernel would execute, after interpreters.
        path: PathBuf,
        /// Why.
        obstacle: Obstacle,
    },
    /// It needs the second engine, which this machine does not have.
    #[error("{path} {reason}, so mirrord has to watch its system calls; nothing was started: {why}")]
    Unwatchable {
        /// The file that the kernel would execute, after interpreters.
        path: PathBuf,
        /// Why our library does not do.
        reason: Reason,
        /// Why the kernel does not.
        why: session::Unwatchable,
    },
}

fn advice(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Setuid => "run what it runs directly, or a copy of it that has no setuid bit",
        Obstacle::Capabilities => "run a copy of it: `cp` leaves capabilities behind",
        Obstacle::Foreign => "build it for this machine's own architecture",
    }
}

impl ProgramError {
    /// The exit code that shells give in such a case.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => crate::exit::NOT_FOUND,
            Self::NotRunnable { .. } | Self::Unreachable { .. } | Self::Unwatchable { .. } => crate::exit::CANNOT_RUN,
        }
    }
}

/// What a program is looked for with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    /// `PATH`, or nothing.
    pub(crate) path: Option<&'a OsStr>,
    /// Where relative names begin.
    pub(crate) working_directory: &'a Path,
}

/// Where a shell without `PATH` looks.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program that was found, and that one of the engines serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Why it has to be watched instead of being given our library, if so.
    pub(crate) watched: Option<Reason>,
}

/// Finds the program called `name` and the engine for it.
pub(crate) fn find(name: &OsStr, surroundings: Surroundings<'_>) -> Result<Found, ProgramError> {
    let path = look_up(name, surroundings)?;
    let watched = follow(&path, surroundings, INTERPRETER_LIMIT)?;
    Ok(Found { path, watched })
}

/// As [`Found::watched`], for the program at `path`, which may be running already: without its interpreters.
pub(crate) fn check(path: &Path) -> Result<Option<Reason>, ProgramError> {
    match inspect(path)? {
        Nature::Program(engine) => watched(path, engine),
        Nature::Script(_) | Nature::Unknown => Ok(None),
    }
}

/// Follows interpreters to the program that the kernel will execute; what env(1) will execute in its place is looked at
/// as well, because it shall not fail later.
fn follow(path: &Path, surroundings: Surroundings<'_>, interpreters: usize) -> Result<Option<Reason>, ProgramError> {
    let not_runnable = |reason: &str| ProgramError::NotRunnable { path: path.to_owned(), reason: reason.to_owned() };
    let line = match inspect(path)? {
        Nature::Program(engine) => return watched(path, engine),
        Nature::Unknown => return Err(not_runnable("it is neither a program (ELF) nor a script with a #! line")),
        Nature::Script(_) if interpreters == 0 => return Err(not_runnable("its interpreters never end")),
        Nature::Script(line) => line,
    };
    if line.interpreter().is_empty() {
        return Err(not_runnable("its #! line is empty"));
    }
    let look_up = |name: &OsStr| {
        look_up(name, surroundings).map_err(|error| not_runnable(&format!("the interpreter of its #! line: {error}")))
    };
    let interpreter = Path::new(os_str(line.interpreter()));
    let watched = follow(&look_up(interpreter.as_os_str())?, surroundings, interpreters - 1)?;
    if interpreter.file_name() == Some(OsStr::new("env"))
        && let Some(name) = program_of_env(line.argument().to_bytes())
    {
        follow(&look_up(&name)?, surroundings, interpreters - 1)?;
    }
    Ok(watched)
}

fn os_str(text: &CStr) -> &OsStr {
    OsStr::from_bytes(text.to_bytes())
}

fn inspect(path: &Path) -> Result<Nature, ProgramError> {
    let file = File::open(path).map_err(|error| {
        // A program may be executable and not readable; then nobody can say what it is.
        ProgramError::NotRunnable { path: path.to_owned(), reason: format!("it cannot be inspected: {error}") }
    })?;
    let inspected = (|| {
        let nature = executable::inspect(|buffer, offset| file.read_at(buffer, offset))?;
        let obstacle = grants(&file)?.obstacle(nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
        Ok(match (nature, obstacle) {
            (Nature::Program(_), Some(obstacle)) => Nature::Program(Engine::Neither(obstacle)),
            (nature, _) => nature,
        })
    })();
    inspected.map_err(|error: io::Error| not_runnable(path, &error))
}

fn grants(file: &File) -> io::Result<Grants> {
    let metadata = file.metadata()?;
    // SAFETY: the kernel reads the name and writes nothing.
    #[expect(unsafe_code, reason = "nobody wraps fgetxattr(2) for us")]
    let found = unsafe { libc::fgetxattr(file.as_raw_fd(), c"security.capability".as_ptr(), std::ptr::null_mut(), 0) };
    Ok(Grants {
        mode: metadata.permissions().mode(),
        owner: metadata.uid(),
        group: metadata.gid(),
        capabilities: found > 0,
    })
}

fn watched(path: &Path, engine: Engine) -> Result<Option<Reason>, ProgramError> {
    let path = || path.to_owned();
    match engine {
        Engine::Preload => Ok(None),
        Engine::Neither(obstacle) => Err(ProgramError::Unreachable { path: path(), obstacle }),
        Engine::Seccomp(reason) => match session::probe() {
            Ok(()) => Ok(Some(reason)),
            Err(why) => Err(ProgramError::Unwatchable { path: path(), reason, why }),
        },
    }
}

fn look_up(name: &OsStr, surroundings: Surroundings<'_>) -> Result<PathBuf, ProgramError> {
    if name.as_bytes().contains(&b'/') {
        let path = surroundings.working_directory.join(name);
        return match check_executable(&path) {
            Ok(()) => Ok(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(ProgramError::NotFound { name: name.to_owned(), searched: false })
            }
            Err(error) => Err(not_runnable(&path, &error)),
        };
    }
    let folders = surroundings.path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut refusal = None;
    // An empty name is nowhere, and would be found as the folder itself.
    for folder in std::env::split_paths(folders).filter(|_| !name.is_empty()) {
        let path = surroundings.working_directory.join(folder).join(name);
        match check_executable(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                refusal.get_or_insert(not_runnable(&path, &error));
            }
            Err(_) => {}
        }
    }
    Err(refusal.unwrap_or_else(|| ProgramError::NotFound { name: name.to_owned(), searched: true }))
}

fn check_executable(path: &Path) -> io::Result<()> {
    if path.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is a folder"));
    }
    nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).map_err(|errno| match errno {
        nix::errno::Errno::EACCES => io::Error::new(io::ErrorKind::PermissionDenied, "it is not executable (chmod +x)"),
        errno => errno.into(),
    })
}

fn not_runnable(path: &Path, error: &io::Error) -> ProgramError {
    ProgramError::NotRunnable { path: path.to_owned(), reason: error.to_string() }
}

/// The program that env(1) runs: the first word that is neither an option nor an assignment.
fn program_of_env(arguments: &[u8]) -> Option<OsString> {
    let mut words = arguments.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let name = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))?;
    Some(OsString::from_vec(name.to_vec()))
}

#[cfg(test)]
mod tests;
