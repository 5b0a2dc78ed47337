//! Where the tests work: a folder with what ships, and commands that run from it.

use std::{
    fs,
    io::Read,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use guard::{Guard, Watched};

/// Everything here takes milliseconds; a machine that is out of breath needs more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A folder of its own with our programs, so that processes can be told from those of other tests by their executable.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    _guard: Guard,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bench {
    /// Our executable alone, with an empty home.
    pub(crate) fn bare() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let bench = Self { _guard: Guard::over([Watched::Folder(folder.path().to_owned())]), folder };
        bench.bring(Path::new(env!("CARGO_BIN_EXE_mirrord")));
        fs::create_dir(bench.path("home")).expect("a folder");
        bench
    }

    /// With layer and agent, or nothing if they are not built. `MIRRORD_DIST` names their folder; without it, it is that
    /// of our executable.
    pub(crate) fn whole() -> Option<Self> {
        let built = std::env::var_os("MIRRORD_DIST").map(PathBuf::from);
        let built = built.unwrap_or_else(|| Path::new(env!("CARGO_BIN_EXE_mirrord")).with_file_name(""));
        let bench = Self::bare();
        for name in ["libmirrord_layer.so", "mirrord-agent"] {
            let file = built.join(name);
            if !file.is_file() {
                println!("skipped: {} is not built", file.display());
                return None;
            }
            bench.bring(&file);
        }
        Some(bench)
    }

    /// With layer and agent, on a machine where pods can be made; or nothing.
    pub(crate) fn with_pods() -> Option<Self> {
        let bench = Self::whole()?;
        let said = bench.run(&["demo", "--", "true"]);
        if said.code == 2 && said.err.contains("no pod can be made on this machine") {
            println!("skipped: {}", said.err.trim_end());
            return None;
        }
        assert_eq!(said.code, 0, "{said:?}");
        Some(bench)
    }

    fn bring(&self, file: &Path) {
        let name = file.file_name().expect("a file");
        // Not by ourselves: a process that another test starts meanwhile would have the new file open for writing for
        // a moment, and it could not be executed (ETXTBSY).
        let copied = Command::new("cp").arg(file).arg(self.folder.path().join(name)).status().expect("cp starts");
        assert!(copied.success(), "there is room");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file in the folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("there is room");
        self.path(name).display().to_string()
    }

    /// Builds a C program of this folder as `name` in the bench's; false, and a word why, where that cannot be done.
    pub(crate) fn build(&self, source: &str, name: &str, flags: &[&str]) -> bool {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal").join(source);
        let mut command = Command::new("gcc");
        let made = command.args(["-O1", "-w", "-pthread", "-o"]).arg(self.path(name)).arg(source).args(flags).output();
        let failure = match made {
            Ok(made) if made.status.success() => return true,
            Ok(made) => String::from_utf8_lossy(&made.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        println!("skipped: gcc {flags:?}: {failure}");
        false
    }

    /// Runs a command in the mount namespace of the one pod that runs, with rights in it.
    pub(crate) fn in_pod(&self, words: &[&str]) {
        let [agent] = until("the agent runs", || <[u32; 1]>::try_from(self.processes("mirrord-agent")).ok());
        let mut command = Command::new("nsenter");
        command.args(["-t", &agent.to_string(), "-U", "--preserve-credentials", "-m", "--wdns=/"]).args(words);
        let done = command.output().expect("there is nsenter");
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// A command line of `mirrord`, in the folder, with nothing of the developer's around it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("mirrord"));
        self.furnish(&mut command).args(arguments);
        command
    }

    /// Gives a command the tests' surroundings.
    pub(crate) fn furnish<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("TMPDIR", "/tmp")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(&self.command(arguments).output().expect("it starts"))
    }

    /// Processes that run an executable of the folder, by its name.
    pub(crate) fn processes(&self, name: &str) -> Vec<u32> {
        let wanted = self.path(name);
        guard::processes()
            .filter(|pid| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == wanted))
            .collect()
    }

    /// Waits until nothing of ours runs.
    #[track_caller]
    pub(crate) fn nothing_is_left(&self) {
        let left = || [self.processes("mirrord"), self.processes("mirrord-agent")].concat();
        until("our processes end", || left().is_empty().then_some(()));
    }
}

pub(crate) fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().or(output.status.signal().map(|signal| -signal)).expect("it ended");
    Said { code, out: text(&output.stdout), err: text(&output.stderr) }
}

/// Asks until there is an answer.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        sleep(Duration::from_millis(5));
    }
}

/// Reads standard output of `child` until `word` has come; gives what was read.
#[track_caller]
pub(crate) fn wait_for(child: &mut Child, word: &str) -> String {
    let stdout = child.stdout.as_mut().expect("piped");
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(word.as_bytes()) {
        let read = stdout.read(&mut byte).expect("readable");
        assert_ne!(read, 0, "it ended before it said {word:?}: {}", String::from_utf8_lossy(&text));
        text.push(byte[0]);
    }
    String::from_utf8_lossy(&text).into_owned()
}
