//! A session: a target in a cluster, an agent beside it, the link in between, and the programs that use them.
//!
//! ```text
//! Session::start ── setup (config -> plan) ── start (agent) ── agent (TLS, greetings) ── environment
//!        └─ afterwards, one task each: proxy (layers), incoming (deliveries), keeper (pings)
//! ```

mod agent;
pub mod cluster;
pub mod descriptors;
mod environment;
pub mod event;
pub mod forward;
mod hold;
mod incoming;
mod keeper;
pub mod keys;
pub mod live;
mod names;
mod nameservers;
mod outgoing;
mod ports;
pub mod programs;
mod proxy;
mod relay;
mod setup;
pub mod start;
mod supervisor;
pub mod target;
pub mod targets;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use config::feature::env::{self, Account, EnvChange, Sources};
use event::{Event, Observer, State, Step};
use link::Accept;
use protocol::{
    control::StreamHead,
    link::SECRET_LEN,
    link::variable,
    policy::{FileMode, FilePolicy, Policy},
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    agent::Connected,
    cluster::Cluster,
    descriptors::{
        Copies,
        mount::{self, Started, Unavailable},
    },
    environment::Origins,
    hold::Hold,
    incoming::Listeners,
    names::AddressBook,
    nameservers::NameServers,
    proxy::Proxy,
};
pub use setup::{Here, Refused, policy};

/// Time for programs to end in good order once their session is lost.
const PARTING_LIMIT: Duration = Duration::from_secs(4);

/// What whoever launches the program has to apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Injection {
    /// Variables to set, `LD_PRELOAD` and the layer's own among them.
    pub set: BTreeMap<OsString, OsString>,
    /// Variables to remove from the local environment.
    pub unset: Vec<OsString>,
}

/// How to start a session.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the user wants, checked.
    pub config: config::Loaded,
    /// Path of `libmirrord_layer.so`.
    pub layer: PathBuf,
    /// Path of our own program, `mirrord`, which is started as a helper through hidden subcommands.
    pub helper: PathBuf,
    /// The local environment that the program would have without us.
    pub environment: BTreeMap<OsString, OsString>,
    /// Working directory of the program.
    pub working_directory: PathBuf,
    /// Where the agent runs.
    pub place: Place,
}

