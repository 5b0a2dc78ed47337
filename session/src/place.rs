//! Where an agent comes from, and the link to it: the same afterwards, whatever the way.

use crate::{
    Error,
    agent::{self, Connected},
    cluster::Cluster,
    environment::Origins,
    error::local,
    event::{Observer, Step},
    keys, setup, start, target,
};

/// Where the agent comes from.
#[derive(Clone, Debug)]
pub enum Place {
    /// The cluster that the configuration names.
    Cluster,
    /// A "pod" made of namespaces on this machine.
    Local(start::local::LocalPod),
}

/// What the start of an agent gives, wherever it runs.
pub(crate) struct Linked {
    /// The link, and what came with the greeting.
    pub(crate) connected: Connected,
    /// Pod and container, for people.
    pub(crate) target: String,
    /// Whether the agent was there already.
    pub(crate) reused: bool,
    /// What the kubelet asks of the target's pod.
    pub(crate) probed: target::Probed,
    /// Who has set the target's variables; nothing where no specification says so.
    pub(crate) origins: Option<Origins>,
    /// Compares the agent's key with its log once that can be read.
    pub(crate) confirm: futures::future::BoxFuture<'static, Result<(), start::StartError>>,
}

/// Starts or finds the agent, and greets it.
pub(crate) async fn link(place: &Place, plan: &setup::Plan, observer: &Observer) -> Result<Linked, Error> {
    match place {
        Place::Local(pod) => link_local(pod, observer).await,
        Place::Cluster => link_cluster(plan, observer).await,
    }
}

async fn link_cluster(plan: &setup::Plan, observer: &Observer) -> Result<Linked, Error> {
    let Some(target) = plan.target.as_ref().filter(|target| target.path != config::target::Path::Targetless) else {
        return Err(Error::NoTarget);
    };
    let keys = keys::Keys::open()?;
    observer.step(Step::Connecting);
    let cluster = Cluster::connect(&plan.cluster).await?;
    let resolved = target::resolve(&cluster, target, observer).await?;
    let identity = keys.identity().clone();
    let attempt = |io, pinned: Option<link::PublicKey>| {
        let identity = identity.clone();
        async move { agent::connect(io, &identity, pinned.as_ref()).await }
    };
    let started = start::start(&cluster, &resolved, &plan.agent, &keys, observer, attempt).await?;
    Ok(Linked {
        connected: started.value,
        target: format!("pod/{}/container/{} in namespace {}", resolved.pod, resolved.container, resolved.namespace),
        reused: started.reused,
        origins: Some(Origins::of(&resolved.object, &resolved.container)),
        probed: resolved.probed,
        confirm: started.confirm,
    })
}

async fn link_local(pod: &start::local::LocalPod, observer: &Observer) -> Result<Linked, Error> {
    observer.step(Step::WaitingForAgent { status: None });
    let io = pod.connect().await.map_err(local("connecting to the agent in the local pod"))?;
    let (connected, _) = agent::connect(io, pod.identity(), None).await.map_err(local("greeting the agent"))?;
    Ok(Linked {
        connected,
        target: "a pod on this machine".to_owned(),
        reused: false,
        probed: target::Probed::default(),
        origins: None,
        confirm: Box::pin(async { Ok(()) }), // the agent is our own child
    })
}
