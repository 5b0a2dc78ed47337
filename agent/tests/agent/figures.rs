//! What files cost, for people to read.

use std::{
    fs,
    time::{Duration, Instant},
};

use protocol::file::{Open, Read, Stat, Write};

use super::{
    agent::{Agent, Target},
    files::{Folder, answer, ask, at, open},
    namespace::in_pod,
};

/// Prints what files cost: `cargo test --release -p mirrord-agent -- --ignored --nocapture figures`.
#[test]
#[ignore = "a measurement"]
fn figures_of_files() {
    in_pod(|| async {
        let (target, folder) = (Target::start_as(1000), Folder::new());
        let agent = Agent::start(&target, &[]);
        let session = agent.session().await;
        for number in 0..100_000 {
            fs::write(folder.at(&format!("entry-{number:06}")), "").expect("write");
        }
        let memory = |what: &str| {
            let status = fs::read_to_string(format!("/proc/{}/status", agent.process.id())).expect("runs");
            let line = |name| status.lines().find(|line| line.starts_with(name)).expect("a line").to_owned();
            println!("{what}: {} {}", line("VmRSS"), line("VmHWM"));
        };
        memory("before");
        let begun = Instant::now();
        let (opened, listing) =
            session.perform(Open { path: folder.path(""), flags: 0, mode: 0 }).await.expect("there");
        println!("100,000 entries: {:?}, {} bytes ({:?})", begun.elapsed(), listing.len(), opened.content);
        memory("listed");
        let path = || folder.path("entry-000000");
        let mut times = Vec::new();
        for _ in 0..2000 {
            let begun = Instant::now();
            session.perform(Stat { file: at(path()) }).await.expect("there");
            times.push(begun.elapsed());
        }
        times.sort();
        println!("stat as another user: p50 {:?}, p99 {:?}", times[1000], times[1980]);
        let file = open(&session, folder.path("written"), libc::O_RDWR | libc::O_CREAT).await.expect("new");
        let begun = Instant::now();
        let chunk = vec![1; 60 * 1024];
        for round in 0..64 {
            let mut writes = Vec::new();
            for index in 0..16 {
                let offset = (round * 16 + index) * 60 * 1024;
                writes.push(ask(&session, Write { handle: file, offset, data: chunk.clone() }));
            }
            for mut write in writes {
                assert_eq!(answer::<Write>(&mut write).await, Ok(()));
            }
        }
        println!("60 MiB written, 16 at a time: {:?}", begun.elapsed());
        memory("written");
        let mut reads = Vec::new();
        for _ in 0..200 {
            reads.push(ask(&session, Read { handle: file, offset: 0, len: 4 << 20 }));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        memory("200 reads of 4 MiB that nobody takes");
        drop(reads);
        tokio::time::sleep(Duration::from_secs(12)).await;
        memory("idle again");
    });
}