/// Where the agent comes from.
#[derive(Clone, Debug)]
pub enum Place {
    /// The cluster that the configuration names.
    Cluster,
    /// A "pod" made of namespaces on this machine.
    Local(start::local::LocalPod),
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration asks for what is not there.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Nobody to stand in for.
    #[error(
        "no target: say whom the program stands in for, with `--target deploy/NAME` or `target` in mirrord.json; \
         `mirrord ls` lists what there is; running without a target is not built yet"
    )]
    NoTarget,
    /// The cluster is not reached.
    #[error(transparent)]
    Cluster(#[from] cluster::ClusterError),
    /// The target cannot be stood in for.
    #[error(transparent)]
    Target(#[from] target::TargetError),
    /// The agent does not start.
    #[error(transparent)]
    Start(#[from] start::StartError),
    /// This machine's key pair cannot be used.
    #[error(transparent)]
    Keys(#[from] keys::KeysError),
    /// Something on this machine.
    #[error("{what}: {source}")]
    Local {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// Somebody pressed Ctrl-C.
    #[error("stopped before the session was ready")]
    Cancelled,
}

fn local(what: &str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Local { what: what.to_owned(), source }
}

/// No layer has said hello: the program runs without us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no process of the program loaded our library within {} s", .0.as_secs_f32())]
pub struct NoLayer(pub Duration);

/// What has passed in a session so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// What has passed over the link.
    pub link: link::Counters,
    /// Processes that have said hello.
    pub processes: u64,
}

/// A running session. Dropping it without [`Session::stop`] ends it abruptly, which is safe as well.
pub struct Session {
    injection: Injection,
    imported: Injection,
    account: Arc<Account>,
    parts: Arc<Parts>,
    lost: watch::Receiver<Option<String>>,
    observer: Observer,
}

struct Parts {
    proxy: Arc<Proxy>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts")
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.proxy.link.abort();
    }
}

/// What the start of an agent gives, wherever it runs.
struct Linked {
    connected: Connected,
    /// Pod and container, for people.
    target: String,
    reused: bool,
    /// Ports of the target that kubelet probes use.
    probed: Vec<u16>,
    /// Who has set the target's variables; nothing where no specification says so.
    origins: Option<Origins>,
    /// Compares the agent's key with its log once that can be read.
    confirm: futures::future::BoxFuture<'static, Result<(), start::StartError>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither secrets nor values of variables.
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Starts: cluster, target, agent, link, environment. Cancelling leaves nothing behind but an agent that ends itself.
    pub async fn start(options: Options, observer: Observer, cancel: CancellationToken) -> Result<Self, Error> {
        observer.tell(Event::State(State::Starting));
        cancel.run_until_cancelled(Box::pin(start(options, observer))).await.unwrap_or(Err(Error::Cancelled))
    }

    /// What to apply to the program's launch.
    pub fn injection(&self) -> &Injection {
        &self.injection
    }

    /// What the program's processes import themselves when they start (`feature.env.load_from_process`). For a program that
    /// no layer gets into, whoever launches it applies this, too.
    pub fn imported(&self) -> &Injection {
        &self.imported
    }

    /// What becomes of each environment variable, the layer's own aside.
    pub fn environment(&self) -> &Account {
        &self.account
    }

    /// Waits until a layer has said hello.
    pub async fn layer_reported(&self, limit: Duration) -> Result<(), NoLayer> {
        let mut reported = self.parts.proxy.reported.subscribe();
        let waited = tokio::time::timeout(limit, reported.wait_for(|count| *count > 0)).await;
        waited.map(drop).map_err(|_| NoLayer(limit))
    }

    /// Whether any process of the program is there right now.
    pub fn is_in_use(&self) -> bool {
        *self.parts.proxy.attached.borrow() > 0
    }

    /// The processes that run now. Reads procfs from end to end.
    pub async fn programs(&self) -> Vec<programs::Program> {
        let proxy = self.parts.proxy.clone();
        tokio::task::spawn_blocking(move || proxy.programs.running()).await.unwrap_or_default()
    }

    /// Whether the process has said hello.
    pub fn knows(&self, pid: u32) -> bool {
        self.parts.proxy.programs.greeted().contains(&pid)
    }

    /// Ends all processes: SIGTERM, and SIGKILL for those that do not mind it.
    pub async fn end_programs(&self) {
        self.parts.proxy.programs.end(PARTING_LIMIT, &[]).await;
    }

    /// Resolves when the last process has been gone for `after_last`, or when none has come within `until_first`. A
    /// program may start another and end, or become another by exec(2): the pause bridges that.
    pub async fn deserted(&self, until_first: Duration, after_last: Duration) {
        let mut attached = self.parts.proxy.attached.subscribe();
        let mut limit = until_first;
        while tokio::time::timeout(limit, attached.wait_for(|count| *count > 0)).await.is_ok_and(|seen| seen.is_ok()) {
            limit = after_last;
            if attached.wait_for(|count| *count == 0).await.is_err() {
                return;
            }
        }
    }

    /// Declares a debug adapter: loopback ports that the process or its descendants listen on stay local.
    pub fn exempt_debugger(&self, pid: u32) {
        self.parts.proxy.debuggers.lock().expect("no panic while held").push(pid);
    }

    /// Resolves when the session is lost, with the reason.
    pub async fn lost(&self) -> String {
        let mut lost = self.lost.clone();
        match lost.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the session was stopped".to_owned(),
        }
    }

    /// Counters for benches and views.
    pub fn counters(&self) -> Counters {
        Counters { link: self.parts.proxy.link.counters(), processes: *self.parts.proxy.reported.borrow() }
    }

    /// Ends the session: subscriptions ended, goodbye said, socket removed. The agent lingers for its grace period.
    pub async fn stop(self) {
        descriptors::finish(&self.parts.proxy).await;
        self.parts.cancel.cancel();
        self.parts.tasks.close();
        self.parts.tasks.wait().await;
        self.parts.proxy.link.goodbye("the session is over").await;
        self.observer.tell(Event::State(State::Stopped));
    }
}

async fn start(options: Options, observer: Observer) -> Result<Session, Error> {
    let here = setup::Here { environment: &options.environment, working_directory: &options.working_directory };
    let mut plan = setup::plan(&options.config, &here)?;
    for warning in std::mem::take(&mut plan.warnings) {
        observer.tell(Event::Warning(warning));
    }
    // What is wrong on this machine is found before anything is started in the cluster.
    let file = environment::file(&plan.env, &options.working_directory)?;
    // The mount is there long before the link is: it costs no time.
    let (linked, mounted) =
        tokio::join!(link_to_agent(&options.place, &plan, &observer), mount_files(&options, &plan.policy.files));
    let linked = linked?;
    let Linked { connected, target, reused, probed, origins, confirm } = linked;
    let Connected { link, accept, environment: stream } = connected;

    let (account, change) =
        learn(&mut plan, environment::read(stream, origins.as_ref()), &file, &options, &observer).await?;
    let hold = hold_connections(&mut plan.policy, &observer).await;
    let mounted = mounted.unwrap_or_else(|unavailable| without_mount(&unavailable, &observer));
    plan.policy.files_device = mounted.as_ref().map_or(0, Started::device);

    let (tasks, cancel, book) = (TaskTracker::new(), CancellationToken::new(), AddressBook::default());
    let listeners = plan.incoming.map(|mode| {
        let spared = if plan.spare_probes { probed } else { Vec::new() };
        Listeners::new(incoming::Parts {
            link: link.clone(),
            mode,
            policy: plan.policy.incoming.clone(),
            spared,
            book: book.clone(),
            observer: observer.clone(),
            tasks: tasks.clone(),
            cancel: cancel.clone(),
        })
    });
    let name_servers = NameServers::new(nameservers::Parts {
        link: link.clone(),
        book: book.clone(),
        enabled: plan.policy.remote_dns,
        filter: plan.policy.dns_filter.clone(),
        tasks: tasks.clone(),
        cancel: cancel.clone(),
    });
    // Where the kernel does not let programs be watched, layers say so when they meet one.
    if seccomp::filter::check().is_ok() {
        plan.policy.launch.launcher = options.helper.clone().into_os_string().into_vec();
    }
    let secret = random().map_err(local("making the session's secret"))?;
    let name = hex(&random::<8>().map_err(local("naming the session"))?);
    let socket = proxy::Socket::new(&runtime_directory(&options.environment), &name)
        .map_err(local("making the socket for the program's processes"))?;
    let handed = environment::Handed::new(&change);
    plan.policy.launch.load_environment = plan.env.load_from_process;
    let (early, imported) =
        if plan.env.load_from_process { (EnvChange::default(), change) } else { (change, EnvChange::default()) };
    let programs = programs::Programs::new(socket.path());
    let injection = inject(early, &options, &socket.path(), &secret);

    let files = mounted.map(|mounted| mounted.serve(&link, &observer, &tasks, &cancel));
    let folder = runtime_directory(&options.environment).join(format!("mirrord-{name}-copies"));
    let copies = Copies::new(&link, &observer, &tasks, &cancel, folder);
    let (lost_tx, lost) = watch::channel(None);
    let proxy = Arc::new(Proxy {
        link: link.clone(),
        policy: plan.policy,
        secret,
        environment: handed,
        files,
        copies,
        hold,
        book,
        name_servers,
        sockets: supervisor::Sockets::default(),
        listeners: listeners.clone(),
        observer: observer.clone(),
        tasks: tasks.clone(),
        cancel: cancel.clone(),
        reported: watch::Sender::new(0),
        attached: watch::Sender::new(0),
        programs,
        debuggers: Mutex::default(),
    });
    let until_stopped = |task: futures::future::BoxFuture<'static, ()>| {
        tasks.spawn(cancel.clone().run_until_cancelled_owned(task));
    };
    until_stopped(Box::pin(proxy::serve(proxy.clone(), socket)));
    until_stopped(Box::pin(deliver(accept, listeners, tasks.clone(), cancel.clone())));
    until_stopped(Box::pin(keeper::keep(link.clone(), observer.clone(), lost_tx)));
    tasks.spawn(end_when_lost(proxy.clone(), lost.clone()));
    until_stopped(Box::pin(doubt(confirm, link, observer.clone())));
    observer.step(Step::Ready { target, reused_agent: reused });
    observer.tell(Event::State(State::Connected));
    let EnvChange { set, unset } = imported;
    Ok(Session {
        injection,
        imported: Injection { set, unset },
        account: Arc::new(account),
        parts: Arc::new(Parts { proxy, tasks, cancel }),
        lost,
        observer,
    })
}

