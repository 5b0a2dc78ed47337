//! One description of a call to the API server: its URL, the words for it in messages, and the permission it needs.

use std::{fmt, fmt::Write as _, time::Duration};

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::upgrade::Upgraded;
use kube::client::Body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::{Cluster, ClusterError};

/// How long the API server may take for one answer.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of an answer that refuses an upgrade; a `Status` is shorter.
const REFUSAL_LIMIT: usize = 64 * 1024;

/// What a path segment or query value may hold unescaped.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// A kind of object, as the API server's URLs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// Empty for the core group.
    pub(crate) group: &'static str,
    /// `v1`…
    pub(crate) version: &'static str,
    /// `pods`, `deployments`…
    pub(crate) plural: &'static str,
}

impl Resource {
    pub(crate) const PODS: Self = Self { group: "", version: "v1", plural: "pods" };
    pub(crate) const NAMESPACES: Self = Self { group: "", version: "v1", plural: "namespaces" };
}

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(super) verb: &'static str,
    resource: Resource,
    subresource: Option<&'static str>,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    /// `key=value` pairs, escaped.
    query: String,
}

impl<'a> Call<'a> {
    pub(crate) fn get(resource: Resource, namespace: &'a str, name: &'a str) -> Self {
        Self::new("get", resource).within(namespace).of(name)
    }

    /// In all namespaces unless [`Call::within`] says which.
    pub(crate) fn list(resource: Resource) -> Self {
        Self::new("list", resource)
    }

    /// `verb` is that of RBAC.
    pub(crate) fn new(verb: &'static str, resource: Resource) -> Self {
        Self { verb, resource, subresource: None, namespace: None, name: None, query: String::new() }
    }

    pub(crate) fn within(self, namespace: &'a str) -> Self {
        Self { namespace: Some(namespace), ..self }
    }

    pub(crate) fn of(self, name: &'a str) -> Self {
        Self { name: Some(name), ..self }
    }

    pub(crate) fn sub(self, subresource: &'static str) -> Self {
        Self { subresource: Some(subresource), ..self }
    }

    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        let separator = if self.query.is_empty() { "" } else { "&" };
        write!(self.query, "{separator}{key}={}", utf8_percent_encode(value, PLAIN)).expect("a string takes all");
        self
    }

    /// Path and query.
    pub(crate) fn url(&self) -> String {
        let Self { verb: _, resource, subresource, namespace, name, query } = self;
        let Resource { group, version, plural } = resource;
        let mut url = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let segment = |text| utf8_percent_encode(text, PLAIN);
        if let Some(namespace) = namespace {
            write!(url, "/namespaces/{}", segment(namespace)).expect("a string takes all");
        }
        write!(url, "/{plural}").expect("a string takes all");
        for part in [name.as_deref(), *subresource].into_iter().flatten() {
            write!(url, "/{}", segment(part)).expect("a string takes all");
        }
        if !query.is_empty() {
            write!(url, "?{query}").expect("a string takes all");
        }
        url
    }

    /// The rule of a `Role` (or, without a namespace, of a `ClusterRole`) that allows this call, ready to be pasted.
    pub(crate) fn rule(&self) -> String {
        let resource = match self.subresource {
            Some(subresource) => format!("{}/{subresource}", self.resource.plural),
            None => self.resource.plural.to_owned(),
        };
        rule(self.verb, self.resource.group, &resource)
    }

    /// Namespace of the call, if it is of one.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace
    }
}

/// The rule of a `Role` that allows `verb` for `resource`, which may have a subresource: `pods/log`.
pub(crate) fn rule(verb: &str, group: &str, resource: &str) -> String {
    // Kubernetes has called a WebSocket's port-forward `get`; newer versions ask for `create`.
    let verbs = if resource.ends_with("/portforward") { r#""get", "create""#.into() } else { format!("{verb:?}") };
    format!("- apiGroups: [{group:?}]\n  resources: [{resource:?}]\n  verbs: [{verbs}]")
}

impl fmt::Display for Call<'_> {
    /// As RBAC's own messages: `get pods "x" in namespace "shop"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource.plural)?;
        if let Some(subresource) = self.subresource {
            write!(f, "/{subresource}")?;
        }
        if let Some(name) = self.name {
            write!(f, " `{name}`")?;
        }
        match self.namespace {
            Some(namespace) => write!(f, " in namespace `{namespace}`"),
            None => Ok(()),
        }
    }
}

impl Cluster {
    /// Makes `call` and reads one object.
    pub(crate) async fn read<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, ClusterError> {
        self.limited(call, self.client().request(plain(call))).await
    }

