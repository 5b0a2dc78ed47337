//! What the user is told once, because it surprises.

use std::path::Path;

use crate::bench::Bench;

/// Runs a shell's script in the demonstration's pod; how often it says that something is written on this machine.
fn told(bench: &Bench, shell: &[&str], script: &str) -> usize {
    let said = bench.run(&[&["demo", "--"], shell, &["-c", script]].concat());
    let line = "mirrord: /app/config/new is written on this machine, while the pod's is read (feature.fs.mode is `read`); to \
                write in the pod, set `feature.fs.mode` to `write`, or name the path in `feature.fs.read_write`\n";
    assert_eq!(said.err.matches(" is written on this machine").count(), said.err.matches(line).count(), "{said:?}");
    assert!(said.out.ends_with("end\n"), "{said:?}");
    bench.nothing_is_left();
    said.err.matches(line).count()
}

#[test]
fn what_is_written_here_and_read_in_the_pod_is_told_once_in_a_session() {
    let Some(bench) = Bench::with_pods() else { return };
    let writes = "touch /app/config/new; mkdir /app/config/other; touch /app/config/third; echo end";
    assert_eq!(told(&bench, &["sh"], writes), 1);
    assert_eq!(told(&bench, &["sh"], "cat /app/config/message.txt; touch here; echo end"), 0);
    if !Path::new("/bin/busybox").exists() {
        println!("skipped in part: there is no static /bin/busybox");
        return;
    }
    assert_eq!(told(&bench, &["/bin/busybox", "sh"], writes), 1);
}