/// Starts the files helper, unless every file is this machine's.
async fn mount_files(options: &Options, policy: &FilePolicy) -> Result<Option<Started>, Unavailable> {
    if policy.mode == FileMode::Local {
        return Ok(None);
    }
    let wanted = options.environment.get(OsStr::new(mount::VARIABLE)).is_none_or(|value| value != "0");
    Started::start(&options.helper, wanted).await.map(Some)
}

/// What the target says of itself: the environments are merged, and the plan learns the host name.
async fn learn(
    plan: &mut setup::Plan,
    remote: impl Future<Output = io::Result<environment::Remote>>,
    file: &BTreeMap<OsString, OsString>,
    options: &Options,
    observer: &Observer,
) -> Result<(Account, EnvChange), Error> {
    observer.step(Step::FetchingEnvironment);
    let remote = remote.await.map_err(local("reading the target's environment"))?;
    if !remote.odd.is_empty() {
        let odd = remote.odd.join(", ");
        observer.tell(Event::Warning(format!(
            "entries of the target's environment that are no variables were left out: {odd}"
        )));
    }
    let sources = Sources { remote: &remote.variables, file, local: &options.environment };
    let account = env::account::account(&plan.env, sources);
    let mut change = EnvChange::of(&account);
    // The pod has no say in how the layer works, whatever `include` says.
    for name in [variable::LOG_PATH, variable::DONT_LOAD] {
        if account.get(OsStr::new(name)).is_some_and(|entry| entry.source == env::account::Source::Remote) {
            change.set.remove(OsStr::new(name));
        }
    }
    if plan.host_name {
        plan.policy.host_name = Some(plan.shown_host_name.take().unwrap_or(remote.host_name));
    }
    Ok((account, change))
}

