//! The HTTP stack below kube's client: its own, with `TCP_NODELAY` on every connection.
//!
//! kube builds its connector without it and leaves no place to set it; a small message behind a small message then
//! waits 40 ms for the peer's delayed acknowledgement.

use std::{error::Error as StdError, io, time::Duration};

use base64::Engine as _;
use http::{HeaderValue, Request, Response, Uri};
use hyper::rt::{Read, Write};
use hyper_util::{
    client::legacy::{
        self,
        connect::{
            Connection, HttpConnector,
            proxy::{SocksV5, Tunnel},
        },
    },
    rt::{TokioExecutor, TokioTimer},
};
use kube::client::{Body, ConfigExt, retry::RetryPolicy};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, retry::RetryLayer};

use super::CONNECT_LIMIT;

/// Pauses between tries of a request that the API server put off (429, 503, 504); every call has a limit of its own.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Tries after the first.
const RETRIES: u32 = 8;
/// Idle connections are dropped before common balancers (60 s) drop them under us.
const IDLE_LIMIT: Duration = Duration::from_secs(50);

/// A client for `config`, through its proxy if it has one. Runs the exec plugin, if any: blocks.
pub(super) fn client(config: &kube::Config) -> kube::Result<kube::Client> {
    let mut direct = HttpConnector::new();
    direct.enforce_http(false); // else https:// is refused
    direct.set_nodelay(true);
    direct.set_keepalive(Some(Duration::from_secs(30)));
    direct.set_connect_timeout(Some(CONNECT_LIMIT));
    match &config.proxy_url {
        None => over(config, direct),
        Some(proxy) => match proxy.scheme_str() {
            Some("socks5") => over(config, socks(proxy, direct)),
            Some("https") => over(config, tunnel(proxy, config.rustls_https_connector_with_connector(direct)?)),
            _ => over(config, tunnel(proxy, direct)),
        },
    }
}

/// A client over connections that `connector` opens; TLS is added here.
fn over<C>(config: &kube::Config, connector: C) -> kube::Result<kube::Client>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: StdError + Send + Sync + 'static,
{
    let auth = config.auth_layer()?;
    let https = config.rustls_https_connector_with_connector(connector)?;
    let https = ServiceExt::<Uri>::map_future(https, |opening| Box::pin(limited(opening)));
    let hyper: legacy::Client<_, Body> = legacy::Builder::new(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_LIMIT)
        .build(https);
    let retry = RetryPolicy::new(RETRY_PAUSE.0, RETRY_PAUSE.1, RETRIES, true).expect("constant pauses are in order");
    let stack = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(retry))
        .option_layer(auth)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(hyper);
    Ok(client_of(stack, &config.default_namespace))
}

/// What `opening` gives, unless it takes too long. hyper's own limit ends before TLS begins.
async fn limited<T>(opening: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    tokio::time::timeout(CONNECT_LIMIT, opening).await.unwrap_or_else(|_| {
        let text = format!("no connection within {} s", CONNECT_LIMIT.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
    })
}

fn client_of<S>(stack: S, namespace: &str) -> kube::Client
where
    S: Service<Request<Body>, Response = Response<hyper::body::Incoming>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    kube::Client::new(stack, namespace)
}

fn tunnel<C>(proxy: &Uri, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.clone(), connector);
    match credentials(proxy) {
        None => tunnel,
        Some((user, password)) => {
            let basic = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            let mut basic = HeaderValue::try_from(format!("Basic {basic}")).expect("base64 is a header value");
            basic.set_sensitive(true);
            tunnel.with_auth(basic)
        }
    }
}

fn socks<C>(proxy: &Uri, connector: C) -> SocksV5<C> {
    let socks = SocksV5::new(proxy.clone(), connector);
    match credentials(proxy) {
        None => socks,
        Some((user, password)) => socks.with_auth(user, password),
    }
}

/// User and password in a proxy's URL, with their percent escapes undone.
fn credentials(proxy: &Uri) -> Option<(String, String)> {
    let (info, _) = proxy.authority()?.as_str().rsplit_once('@')?;
    let (user, password) = info.split_once(':').unwrap_or((info, ""));
    Some((unescaped(user), unescaped(password)))
}

fn unescaped(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_a_proxy_are_unescaped() {
        let of = |proxy: &str| credentials(&proxy.parse().expect("a URL"));
        assert_eq!(of("http://me:pa%40ss%3A%zz@proxy:1"), Some(("me".into(), "pa@ss:%zz".into())));
        assert_eq!(of("http://me@proxy:1"), Some(("me".into(), String::new())));
        assert_eq!(of("http://proxy:1"), None);
    }
}
