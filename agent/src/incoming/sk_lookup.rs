//! Stealing with a BPF `sk_lookup` program: the kernel hands new connections to our listener instead of the target's.
//!
//! The program runs when a SYN looks for its listener. It asks a map whether the destination port is subscribed and
//! assigns the socket found there. The link that attaches it, like the maps, dies with our descriptors: whatever kills
//! the agent, the target is served again at once. getsockname(2) on an accepted socket gives the original destination.
//!
//! Needs CAP_NET_ADMIN and CAP_BPF of the initial user namespace, and Linux 5.9.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
};

use super::{
    bpf::{self, Assembler, Helper, Instruction, Map, MapKind, Register, Width},
    steer::Listeners,
};
use crate::incoming::pass::PASS_SOURCE;

/// Ports that may be subscribed at a time, in both families.
const PORTS: u32 = 1024;

/// Connections that may be on their way to the original program over IPv6 at the same moment.
const PASSING: u32 = 1024;

/// Marks the keys of IPv6 listeners in the map of ports.
const V6_KEY: u32 = 1 << 16;

/// A program in force.
#[derive(Debug)]
pub(crate) struct SkLookup {
    /// From port (and [`V6_KEY`]) to the listener that gets its connections.
    ports: Map,
    /// Source ports, in network order, of our own IPv6 connections to the original program.
    passing: Map,
    /// Attached for as long as this is open.
    _link: OwnedFd,
    /// On loopback: nobody gets there but by the program.
    listeners: Listeners,
}

/// What failed, for the user: a step and the kernel's word.
#[derive(Debug, thiserror::Error)]
#[error("sk_lookup: {step}: {source}")]
pub(crate) struct Error {
    step: &'static str,
    source: io::Error,
}

fn at(step: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error { step, source }
}

impl SkLookup {
    /// Attaches the program to the calling thread's network namespace; no port is subscribed yet.
    pub(crate) fn attach(listeners: Listeners) -> Result<Self, Error> {
        let ports =
            Map::create(MapKind::SocketHash, PORTS).map_err(at("map of ports (needs CAP_BPF, CAP_NET_ADMIN)"))?;
        let passing = Map::create(MapKind::Hash, PASSING).map_err(at("map of connections"))?;
        let program = bpf::load(&program(&ports, &passing)).map_err(at("load program"))?;
        let namespace = own_namespace().map_err(at("open network namespace"))?;
        let link = bpf::attach(program.as_fd(), namespace.as_fd()).map_err(at("attach (needs Linux 5.9)"))?;
        Ok(Self { ports, passing, _link: link, listeners })
    }

    /// Where stolen connections arrive.
    pub(crate) fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// Whether another program steals in this network namespace too.
    pub(crate) fn has_rivals() -> bool {
        own_namespace().and_then(|namespace| bpf::attached(namespace.as_fd())).is_ok_and(|programs| programs > 1)
    }

    /// New connections to `port` come to us from now on.
    pub(crate) fn add(&self, port: u16) -> Result<(), Error> {
        let key = u32::from(port);
        self.ports.insert_socket(key, self.listeners.v4.as_fd()).map_err(at("subscribe port"))?;
        if let Some(v6) = &self.listeners.v6 {
            self.ports.insert_socket(key | V6_KEY, v6.as_fd()).map_err(at("subscribe port for IPv6"))?;
        }
        Ok(())
    }

    /// New connections to `port` go to the target again.
    pub(crate) fn remove(&self, port: u16) {
        let key = u32::from(port);
        let v6 = self.listeners.v6.is_some().then_some(key | V6_KEY);
        for key in std::iter::once(key).chain(v6) {
            if let Err(error) = self.ports.remove(key) {
                tracing::warn!(port, %error, "a port stays subscribed");
            }
        }
    }

    /// Lets our own IPv6 connection from this source port through to the original program.
    pub(crate) fn pass_from(&self, source_port: u16) -> io::Result<()> {
        self.passing.insert(u32::from(source_port.to_be()))
    }

