//! Programs that answer, over TCP or over a link, in both versions of HTTP.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use link::Accept;
use protocol::incoming::Verdict;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
    task::JoinSet,
};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What `/hang` waits for.
#[derive(Clone)]
pub(super) struct Gate(Arc<watch::Sender<bool>>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Gate {
    pub(super) fn open(&self) {
        self.0.send_replace(true);
    }

    async fn is_open(&self) {
        drop(self.0.subscribe().wait_for(|is_open| *is_open).await);
    }
}

/// A program that answers with its name.
#[derive(Clone)]
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) gate: Gate,
}

/// Serves TCP connections.
pub(super) async fn serve_at(at: &str, named: Named, tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind(at).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (tcp, _) = listener.accept().await.expect("accepts");
            connections.spawn(named.clone().serve(tcp));
        }
    });
    address
}

/// Serves what a session gets.
pub(super) fn serve_session(mut arriving: Accept, named: Named, tasks: &mut JoinSet<()>) {
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Some((_, mut stream)) = arriving.next().await {
            let named = named.clone();
            connections.spawn(async move {
                stream.write_message(&Verdict::Accepted).await.expect("open");
                named.serve(stream).await;
            });
        }
    });
}

impl Named {
    async fn serve(self, mut io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut first = [0; 3];
        if io.read_exact(&mut first).await.is_err() {
            return; // a connection without a request
        }
        let is_http2 = &first == b"PRI";
        let (reader, writer) = tokio::io::split(io);
        let io = TokioIo::new(tokio::io::join(std::io::Cursor::new(first).chain(reader), writer));
        let service = service_fn(move |request| {
            let named = self.clone();
            async move { Ok::<_, Infallible>(named.answer(request).await) }
        });
        let ended = if is_http2 {
            http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
        } else {
            let builder = http1::Builder::new().half_close(true).preserve_header_case(true).clone();
            builder.serve_connection(io, service).with_upgrades().await
        };
        drop(ended); // the other side may be gone
    }

    async fn answer(self, mut request: Request<Incoming>) -> Response<Body> {
        let name = self.name;
        if request.headers().contains_key("upgrade") {
            let upgrade = hyper::upgrade::on(&mut request);
            self::spawn(async move {
                let mut io = TokioIo::new(upgrade.await.expect("it was asked for"));
                let mut word = [0; 5];
                while io.read_exact(&mut word).await.is_ok() {
                    io.write_all(format!("{name} heard {}\n", String::from_utf8_lossy(&word)).as_bytes())
                        .await
                        .expect("open");
                }
                drop(io.shutdown().await);
            });
            let mut response = Response::new(text(String::new()));
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert("upgrade", HeaderValue::from_static("words"));
            headers.insert("connection", HeaderValue::from_static("Upgrade"));
            return response;
        }
        match request.uri().path() {
            "/hang" => self.gate.is_open().await,
            "/refuse" => return Response::new(text(format!("{name} reads nothing\n"))),
            "/stop-reading" => {
                // As a program at a breakpoint does: it has the head, and the rest waits.
                self.gate.is_open().await;
            }
            "/endless" => {
                let first = futures::stream::iter([Ok(Frame::data(Bytes::from(format!("{name} begins\n"))))]);
                let gate = self.gate.clone();
                let rest = futures::stream::once(async move {
                    gate.is_open().await;
                    Ok(Frame::data(Bytes::from_static(b"the end\n")))
                });
                let body = StreamBody::new(Box::pin(futures::StreamExt::chain(first, rest)));
                return Response::new(BodyExt::boxed_unsync(body));
            }
            "/empty" => {
                let mut response = Response::new(text(String::new()));
                *response.status_mut() = StatusCode::NO_CONTENT;
                return response;
            }
            _ => {}
        }
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return Response::new(text("lost\n".to_owned())) };
        let trailers = body.trailers().map(|trailers| format!(" {trailers:?}")).unwrap_or_default();
        let bytes = body.to_bytes();
        let shown = if bytes.len() > 100 {
            format!("{} bytes", bytes.len())
        } else {
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let told = format!("{name} {} {} {shown}{trailers}", parts.method, parts.uri.path());
        let told = format!("{}\n", told.trim_end());
        if parts.headers.get("te").is_some_and(|te| te == "trailers") {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-end", HeaderValue::from_static(name));
            let frames = [Frame::data(Bytes::from(told)), Frame::trailers(trailers)].map(Ok);
            let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(futures::stream::iter(frames))));
            response.headers_mut().insert("trailer", HeaderValue::from_static("x-end"));
            return response;
        }
        Response::new(text(told))
    }
}

fn text(text: String) -> Body {
    Full::new(Bytes::from(text)).boxed_unsync()
}

#[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}
