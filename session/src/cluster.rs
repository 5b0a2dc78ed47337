//! The cluster that a session works in: how it is reached, and the few calls that are made to its API server.

mod call;
pub(crate) mod contexts;
mod error;
mod http;
mod kubeconfig;
mod list;
pub(crate) mod near;
mod proxy;
mod trust;

use std::{sync::Arc, time::Duration};

pub(crate) use call::{Call, Resource, rule};
pub(crate) use contexts::Environment;
pub use error::ClusterError;
pub(crate) use list::Form;
use tokio::task::JoinSet;

/// What to connect to; all `None`, and the proxy: what `kubectl` would.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// Kubeconfig files, separated by `:` or `;`; `~`, `$VAR` and `${VAR}` are expanded. `None`: `$KUBECONFIG`, then
    /// `~/.kube/config`, then the service account of the pod that we run in.
    pub kubeconfig: Option<String>,
    /// Name of a context; `None`: the current one.
    pub context: Option<String>,
    /// Whether to take any certificate for the API server's; `None`: as the kubeconfig says.
    pub accept_invalid_certificates: Option<bool>,
    /// Whether `HTTPS_PROXY` and its kin count. A `proxy-url` in the kubeconfig always does.
    pub use_proxy: bool,
    /// Namespace where nothing else says which; `None`: the context's, or `default`.
    pub namespace: Option<String>,
}

/// A cluster, ready to be asked. Clones share its connections.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    namespace: String,
    context: Option<String>,
    server: ::http::Uri,
    /// Connections that are being opened ahead of their use; given up with the last clone.
    _early: Arc<JoinSet<()>>,
}

/// How long one connection to the API server, TLS included, may take to open.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Connections opened ahead: one for the next question about the target, one for the patch or a list beside it, one
/// for the first dial. An upgraded connection does not come back to the pool.
const EARLY_CONNECTIONS: usize = 3;

/// How long an exec plugin of the kubeconfig may take: some wait for a login in the browser.
const CREDENTIALS_LIMIT: Duration = Duration::from_mins(2);

impl Cluster {
    /// Reads the kubeconfig, gets credentials, and starts to open connections; does not wait for them.
    ///
    /// That the API server is out of reach, or refuses the credentials, is the error of the first call. Exec plugins
    /// run with the environment of this process, and without its standard input and output.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ClusterError> {
        Self::connect_in(options, &|name| std::env::var(name).ok()).await
    }

    /// As [`Cluster::connect`], with the variables of another environment.
    pub(crate) async fn connect_in(
        options: &ConnectOptions,
        environment: &Environment<'_>,
    ) -> Result<Self, ClusterError> {
        let kubeconfig::Choice { config, context } = kubeconfig::load(options, environment).await?;
        let server = config.cluster_url.clone();
        let namespace = options.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = build(config, context.as_deref()).await?;
        let mut early = JoinSet::new();
        for _ in 0..EARLY_CONNECTIONS {
            let client = client.clone();
            early.spawn(async move {
                let version = ::http::Request::get("/version").body(Vec::new()).expect("a constant request");
                // Its failure is found again, and told, by the first call that matters.
                let _ = tokio::time::timeout(CONNECT_LIMIT, client.request_text(version)).await;
            });
        }
        Ok(Self { client, namespace, context, server, _early: Arc::new(early) })
    }

    /// The client, for calls that this module does not offer.
    pub fn client(&self) -> &kube::Client {
        &self.client
    }

    /// Namespace where the configuration names none.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Name of the kubeconfig's context; `None` inside a cluster.
    pub fn context(&self) -> Option<&str> {
        self.context.as_deref()
    }

    /// URL of the API server.
    pub fn server(&self) -> &::http::Uri {
        &self.server
    }
}

/// Builds the client on a thread of its own, because kube runs exec plugins while building, and blocks.
async fn build(config: kube::Config, context: Option<&str>) -> Result<kube::Client, ClusterError> {
    let exec = config.auth_info.exec.clone();
    let plugin = exec.as_ref().and_then(|exec| exec.command.as_deref());
    let hint = exec.as_ref().and_then(|exec| exec.install_hint.as_deref());
    let failed = |cause: &(dyn std::error::Error + 'static)| ClusterError::no_credentials(context, plugin, cause, hint);
    let (built_tx, built) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    // Not `spawn_blocking`: the runtime would wait for a hanging plugin when it ends.
    std::thread::Builder::new()
        .name("credentials".into())
        .spawn(move || {
            let _inside = runtime.enter();
            // Nobody waits any more: the session was given up.
            let _ = built_tx.send(http::client(&config));
        })
        .map_err(|error| failed(&error))?;
    match tokio::time::timeout(CREDENTIALS_LIMIT, built).await {
        Ok(Ok(client)) => client.map_err(|error| failed(&error)),
        Ok(Err(error)) => Err(failed(&error)), // its thread panicked
        Err(error) => Err(failed(&error)),
    }
}
