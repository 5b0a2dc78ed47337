//! connect(2) to the cluster, in the program's place: see `hold`.
//!
//! Its end is the socket's own, so programs that do not block find it by poll(2) as ever. One that blocks is answered
//! when the cluster has answered.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use protocol::{
    Errno, codec,
    dns::{Family, Lookup, LookupAnswer},
    link::{HeldConnect, LoopbackRoute},
    operation::{Operation, decode_answer},
};
use rules::{
    address::{Route, canonical, decide},
    name::Resolver,
};
use tokio::sync::watch;

use super::{
    super::signals::interrupted,
    Call, Otherwise, address, datagram, end,
    socket::{ProgramSocket, Protocol, State, over},
    socket_of,
};
use crate::{descriptors, event::Event, names::random_token, outgoing, proxy::Proxy};

/// How a connect ended; nothing as long as it has not.
type Outcome = Option<Result<(), Errno>>;

/// Connects under way, by cookie: a blocking one may be interrupted, and made again.
#[derive(Default)]
pub(super) struct Pending {
    known: Mutex<HashMap<u64, watch::Receiver<Outcome>>>,
    no_way_said: AtomicBool,
}

/// connect(2)
pub(super) fn connect(call: Call) {
    let asked = match address::read(&call, call.argument(1), call.argument(2)) {
        Ok(asked) => canonical(asked),
        Err(otherwise) => return end(call, Err(otherwise)),
    };
    let socket = match socket_of(&call) {
        Ok(socket) => socket,
        Err(otherwise) => return end(call, Err(otherwise)),
    };
    if socket.protocol == Protocol::Udp {
        return datagram::connect(call, socket, asked);
    }
    let policy = &call.proxy().policy.outgoing;
    // No name is asked for: whoever needs one has not decided, and is decided in the task.
    let needs_names = Cell::new(false);
    let (route, _) = decide(policy, asked, &|_, _| {
        needs_names.set(true);
        false
    });
    if route == Route::Local && !needs_names.get() {
        return call.go_on();
    }
    call.later(move |call| async move {
        match route_of(call.proxy(), asked).await {
            Route::Local => call.go_on(),
            Route::Remote => remote(call, socket, asked).await,
            Route::AskSession => match call.proxy().loopback(asked).await {
                LoopbackRoute::Remote => remote(call, socket, asked).await,
                LoopbackRoute::Local(here) if here == asked => call.go_on(),
                LoopbackRoute::Local(here) => redirect(call, &socket, here),
            },
        }
    });
}

/// getsockopt(2) for `SO_ERROR`: tells why the cluster refused.
pub(super) fn error(call: Call) {
    let decided = true_error(&call);
    end(call, decided.map(|()| 0));
}

fn true_error(call: &Call) -> Result<(), Otherwise> {
    let socket = socket_of(call)?;
    let (pointer, length) = (call.argument(3), call.argument(4));
    if socket.protocol != Protocol::Tcp {
        return Err(Otherwise::GoOn);
    }
    let Ok((State::Closed, Some(errno))) = socket.state() else { return Err(Otherwise::GoOn) };
    let mut room = [0; 4];
    call.read(length, &mut room)?;
    // Fewer bytes than an int: the program keeps the kernel's answer.
    if i32::from_ne_bytes(room) < 4 {
        return Err(Otherwise::GoOn);
    }
    let shown = match socket.take_error()?.and_then(|error| error.raw_os_error()) {
        Some(libc::ECONNRESET) => errno.0,
        other => other.unwrap_or(0),
    };
    call.write(pointer, &shown.to_ne_bytes())?;
    call.write(length, &4_u32.to_ne_bytes())?;
    Ok(())
}

/// To a listener of the program's that is really elsewhere on this machine.
fn redirect(call: Call, socket: &ProgramSocket, here: SocketAddr) {
    if here.is_ipv4() {
        socket.allow_mapped();
    }
    // An IPv6 listener cannot be reached by an IPv4 socket; the kernel refuses what was asked for.
    if socket.form(here).is_none() {
        return call.go_on();
    }
    match socket.connect_at_once(here) {
        // Its queue is full. The program's own connect waits, or says so; the kernel does not look at its address.
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) && !socket.is_nonblocking().unwrap_or(true) => {
            call.go_on();
        }
        result => call.answer(result.map(|()| 0).map_err(Errno::from)),
    }
}

async fn remote(call: Call, socket: ProgramSocket, asked: SocketAddr) {
    let decided = start(&call, &socket, asked);
    match decided {
        Ok(Started::Pending(outcome)) => wait(call, &socket, outcome).await,
        Ok(Started::Told) => call.answer(Err(Errno(libc::EINPROGRESS))),
        Err(otherwise) => end(call, Err(otherwise)),
    }
}

enum Started {
    /// The program blocks until this is known.
    Pending(watch::Receiver<Outcome>),
    /// The program looks for the end itself.
    Told,
}

