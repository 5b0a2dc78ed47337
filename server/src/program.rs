//! The program that the user wants to run: where it is, and whether our layer can live in it. Asked before anything is
//! created in a cluster.

mod elf;

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read},
    os::unix::{ffi::OsStrExt, ffi::OsStringExt, fs::MetadataExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use elf::Kind;

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
    /// It is a program that would ignore our layer: it would run as if mirrord were not there.
    #[error(
        "{path} {what}: mirrord's layer cannot be loaded into it, and the second engine, for such programs, is not built yet; nothing was started"
    )]
    Unreachable {
        /// The file that the kernel would execute, after interpreters.
        path: PathBuf,
        /// What it is, as in "the file …".
        what: &'static str,
    },
}

impl ProgramError {
    /// The exit code that shells give in such a case.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => crate::exit::NOT_FOUND,
            Self::NotRunnable { .. } | Self::Unreachable { .. } => crate::exit::CANNOT_RUN,
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

/// Interpreters that are scripts themselves: the kernel follows four (`execve(2)`).
const INTERPRETER_LIMIT: usize = 5;

/// Bytes of a first line `#!…` that the kernel reads.
const FIRST_LINE_LIMIT: u64 = 256;

/// Finds the program called `name` and makes sure that our layer gets into it.
pub(crate) fn find(name: &OsStr, surroundings: Surroundings<'_>) -> Result<PathBuf, ProgramError> {
    let found = look_up(name, surroundings)?;
    let mut file = found.clone();
    for _ in 0..INTERPRETER_LIMIT {
        match inspect(&file)? {
            Some(interpreter) => file = interpreter_file(&file, &interpreter, surroundings)?,
            None => return Ok(found),
        }
    }
    Err(ProgramError::NotRunnable { path: found, reason: "its interpreters never end".to_owned() })
}

/// Whether our layer gets into the program at `path`, which is running already: without its interpreters.
pub(crate) fn check(path: &Path) -> Result<(), ProgramError> {
    inspect(path).map(drop)
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

/// An interpreter as the first line of a script names it.
#[derive(Debug, PartialEq, Eq)]
struct Interpreter {
    path: PathBuf,
    argument: Option<OsString>,
}

/// Gives the interpreter of a script, or nothing when `path` is a program that our layer gets into.
fn inspect(path: &Path) -> Result<Option<Interpreter>, ProgramError> {
    let unreachable = |what| Err(ProgramError::Unreachable { path: path.to_owned(), what });
    let mut file = File::open(path).map_err(|error| {
        // A program may be executable and not readable; then nobody can say what it is.
        ProgramError::NotRunnable { path: path.to_owned(), reason: format!("it cannot be inspected: {error}") }
    })?;
    let mut beginning = Vec::new();
    (&mut file).take(FIRST_LINE_LIMIT).read_to_end(&mut beginning).map_err(|error| not_runnable(path, &error))?;
    if let Some(line) = beginning.strip_prefix(b"#!") {
        return match parse_interpreter(line) {
            Some(interpreter) => Ok(Some(interpreter)),
            None => Err(ProgramError::NotRunnable { path: path.to_owned(), reason: "its #! line is empty".to_owned() }),
        };
    }
    let metadata = file.metadata().map_err(|error| not_runnable(path, &error))?;
    if changes_user(metadata.permissions().mode(), metadata.uid(), metadata.gid()) {
        return unreachable("changes its user or group (setuid), and the loader then ignores LD_PRELOAD");
    }
    match elf::classify(&file) {
        Ok(Kind::Glibc) => Ok(None),
        Ok(Kind::Go) => unreachable("is a Go program, which does not call libc"),
        Ok(Kind::Static) => unreachable("is statically linked"),
        Ok(Kind::Musl) => unreachable("is linked with musl"),
        Ok(Kind::Foreign) => unreachable("is a program for another architecture than mirrord's"),
        Ok(Kind::NotElf) => Err(ProgramError::NotRunnable {
            path: path.to_owned(),
            reason: "it is neither a program (ELF) nor a script with a #! line".to_owned(),
        }),
        Err(error) => Err(not_runnable(path, &error)),
    }
}

/// Whether execve(2) of such a file changes who runs it.
fn changes_user(mode: u32, owner: u32, group: u32) -> bool {
    const SETUID: u32 = 0o4000;
    const SETGID: u32 = 0o2000;
    const GROUP_EXECUTE: u32 = 0o0010; // without it the bit means something else
    (mode & SETUID != 0 && owner != nix::unistd::getuid().as_raw())
        || (mode & SETGID != 0 && mode & GROUP_EXECUTE != 0 && group != nix::unistd::getgid().as_raw())
}

/// Reads what follows `#!`.
fn parse_interpreter(line: &[u8]) -> Option<Interpreter> {
    let line = line.split(|byte| *byte == b'\n').next()?.trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (path, argument) = line.split_at(end);
    let own = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let argument = Some(argument.trim_ascii()).filter(|argument| !argument.is_empty()).map(own);
    (!path.is_empty()).then(|| Interpreter { path: PathBuf::from(own(path)), argument })
}

/// The file of an interpreter; `env NAME` is looked through.
fn interpreter_file(
    script: &Path,
    interpreter: &Interpreter,
    surroundings: Surroundings<'_>,
) -> Result<PathBuf, ProgramError> {
    let Interpreter { path, argument } = interpreter;
    let is_env = path.file_name() == Some(OsStr::new("env"));
    let through_env = argument.as_ref().filter(|_| is_env).and_then(|argument| program_of_env(argument.as_bytes()));
    let name = through_env.as_deref().unwrap_or(path.as_os_str());
    look_up(name, surroundings).map_err(|error| ProgramError::NotRunnable {
        path: script.to_owned(),
        reason: format!("the interpreter of its #! line: {error}"),
    })
}

/// The program that env(1) runs: the first word that is neither an option nor an assignment.
fn program_of_env(arguments: &[u8]) -> Option<OsString> {
    let mut words = arguments.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let name = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))?;
    Some(OsString::from_vec(name.to_vec()))
}

#[cfg(test)]
mod tests;