    /// Makes `call` and reads text.
    pub(crate) async fn text(&self, call: &Call<'_>) -> Result<String, ClusterError> {
        self.limited(call, self.client().request_text(plain(call))).await
    }

    /// Makes `call`, which creates `object`, and reads what comes of it.
    pub(crate) async fn create<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        object: &serde_json::Value,
    ) -> Result<T, ClusterError> {
        let request = Request::post(call.url())
            .header(header::CONTENT_TYPE, "application/json")
            .body(object.to_string().into_bytes())
            .expect("its URL is escaped");
        self.limited(call, self.client().request(request)).await
    }

    /// Makes `call` with a strategic merge patch and reads the object that comes of it.
    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        patch: &serde_json::Value,
    ) -> Result<T, ClusterError> {
        let request = Request::patch(call.url())
            .header(header::CONTENT_TYPE, "application/strategic-merge-patch+json")
            .body(patch.to_string().into_bytes())
            .expect("its URL is escaped");
        self.limited(call, self.client().request(request)).await
    }

    /// Makes `call` as a WebSocket; `protocol` is the subprotocol that both sides must speak.
    pub(crate) async fn upgrade(&self, call: &Call<'_>, protocol: &'static str) -> Result<Upgraded, ClusterError> {
        self.limited(call, async {
            let key = generate_key();
            let request = Request::get(call.url())
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "websocket")
                .header(header::SEC_WEBSOCKET_VERSION, "13")
                .header(header::SEC_WEBSOCKET_PROTOCOL, protocol)
                .header(header::SEC_WEBSOCKET_KEY, &key)
                .body(Body::empty())
                .expect("its URL is escaped");
            let response = self.client().send(request).await?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(refusal(response).await);
            }
            let accepted = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
            if accepted.is_none_or(|accepted| accepted.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes()) {
                return Err(kube::Error::UpgradeConnection(
                    kube::client::UpgradeConnectionError::SecWebSocketAcceptKeyMismatch,
                ));
            }
            hyper::upgrade::on(response).await.map_err(kube::Error::HyperError)
        })
        .await
    }

    pub(super) async fn limited<T>(
        &self,
        call: &Call<'_>,
        answer: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ClusterError> {
        match tokio::time::timeout(CALL_LIMIT, answer).await {
            Ok(answer) => answer.map_err(|error| self.explain(error, call)),
            Err(_) => Err(ClusterError::TimedOut {
                call: call.to_string(),
                server: self.server().to_string(),
                limit: CALL_LIMIT,
            }),
        }
    }

    /// What `error` means for `call`.
    pub(crate) fn explain(&self, error: kube::Error, call: &Call<'_>) -> ClusterError {
        ClusterError::of(error, call, self.server(), self.context())
    }
}

pub(super) fn plain(call: &Call<'_>) -> Request<Vec<u8>> {
    Request::get(call.url()).body(Vec::new()).expect("its URL is escaped")
}

/// The error that an answer other than 101 carries.
async fn refusal(response: http::Response<Body>) -> kube::Error {
    let code = response.status();
    let body = Limited::new(response.into_body(), REFUSAL_LIMIT).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let status = serde_json::from_slice::<kube::core::Status>(&body).unwrap_or_else(|_| {
        kube::core::Status::failure(String::from_utf8_lossy(&body).trim(), code.canonical_reason().unwrap_or_default())
    });
    kube::Error::Api(status.with_code(code.as_u16()).boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYMENTS: Resource = Resource { group: "apps", version: "v1", plural: "deployments" };

    #[test]
    fn a_call_has_a_url_words_and_a_rule() {
        let call = Call::get(DEPLOYMENTS, "shop", "a/../b?c").with("limit", "5");
        assert_eq!(call.url(), "/apis/apps/v1/namespaces/shop/deployments/a%2F..%2Fb%3Fc?limit=5");
        assert_eq!(call.to_string(), "get deployments `a/../b?c` in namespace `shop`");
        assert_eq!(call.rule(), "- apiGroups: [\"apps\"]\n  resources: [\"deployments\"]\n  verbs: [\"get\"]");

        let call = Call::new("create", Resource::PODS).within("shop").of("x").sub("portforward").with("ports", "1");
        assert_eq!(call.url(), "/api/v1/namespaces/shop/pods/x/portforward?ports=1");
        assert_eq!(
            call.rule(),
            "- apiGroups: [\"\"]\n  resources: [\"pods/portforward\"]\n  verbs: [\"get\", \"create\"]"
        );
        assert_eq!(Call::list(Resource::NAMESPACES).url(), "/api/v1/namespaces");
    }
}