fn start(call: &Call, socket: &ProgramSocket, asked: SocketAddr) -> Result<Started, Otherwise> {
    let proxy = call.proxy();
    let Some(hold) = proxy.hold.clone().filter(|_| socket.protocol == Protocol::Tcp) else {
        return Err(no_way(proxy, asked));
    };
    let blocks = !socket.is_nonblocking()?;
    let cookie = socket.cookie()?;
    match socket.state()?.0 {
        State::Closed => {}
        State::Trying if blocks => {
            let known = proxy.sockets.pending.known.lock().expect("no panic while held");
            // A connect on this machine is the kernel's own.
            return known.get(&cookie).cloned().map(Started::Pending).ok_or(Otherwise::GoOn);
        }
        // Connecting, connected or listening: the kernel has its own answer, and does not look at the address.
        State::Trying | State::Other => return Err(Otherwise::GoOn),
    }
    socket.allow_mapped();
    let token = random_token();
    match socket.connect_at_once((token, hold.port()).into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) if error.raw_os_error() == Some(libc::ECONNRESET) => {
            // An earlier connect of the program's has failed, and this call is to tell.
            let errno = socket.state().ok().and_then(|(_, errno)| errno);
            return Err(errno.unwrap_or(Errno::ECONNRESET).into());
        }
        Err(error) => return Err(error.into()),
        // Cannot be: nobody answers there.
        Ok(()) => return Err(Errno(libc::EISCONN).into()),
    }
    let program = socket.program_address().inspect_err(|_| socket.disconnect())?;
    tracing::debug!(%asked, %program, "a connect is held");
    let (outcome_tx, outcome) = watch::channel(None);
    proxy.sockets.pending.known.lock().expect("no panic while held").insert(cookie, outcome.clone());
    let held = HeldConnect { token, program, destination: asked, early: false };
    let ways = outgoing::Ways::of(proxy, hold);
    let entry = Under { proxy: proxy.clone(), cookie };
    let carried = async move {
        // Forgotten before the end is told: the program may connect again at once.
        let told = move |result| {
            drop(entry);
            outcome_tx.send_replace(Some(result));
        };
        outgoing::carry(held, ways, told).await;
    };
    proxy.tasks.spawn(proxy.cancel.clone().run_until_cancelled_owned(carried));
    Ok(if blocks { Started::Pending(outcome) } else { Started::Told })
}

/// A connect's entry in the table.
struct Under {
    proxy: Arc<Proxy>,
    cookie: u64,
}

impl Drop for Under {
    fn drop(&mut self) {
        self.proxy.sockets.pending.known.lock().expect("no panic while held").remove(&self.cookie);
    }
}

/// Answers a blocking connect: when the cluster has answered, when a signal comes, when the program's own limit is over.
async fn wait(call: Call, socket: &ProgramSocket, mut outcome: watch::Receiver<Outcome>) {
    let limit = socket.send_limit();
    let thread = call.thread();
    let result = tokio::select! {
        biased;
        known = outcome.wait_for(Option::is_some) => match known {
            Ok(known) => (*known).unwrap_or(Err(Errno::EIO)),
            // Nobody could tell: the socket was closed, or never came to be connected.
            Err(_) => Err(Errno::ETIMEDOUT),
        },
        errno = interrupted(thread) => return call.answer(Err(errno)),
        () = over(limit) => return call.answer(Err(Errno(libc::EINPROGRESS))),
    };
    match result {
        Ok(()) => {
            // As after any blocking connect: the next one says `EISCONN`.
            let settled = socket.connect_at_once((std::net::Ipv4Addr::LOCALHOST, 1).into());
            call.answer(settled.map(|()| 0).map_err(Errno::from));
        }
        Err(errno) => {
            socket.disconnect();
            call.answer(Err(errno));
        }
    }
}

fn no_way(proxy: &Proxy, asked: SocketAddr) -> Otherwise {
    if !proxy.sockets.pending.no_way_said.swap(true, Ordering::Relaxed) {
        proxy.observer.tell(Event::Warning(format!(
            "the connection to {asked} cannot be carried: connections of this kind (multipath TCP, or held back by this \
             machine's kernel) fail with ENETUNREACH"
        )));
    }
    Otherwise::Fail(Errno(libc::ENETUNREACH))
}

/// Decides with the addresses of the names that the filter lists, which are asked for one by one.
async fn route_of(proxy: &Proxy, asked: SocketAddr) -> Route {
    let mut known: HashMap<String, Vec<IpAddr>> = HashMap::new();
    loop {
        let unknown = RefCell::new(None);
        let (route, why) = decide(&proxy.policy.outgoing, asked, &|name, ip| {
            if let Some(addresses) = known.get(name) {
                return addresses.contains(&ip);
            }
            unknown.borrow_mut().get_or_insert_with(|| name.to_owned());
            false
        });
        let Some(name) = unknown.into_inner() else {
            tracing::debug!(%asked, ?route, %why, "a connect");
            return route;
        };
        let addresses = addresses_of(proxy, &name).await;
        known.insert(name, addresses);
    }
}

/// What a name stands for, asked of whoever resolves it for the program. Nobody's answer means none.
async fn addresses_of(proxy: &Proxy, name: &str) -> Vec<IpAddr> {
    let policy = &proxy.policy;
    match rules::name::decide(policy.remote_dns, policy.dns_filter.as_ref(), name.as_bytes()).0 {
        Resolver::NoName => Vec::new(),
        Resolver::Remote => look_up(proxy, name).await.unwrap_or_default(),
        Resolver::Local => {
            let name = name.to_owned();
            let found = tokio::task::spawn_blocking(move || {
                (name.as_str(), 0).to_socket_addrs().map(|found| found.map(|it| it.ip()).collect())
            });
            found.await.ok().and_then(io::Result::ok).unwrap_or_default()
        }
    }
}

async fn look_up(proxy: &Proxy, name: &str) -> Option<Vec<IpAddr>> {
    let lookup = Lookup { name: name.to_owned(), family: Family::Any };
    let operation = codec::encode(&Operation::from(lookup)).ok()?;
    let (answer, _) = descriptors::perform(proxy, operation).await.ok()?;
    match decode_answer::<Lookup>(&answer).ok()?.ok()? {
        LookupAnswer::Found { addresses, .. } => Some(addresses),
        _ => None,
    }
}
