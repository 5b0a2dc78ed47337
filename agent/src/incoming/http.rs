//! Connections of filtered ports: each request goes to the program or to the original one, whatever else the connection carries.
//!
//! hyper speaks HTTP with the client on one side and with both programs on the other, in the client's version. What is ours:
//! [`opening`] tells HTTP from the rest, [`exchange`] decides and forwards, [`upstream`] reaches the programs.

mod answer;
mod body;
mod client;
mod exchange;
mod opening;
mod tasks;
mod upstream;

use std::{pin::pin, sync::Arc, time::Duration};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    body::RequestBody,
    client::{Breakage, Client},
    exchange::Exchange,
    opening::{METHODS, Opening, PREFACE, Version, classify},
    tasks::Tasks,
};

/// Bytes of a request's head, and what is read ahead of a body.
pub(crate) const HEAD_LIMIT: usize = 64 * 1024;

/// What one stream of HTTP/2 may send before it is read, and all of a connection. Programs that stand at a breakpoint read
/// nothing: the second is what so many uploads to them may fill until other requests of that connection wait.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Requests of one HTTP/2 connection at a time.
const STREAM_LIMIT: u32 = 256;

/// How long answers may take that are under way when the agent ends.
const END_LIMIT: Duration = Duration::from_secs(1);

/// Serves a client until the connection ends, in this version of HTTP. When the agent ends, so does the connection.
pub(crate) async fn serve(client: Client, version: Version, exchange: Exchange, tasks: Tasks, end: &CancellationToken) {
    let exchange = Arc::new(exchange);
    let served = exchange.clone();
    let service = service_fn(move |request| {
        let exchange = served.clone();
        async move { exchange.answer(request).await }
    });
    let io = TokioIo::new(client);
    // Both kinds have the same methods, and no trait in common.
    macro_rules! until_its_end {
        ($connection:expr) => {{
            let mut connection = pin!($connection);
            let ended = loop {
                tokio::select! {
                    ended = connection.as_mut() => break ended,
                    () = exchange.original_has_left() => connection.as_mut().graceful_shutdown(),
                    () = end.cancelled() => {
                        connection.as_mut().graceful_shutdown();
                        match timeout(END_LIMIT, connection.as_mut()).await {
                            Ok(ended) => break ended,
                            Err(_) => {
                                exchange.break_off();
                                break Ok(());
                            }
                        }
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a filtered connection broke");
            }
        }};
    }
    match version {
        Version::Http1 => until_its_end!(http1().serve_connection(io, service).with_upgrades()),
        Version::Http2 => until_its_end!(http2(tasks.clone()).serve_connection(io, service)),
    }
    drop(exchange);
    tasks.ended(end).await;
}

/// As little of our own as possible: what the original program answers is what the client gets.
fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .preserve_header_case(true)
        .auto_date_header(false)
        .half_close(true)
        // How long a connection may be idle is for the original program to say.
        .header_read_timeout(None)
        .max_buf_size(HEAD_LIMIT);
    builder
}

fn http2(tasks: Tasks) -> http2::Builder<Tasks> {
    let mut builder = http2::Builder::new(tasks);
    builder
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAM_LIMIT)
        .max_send_buf_size(HEAD_LIMIT)
        .max_header_list_size(u32::try_from(HEAD_LIMIT).expect("small"));
    builder
}