/// Makes connections wait for the cluster's answer, where this machine's kernel lets us.
async fn hold_connections(policy: &mut Policy, observer: &Observer) -> Option<Arc<Hold>> {
    match Hold::new().await {
        Ok(hold) => {
            policy.outgoing.hold_port = hold.port();
            Some(Arc::new(hold))
        }
        Err(error) => {
            observer.tell(Event::Warning(format!(
                "this machine's kernel does not let connections be held ({error}): connections to the cluster will fail"
            )));
            None
        }
    }
}

/// Says what it means that there is no mount for the target's files.
fn without_mount(unavailable: &Unavailable, observer: &Observer) -> Option<Started> {
    observer.tell(Event::Warning(format!(
        "no FUSE: {unavailable}; remote files are copies in memory that are fetched whole, and what the program writes \
         is sent when it closes them"
    )));
    None
}

/// Ends the link when the agent turns out to be another one than its log says.
async fn doubt(
    confirm: futures::future::BoxFuture<'static, Result<(), start::StartError>>,
    link: link::Link,
    observer: Observer,
) {
    if let Err(error) = confirm.await {
        observer.tell(Event::Warning(error.to_string()));
        link.abort();
    }
}

async fn link_to_agent(place: &Place, plan: &setup::Plan, observer: &Observer) -> Result<Linked, Error> {
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
        probed: resolved.probed_ports.into_iter().collect(),
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
        probed: Vec::new(),
        origins: None,
        confirm: Box::pin(async { Ok(()) }), // the agent is our own child
    })
}

/// Programs do not outlive a session that is lost: they would go on outside the cluster. A session that is stopped leaves
/// that to whoever stops it.
async fn end_when_lost(proxy: Arc<Proxy>, mut lost: watch::Receiver<Option<String>>) {
    let is_lost = proxy.cancel.run_until_cancelled(lost.wait_for(Option::is_some)).await;
    if is_lost.is_some_and(|seen| seen.is_ok()) {
        // Whoever started a debug adapter ends it, after it has told its editor.
        let adapters = proxy.debuggers.lock().expect("no panic while held").clone();
        proxy.programs.end(PARTING_LIMIT, &adapters).await;
    }
}

/// Hands connections that arrive at the target to the program, each in a task of its own.
async fn deliver(mut accept: Accept, listeners: Option<Arc<Listeners>>, tasks: TaskTracker, cancel: CancellationToken) {
    while let Some((head, stream)) = accept.next().await {
        match (head, &listeners) {
            (StreamHead::Incoming(incoming), Some(listeners)) => {
                let delivered = listeners.clone().deliver(incoming, stream);
                tasks.spawn(cancel.clone().run_until_cancelled_owned(delivered));
            }
            (head, _) => tracing::warn!(?head, "the agent opened a stream that nobody asked for"),
        }
    }
}

fn inject(change: EnvChange, options: &Options, socket: &Path, secret: &[u8; SECRET_LEN]) -> Injection {
    let EnvChange { mut set, unset } = change;
    set.insert(variable::SOCKET.into(), socket.into());
    set.insert(variable::SECRET.into(), hex(secret).into());
    // Ours comes last, as in files of the original: what the user preloads himself is found first.
    let preload = OsString::from("LD_PRELOAD");
    let mut libraries = options.environment.get(&preload).cloned().unwrap_or_default().into_vec();
    if !libraries.is_empty() {
        libraries.push(b':');
    }
    libraries.extend(options.layer.clone().into_os_string().into_vec());
    set.insert(preload, OsString::from_vec(libraries));
    Injection { set, unset }
}

/// Where sockets of this user belong: `XDG_RUNTIME_DIR`, else the folder for temporary files.
fn runtime_directory(environment: &BTreeMap<OsString, OsString>) -> PathBuf {
    let candidate = |name: &str| environment.get(OsStr::new(name)).map(PathBuf::from).filter(|path| path.is_dir());
    candidate("XDG_RUNTIME_DIR").or_else(|| candidate("TMPDIR")).unwrap_or_else(|| "/tmp".into())
}

fn random<const LEN: usize>() -> io::Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}
