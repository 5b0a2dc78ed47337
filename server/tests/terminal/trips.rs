//! How often the pod is asked: round trips to a cluster that is far away are what programs wait for.

use std::process::Command;

use crate::bench::{Bench, said};

const CONFIG: &str = r#"{
    "feature": { "fs": { "mode": "write", "local": ["^/tmp/", "^/usr/", "^/lib", "^/etc/", "^/home/", "^/root/"] } },
    "skip_processes": ["unseen"]
}"#;

/// Two hundred files in a folder, and what looks at them. Each step's operations follow its name in the log.
const LOOKS: &str = r#"
import os, shutil, subprocess, sys, time

TOP = "/app/many"
FILES = [f"{TOP}/{number}.txt" for number in range(200)]

def step(name, work):
    time.sleep(1.1)  # what was known before is not believed any more
    os.write(2, f"step {name}\n".encode())
    work()
    os.write(2, b"step over\n")

def made():
    os.makedirs(f"{TOP}/folder/below")
    os.symlink("0.txt", f"{TOP}/link")
    for file in FILES:
        with open(file, "w") as opened:
            opened.write(file)

def looked_at():
    for name in os.listdir(TOP):
        path = f"{TOP}/{name}"
        status = os.lstat(path)
        assert os.access(path, os.F_OK) and os.path.lexists(path)
        if name.endswith(".txt"):
            assert status.st_size == len(path) and os.stat(path) == status and not os.path.islink(path)

def walked():
    sizes = [os.lstat(os.path.join(top, name)).st_size for top, _, names in os.walk(TOP) for name in names]
    assert len(sizes) == 201, sizes

def slowly():
    for name in os.listdir(TOP)[:100]:
        os.lstat(f"{TOP}/{name}")
        time.sleep(0.02)

def read():
    file = FILES[7]
    assert open(file).read() == file and os.stat(file).st_size == len(file) and os.path.exists(file)

def missing():
    for _ in range(10):
        assert not os.path.exists(f"{TOP}/nothing")
        try:
            open(f"{TOP}/nothing/at/all")
            raise SystemExit("it is there")
        except FileNotFoundError:
            pass

def changed():
    os.listdir(TOP)
    before = os.stat(FILES[0])
    with open(FILES[0], "a") as opened:
        opened.write("more")
    assert os.stat(FILES[0]).st_size == before.st_size + 4
    os.listdir(TOP)
    os.chmod(FILES[1], 0o400)
    assert os.stat(FILES[1]).st_mode & 0o777 == 0o400
    os.listdir(TOP)
    os.unlink(FILES[2])
    assert not os.path.exists(FILES[2])
    os.listdir(TOP)
    descriptor = os.open(FILES[3], os.O_RDWR)
    os.listdir(TOP)
    os.ftruncate(descriptor, 1)
    assert os.stat(FILES[3]).st_size == 1
    os.listdir(TOP)
    os.pwrite(descriptor, b"abc", 0)
    assert os.stat(FILES[3]).st_size == 3
    os.close(descriptor)

def unseen():
    folder = os.open(TOP, os.O_RDONLY)
    command = [sys.argv[1], "-l", f"/proc/self/fd/{folder}/"]
    listed = subprocess.run(command, pass_fds=[folder], stdout=subprocess.PIPE, check=True, text=True).stdout
    assert listed.count(".txt") == 200 and "link -> 0.txt" in listed, listed

made()
step("look", looked_at)
step("walk", walked)
step("ls", lambda: subprocess.run(["ls", "-l", TOP], stdout=subprocess.DEVNULL, check=True))
step("slowly", slowly)
step("read", read)
step("missing", missing)
changed()
step("unseen", unseen)
"#;

/// Each step may ask once more: the way to the folder is known for a second only.
const WAY: usize = 1;

/// The steps, and how often they ask the pod.
const STEPS: [(&str, usize); 7] = [
    // The listing; of the link, what it leads to.
    ("look", 2),
    // Three folders, and whether the first is one.
    ("walk", 4),
    // The folder and its attributes, the listing, attributes of one file, one folder and one link, and its text.
    ("ls", 12),
    // The listing, and again in each second.
    ("slowly", 4),
    ("read", 1),
    // One look and one open.
    ("missing", 2),
    // As `ls`, but listed twice: by the program that has the descriptor, and by this one.
    ("unseen", 14),
];

/// Operations of each step, by the log.
fn operations(log: &str) -> Vec<(String, Vec<String>)> {
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    let mut open = false;
    for line in log.lines() {
        match line.strip_prefix("step ") {
            Some("over") => open = false,
            Some(name) => {
                open = true;
                steps.push((name.to_owned(), Vec::new()));
            }
            None if open && line.contains("asks the agent") => {
                let name = line.rsplit_once('"').and_then(|(before, _)| before.rsplit_once('"'));
                steps.last_mut().expect("a step").1.push(name.expect("it is named").1.to_owned());
            }
            None => {}
        }
    }
    steps
}

#[test]
fn who_lists_a_folder_knows_its_files() {
    let Some(bench) = Bench::with_pods() else { return };
    if Command::new("python3").arg("-V").output().is_err() {
        return println!("skipped: there is no python3");
    }
    bench.write("mirrord.json", CONFIG);
    bench.write("looks.py", LOOKS);
    // Its calls are its own: only the kernel sees where it looks.
    std::fs::copy("/bin/ls", bench.path("unseen")).expect("there is room");
    let unseen = bench.path("unseen").display().to_string();
    let mut command = bench.command(&["demo", "-f", "mirrord.json", "--", "python3", "looks.py", &unseen]);
    let said = said(&command.env("MIRRORD_LOG", "mirrord_session=debug").output().expect("it starts"));
    assert_eq!(said.code, 0, "{}", said.err);
    let told = operations(&said.err);
    let names: Vec<_> = told.iter().map(|(step, _)| step.as_str()).collect();
    assert_eq!(names, STEPS.map(|(step, _)| step));
    for ((step, operations), (_, most)) in told.iter().zip(STEPS) {
        // Handles that are closed are told of, and nobody waits.
        let waited: Vec<_> = operations.iter().filter(|name| *name != "close").collect();
        // The first operation is always needed: without it the log was not understood.
        assert!((1..=most + WAY).contains(&waited.len()), "{step}: {waited:?}");
    }
    bench.nothing_is_left();
}
