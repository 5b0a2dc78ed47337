//! The beginning of a session: from what the user wants to everything that serves his programs.
//!
//! ```text
//! setup (config -> plan) ── place (agent, TLS, greetings) ── environment ── Injection
//!                      └─ the files helper, meanwhile
//! ```

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStringExt,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use config::feature::env::{self, Account, EnvChange, Sources};
use link::Accept;
use protocol::{
    control::StreamHead,
    link::variable,
    policy::{FileMode, FilePolicy, Policy},
};
use tokio::{net::UnixListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Error, Injection, Place, Session,
    advice::Advice,
    agent::Connected,
    control::{self, Control},
    descriptors::{
        Copies, Files,
        launch::{self, Started, Unavailable},
    },
    environment,
    error::local,
    event::{Event, Observer, State, Step},
    hold::Hold,
    incoming::{self, Listeners},
    injection::inject,
    keeper,
    names::AddressBook,
    nameservers::{self, NameServers},
    place::{self, Linked},
    programs,
    proxy::{self, Proxy},
    random::{hex, random},
    running::{self, Parts},
    seen::Seen,
    setup, start, supervisor,
    view::By,
};

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
    /// The program's file, or the folder that it is built from, where that is known: it stays on this machine for all processes
    /// of the session, a debugger's too.
    pub program: Option<PathBuf>,
    /// Where the agent runs.
    pub place: Place,
    /// Who starts it.
    pub by: By,
    /// What it is called, if that is decided already: a result of [`new_name`].
    pub name: Option<String>,
}

/// A name for a session: nobody guesses it, and people can type it.
pub fn new_name() -> Result<String, Error> {
    random::<4>().map(|bytes| hex(&bytes)).map_err(local("naming the session"))
}

/// Starts all that a session is made of.
pub(crate) async fn start(options: Options, observer: Observer) -> Result<Session, Error> {
    let seen = Seen::default();
    let observer = watched(observer, seen.clone());
    let here = setup::Here { environment: &options.environment, working_directory: &options.working_directory };
    let mut plan = setup::plan(&options.config, &here)?;
    for warning in std::mem::take(&mut plan.warnings) {
        observer.tell(Event::Warning(warning));
    }
    // What is wrong on this machine is found before anything is started in the cluster.
    let file = environment::file(&plan.env, &options.working_directory)?;
    // The mount is there long before the link is: it costs no time.
    let (linked, mounted) =
        tokio::join!(place::link(&options.place, &plan, &observer), mount_files(&options, &plan.policy.files));
    let Linked { connected, target, reused, probed, origins, confirm } = linked?;
    let Connected { link, accept, environment: stream } = connected;

    let (account, change) =
        learn(&mut plan, environment::read(stream, origins.as_ref()), &file, &options, &observer).await?;
    let hold = hold_connections(&mut plan.policy, &observer).await;
    let mounted = mounted.unwrap_or_else(|unavailable| without_mount(&unavailable, &observer));
    plan.policy.files_device = mounted.as_ref().map_or(0, Started::device);

    let (tasks, cancel, book) = (TaskTracker::new(), CancellationToken::new(), AddressBook::default());
    let listeners = plan.incoming.map(|mode| {
        let spared = if plan.spare_probes { probed } else { crate::target::Probed::default() };
        Listeners::new(incoming::Parts {
            link: link.clone(),
            mode,
            policy: plan.policy.incoming.clone(),
            requests: plan.requests.take(),
            spared,
            book: book.clone(),
            seen: seen.clone(),
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
    plan.policy.launch.launcher = launcher(&options);
    let secret = random().map_err(local("making the session's secret"))?;
    let name = options.name.clone().map_or_else(new_name, Ok)?;
    let (socket, control) = sockets(&options, &name)?;
    let handed = environment::Handed::new(&change);
    plan.policy.launch.load_environment = plan.env.load_from_process;
    let (early, imported) =
        if plan.env.load_from_process { (EnvChange::default(), change) } else { (change, EnvChange::default()) };
    let programs = programs::Programs::new(socket.path());
    let injection = inject(early, &options, &socket.path(), &secret);
    let control_path = socket.folder().join(control::SOCKET);

    let files = mounted.map(|mounted| Files::serve(mounted, &link, &observer, &tasks, &cancel));
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
        advice: Advice::default(),
        hold,
        book,
        seen: seen.clone(),
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
    until_stopped(Box::pin(keeper::keep(link.clone(), observer.clone(), seen, lost_tx)));
    tasks.spawn(running::end_when_lost(proxy.clone(), lost.clone()));
    until_stopped(Box::pin(doubt(confirm, link, observer.clone())));
    let controlled = Arc::new(Control::new((name, options.by), control_path, proxy.clone(), injection, account));
    until_stopped(Box::pin(control::serve(controlled.clone(), control)));
    observer.step(Step::Ready { target, reused_agent: reused });
    observer.tell(Event::State(State::Connected));
    let EnvChange { set, unset } = imported;
    Ok(Session {
        imported: Injection { set, unset },
        control: controlled,
        parts: Arc::new(Parts { proxy, tasks, cancel }),
        lost,
        observer,
    })
}

/// The program that starts those which no library gets into; empty where the kernel does not let programs be watched:
/// layers say so when they meet one.
fn launcher(options: &Options) -> Vec<u8> {
    if seccomp::filter::check().is_ok() { options.helper.clone().into_os_string().into_vec() } else { Vec::new() }
}

/// Starts the files helper, unless every file is this machine's.
async fn mount_files(options: &Options, policy: &FilePolicy) -> Result<Option<Started>, Unavailable> {
    if policy.mode == FileMode::Local {
        return Ok(None);
    }
    let wanted = options.environment.get(OsStr::new(launch::VARIABLE)).is_none_or(|value| value != "0");
    Started::start(&options.helper, wanted).await.map(Some)
}

/// What the target says of itself: the environments are merged, and the plan learns the host name and
/// which folders at the root are its.
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
    plan.policy.files.target_root = remote.root;
    let launched = options.program.iter().map(|path| path.clone().into_os_string().into_vec());
    plan.policy.files.launched = launched.collect();
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
         is sent when it closes them; they cannot be locked"
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

/// The sockets in the session's folder: the layers' and the one that controls the session.
fn sockets(options: &Options, name: &str) -> Result<(proxy::Socket, UnixListener), Error> {
    let socket = proxy::Socket::new(&runtime_directory(&options.environment), name)
        .map_err(local("making the socket for the program's processes"))?;
    let control = control::listen(socket.folder()).map_err(local("making the socket that controls the session"))?;
    Ok((socket, control))
}

/// An observer that also notes what views show.
fn watched(observer: Observer, seen: Seen) -> Observer {
    Observer::new(move |event| {
        match &event {
            Event::Step(step) => seen.step(step),
            Event::State(state) => seen.state(state),
            _ => {}
        }
        observer.tell(event);
    })
}

/// Where sockets of this user may be: `XDG_RUNTIME_DIR`, and the folders for temporary files.
pub(crate) fn runtime_directories(environment: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let named = ["XDG_RUNTIME_DIR", "TMPDIR"].map(|name| environment.get(OsStr::new(name)).map(PathBuf::from));
    let mut directories: Vec<_> = named.into_iter().flatten().filter(|path| path.is_dir()).collect();
    directories.push("/tmp".into());
    directories.dedup();
    directories
}

/// Where sockets of this user belong: the first of them.
pub(crate) fn runtime_directory(environment: &BTreeMap<OsString, OsString>) -> PathBuf {
    runtime_directories(environment).swap_remove(0)
}
