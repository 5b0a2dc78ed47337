//! Programs: built once, run under the layer, with a limit on their time.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::session::Session;

/// No program of these tests needs longer, on a busy machine too.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// The library under test, built as it is now: for its tests cargo does not build a library that nothing can link.
pub(crate) fn library() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let test = std::env::current_exe().expect("a test has a path");
            let profile = test.parent().and_then(Path::parent).expect("a test lies in deps of a profile's folder");
            let target = profile.parent().expect("profiles lie in the target folder");
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--package", "mirrord-layer", "--target-dir"]).arg(target);
            if profile.ends_with("release") {
                build.arg("--release");
            }
            let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
            assert!(status.success(), "the library builds");
            profile.join("libmirrord_layer.so")
        })
        .clone()
}

/// Compiles `tests/programs/NAME.c`, once.
pub(crate) fn c(name: &str) -> PathBuf {
    compiled(name, &[])
}

/// As [`c`], linked statically.
pub(crate) fn static_c(name: &str) -> PathBuf {
    compiled(name, &["-static"])
}

fn compiled(name: &str, options: &[&str]) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _guard = BUILDING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(format!("{name}.c"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let header = source.with_file_name("check.h");
    if modified(&program) < modified(&source).max(modified(&header)) {
        let status = Command::new("cc")
            .args(["-D_GNU_SOURCE", "-O2", "-Wall", "-pthread", "-o"])
            .args([&program, &source])
            .args(options)
            .status()
            .expect("there is a C compiler");
        assert!(status.success(), "{name}.c compiles");
    }
    program
}

/// `program` under the layer of `session`; gives what it wrote, standard error behind a line, and its exit status.
pub(crate) fn run(session: &Session, program: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments);
    output_of(inject(&mut command, session))
}

/// As [`run`], for a script.
pub(crate) fn python(session: &Session, script: &str) -> String {
    run(session, &python_itself(), &["-S", "-c", script])
}

/// The interpreter, behind any wrapper script of a version manager.
pub(crate) fn python_itself() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let mut command = Command::new("python3");
        let answer = command.args(["-S", "-c", "import sys; print(sys.executable)"]).output();
        let answer = answer.expect("there is a python3").stdout;
        PathBuf::from(String::from_utf8(answer).expect("a path in ASCII").trim())
    };
    FOUND.get_or_init(find).clone()
}

/// Gives `command` what the launcher gives.
pub(crate) fn inject<'a>(command: &'a mut Command, session: &Session) -> &'a mut Command {
    command.env("LD_PRELOAD", library()).envs(session.variables())
}

/// Runs `command` to its end.
pub(crate) fn output_of(command: &mut Command) -> String {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut stdout = child.stdout.take().expect("piped");
    let mut stderr = child.stderr.take().expect("piped");
    let reader = std::thread::spawn(move || text_of(&mut stdout));
    let error_reader = std::thread::spawn(move || text_of(&mut stderr));
    let end = Instant::now() + TIME_LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if Instant::now() > end {
            child.kill().expect("a child can be killed");
            panic!("the program hangs; so far: {}", reader.join().expect("reads"));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let mut text = reader.join().expect("the reader does not panic");
    let error = error_reader.join().expect("the reader does not panic");
    if !error.is_empty() {
        text += "--- stderr\n";
        text += &error;
    }
    if !status.success() {
        writeln!(text, "--- {status}").expect("a String takes everything");
    }
    text
}

fn text_of(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("a pipe can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
