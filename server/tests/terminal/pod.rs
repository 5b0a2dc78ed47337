//! The pod itself, without a session.

use session::start::local::{LocalPod, LocalPodError, LocalPodOptions};

use crate::bench::Bench;

fn options(bench: &Bench) -> LocalPodOptions {
    LocalPodOptions { agent: bench.path("mirrord-agent"), self_exe: bench.path("mirrord") }
}

#[tokio::test]
async fn its_services_do_not_notice_the_death_of_the_agent() {
    let Some(bench) = Bench::with_pods() else { return };
    let pod = LocalPod::start(options(&bench)).await.expect("pods can be made here");
    pod.connect().await.expect("the agent's socket listens from the beginning");
    pod.kill_agent().await.expect("the order arrives");
    assert_eq!(pod.agent_gone().await, "was killed by SIGKILL");
    let response = pod.send_request("/x", &[("X-Any", "thing")]).await.expect("an answer");
    assert_eq!((response.status, response.body.as_str()), (200, "the pod's own service answers /x\n"));
    let refused = pod.dial(([10, 20, 0, 3], 81).into()).await.expect_err("nobody listens there");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    drop(pod);
    bench.nothing_is_left();
}

#[tokio::test]
async fn giving_up_half_way_leaves_nothing() {
    let Some(bench) = Bench::with_pods() else { return };
    for millis in [0, 1, 2, 4, 8] {
        let start = LocalPod::start(options(&bench));
        drop(tokio::time::timeout(std::time::Duration::from_millis(millis), start).await);
    }
    // Blocks this thread, and with it the runtime that would reap: the processes end all the same.
    let left = bench.processes("mirrord-agent");
    tokio::task::spawn_blocking(move || bench.nothing_is_left())
        .await
        .unwrap_or_else(|error| panic!("{error}: {left:?}"));
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_named() {
    let Some(bench) = Bench::whole() else { return };
    let options = LocalPodOptions { agent: bench.path("absent"), ..options(&bench) };
    let error = LocalPod::start(options).await.expect_err("there is none");
    assert!(matches!(error, LocalPodError::Agent { .. }), "{error}");
}
