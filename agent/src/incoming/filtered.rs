//! One connection to a filtered port: HTTP is served request by request, everything else goes to the original program.

use std::io;

use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    http::{self, Breakage, Client, Exchange, Opening, Tasks, Version, classify},
    owners::Owner,
    pass,
    stolen::{FIRST_BYTE_LIMIT, Stolen, Way},
};

/// What a connection turned out to be.
enum Found {
    Http(Version),
    /// Something else; with the connection to the original program, where there is one already.
    Other(Option<TcpStream>),
}

/// Serves a connection that came to us instead of the target. It goes on without sessions, until `end`.
pub(crate) async fn serve(mut stolen: Stolen, owners: &[Owner], way: Way, end: &CancellationToken) {
    let (peer, local) = (stolen.peer, stolen.local);
    let spares = owners.iter().any(|owner| owner.subscriber.spared.any);
    if spares && way.insiders.have_made(peer, local).await {
        return stolen.pass(&way.steering, end).await;
    }
    match find_out(&mut stolen, &way).await {
        Ok(Found::Http(version)) => serve_requests(stolen, version, way, end).await,
        Ok(Found::Other(None)) => stolen.pass(&way.steering, end).await,
        Ok(Found::Other(Some(original))) => stolen.pass_to(original, end).await,
        Err(error) => tracing::debug!(%peer, %local, %error, "the client is gone"),
    }
}

/// Serves a connection of HTTP request by request.
pub(crate) async fn serve_requests(stolen: Stolen, version: Version, way: Way, end: &CancellationToken) {
    let Stolen { tcp, peer, local, replay, .. } = stolen;
    tracing::debug!(%peer, %local, ?version, "filtered");
    let (tasks, breakage) = (Tasks::new(end), Breakage::default());
    let client = Client::new(tcp, replay, breakage.clone());
    let exchange = Exchange::new(peer, local, version, way, tasks.clone(), breakage);
    http::serve(client, version, exchange, tasks, end).await;
}

/// Reads until it is clear what the client speaks. While it says nothing, the original program may: it is connected to then.
async fn find_out(stolen: &mut Stolen, way: &Way) -> io::Result<Found> {
    let mut original = None;
    let mut may_connect = true;
    let mut since = Instant::now();
    loop {
        let is_silent = stolen.replay.is_empty();
        let patience = match classify(&stolen.replay) {
            Opening::Http(version) => return Ok(Found::Http(version)),
            Opening::Unfinished(patience) if !stolen.finished => patience,
            Opening::Unfinished(_) | Opening::Other => return Ok(Found::Other(original)),
        };
        let limit = if is_silent { FIRST_BYTE_LIMIT } else { patience };
        tokio::select! {
            ready = stolen.tcp.readable() => ready?,
            () = has_spoken(original.as_ref()) => return Ok(Found::Other(original)),
            () = sleep_until(since + limit), if !is_silent => return Ok(Found::Other(original)),
            () = sleep_until(since + limit), if is_silent && may_connect => {
                may_connect = false;
                // Where nobody listens yet, the first request decides what the client sees.
                original = pass::connect(&way.steering, stolen.local).await.ok();
                continue;
            }
        }
        stolen.read()?;
        if is_silent {
            since = Instant::now();
        }
    }
}

/// Resolves when the original program has said something, or has left.
async fn has_spoken(original: Option<&TcpStream>) {
    let Some(original) = original else { return std::future::pending().await };
    // An error is for whoever reads.
    drop(original.readable().await);
}

#[cfg(test)]
mod tests;
