//! The user's own program in the demonstration's pod, with a way to send requests there.

use std::net::{Ipv4Addr, SocketAddr};

use session::{
    Place,
    start::local::{LocalPod, POD_ADDRESS, WEB_PORT},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    cli::ExecArguments,
    exec::{self, Failure},
    signals::Signals,
    terminal,
};

/// Makes the pod and runs the program in a session with it.
pub(super) async fn run(arguments: ExecArguments, signals: &mut Signals) -> Result<u8, Failure> {
    let pod = super::until_signalled(signals, super::make_pod()).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(super::failure)?;
    let address = listener.local_addr().map_err(super::failure)?;
    terminal::say(&format!(
        "a pod on this machine: {POD_ADDRESS}, and its port {WEB_PORT} at http://{address}/ for as long as the program runs"
    ));
    let mut door = JoinSet::new();
    door.spawn(open_door(listener, pod.clone()));
    let arguments = ExecArguments { flags: arguments.flags.or_target("pod/demo-pod"), ..arguments };
    exec::run(arguments, Place::Local(pod), signals).await
}

/// Leads everybody who connects here to the pod's web port.
async fn open_door(listener: TcpListener, pod: LocalPod) {
    let mut visitors = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        visitors.spawn(lead(stream, pod.clone()));
        while visitors.try_join_next().is_some() {}
    }
}

async fn lead(mut stream: TcpStream, pod: LocalPod) {
    let address = SocketAddr::from((POD_ADDRESS, WEB_PORT));
    match pod.dial(address).await {
        // Either end may break off; the other one sees it.
        Ok(mut inside) => drop(tokio::io::copy_bidirectional(&mut stream, &mut inside).await),
        Err(error) => tracing::debug!(%error, "nobody listens in the pod"),
    }
}