    /// Ends [`Self::pass_from`], once the connection is established.
    pub(crate) fn end_pass_from(&self, source_port: u16) {
        if let Err(error) = self.passing.remove(u32::from(source_port.to_be())) {
            tracing::debug!(source_port, %error, "map of connections");
        }
    }
}

/// The calling thread's network namespace. (A test has threads in several.)
fn own_namespace() -> io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

/// Offsets of `struct bpf_sk_lookup` (linux/bpf.h). Ports: `remote` in network order, `local` in host order.
mod context {
    pub(super) const FAMILY: i16 = 8;
    pub(super) const PROTOCOL: i16 = 12;
    pub(super) const REMOTE_IP4: i16 = 16;
    pub(super) const REMOTE_IP6: i16 = 20;
    pub(super) const REMOTE_PORT: i16 = 36;
    pub(super) const LOCAL_IP6: i16 = 44;
    pub(super) const LOCAL_PORT: i16 = 60;
}

/// ```text
/// if not TCP: pass
/// key = local port
/// if IPv4: if from PASS_SOURCE: pass
/// else: key |= V6_KEY; if from our own address and a passing port: pass
/// socket = ports[key]; if there is one: assign it
/// pass
/// ```
/// "Pass" with no socket assigned means: look up as if we were not here.
fn program(ports: &Map, passing: &Map) -> Vec<Instruction> {
    const SK_PASS: i32 = 1;
    // r6 to r9 survive calls; r10 is the frame pointer.
    const R0: Register = 0;
    const R1: Register = 1;
    const R2: Register = 2;
    const R3: Register = 3;
    const CONTEXT: Register = 6;
    const KEY: Register = 7;
    const SOCKET: Register = 8;
    const FRAME: Register = 10;
    let pass_source = i32::from_ne_bytes(PASS_SOURCE.octets());
    let mut asm = Assembler::default();
    let (pass, v6, find) = (asm.label(), asm.label(), asm.label());

    asm.copy(CONTEXT, R1);
    asm.load(Width::Word, R2, CONTEXT, context::PROTOCOL);
    asm.jump_unless(R2, libc::IPPROTO_TCP, pass);
    asm.load(Width::Word, KEY, CONTEXT, context::LOCAL_PORT);
    asm.load(Width::Word, R2, CONTEXT, context::FAMILY);
    asm.jump_if(R2, libc::AF_INET6, v6);
    asm.load(Width::Word, R2, CONTEXT, context::REMOTE_IP4);
    asm.jump_if(R2, pass_source, pass);
    asm.jump(find);

    asm.place(v6);
    asm.or(KEY, V6_KEY.cast_signed());
    for word in 0..4 {
        asm.load(Width::Word, R2, CONTEXT, context::REMOTE_IP6 + 4 * word);
        asm.load(Width::Word, R3, CONTEXT, context::LOCAL_IP6 + 4 * word);
        asm.jump_unless_same(R2, R3, find);
    }
    asm.load(Width::Half, R2, CONTEXT, context::REMOTE_PORT);
    asm.store(FRAME, -4, R2);
    asm.load_map(R1, passing);
    asm.copy(R2, FRAME);
    asm.add(R2, -4);
    asm.call(Helper::MapLookup);
    asm.jump_unless(R0, 0, pass);

    asm.place(find);
    asm.store(FRAME, -4, KEY);
    asm.load_map(R1, ports);
    asm.copy(R2, FRAME);
    asm.add(R2, -4);
    asm.call(Helper::MapLookup);
    asm.jump_if(R0, 0, pass);
    asm.copy(SOCKET, R0);
    asm.copy(R1, CONTEXT);
    asm.copy(R2, SOCKET);
    asm.set(R3, 0); // an earlier program's choice stands: EEXIST, seen by the self-test
    asm.call(Helper::SocketAssign);
    asm.copy(R1, SOCKET);
    asm.call(Helper::SocketRelease);

    asm.place(pass);
    asm.set(R0, SK_PASS);
    asm.exit();
    asm.finish()
}
