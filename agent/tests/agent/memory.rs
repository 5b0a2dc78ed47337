//! What the agent has in memory when all is done: it counts against the target's pod.

use std::{
    fs::{self, File},
    time::{Duration, Instant},
};

use protocol::file::{Content, Open, READ_LIMIT, Read};
use tokio::task::JoinSet;

use super::{
    agent::{Agent, Target},
    namespace::in_pod,
};

/// What an agent with nothing to do may have in memory besides its code: it may have 16 MiB in all, and the code of the
/// one that ships is 7 MiB.
const IDLE_LIMIT_KIB: u64 = 8 * 1024;

/// Reads under way at a time, as when a program reads on.
const SIDE_BY_SIDE: usize = 16;

const FILE_BYTES: i64 = 256 << 20;
const PIECE_BYTES: u32 = 1 << 20;

#[test]
fn what_large_files_took_is_given_back() {
    in_pod(|| async {
        let target = Target::start();
        let agent = Agent::start(&target, &[]);
        let session = std::sync::Arc::new(agent.session().await);
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("large");
        // A hole reads like any file, and takes no room on the disk.
        File::create(&path).expect("created").set_len(FILE_BYTES.cast_unsigned()).expect("there is room");

        let path = path.to_str().expect("text").as_bytes().to_vec();
        let (opened, _) = session.perform(Open { path, flags: 0, mode: 0 }).await.expect("opens");
        let Content::Beginning(handle) = opened.content else { panic!("{opened:?}") };
        const { assert!(PIECE_BYTES <= READ_LIMIT) };
        let mut reads = JoinSet::new();
        let mut received = 0;
        let mut offsets = (0..FILE_BYTES).step_by(PIECE_BYTES as usize).peekable();
        while offsets.peek().is_some() || !reads.is_empty() {
            if let Some(offset) = offsets.next_if(|_| reads.len() < SIDE_BY_SIDE) {
                let session = session.clone();
                reads.spawn(async move { session.perform(Read { handle, offset, len: PIECE_BYTES }).await });
            } else {
                let ((), bytes) = reads.join_next().await.expect("some").expect("no panic").expect("readable");
                received += bytes.len();
            }
        }
        assert_eq!(i64::try_from(received), Ok(FILE_BYTES));

        let begun = Instant::now();
        while kept_kib(&agent) > IDLE_LIMIT_KIB {
            assert!(begun.elapsed() < Duration::from_secs(5), "{} KiB are kept", kept_kib(&agent));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

fn kept_kib(agent: &Agent) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.process.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("proc(5)");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
