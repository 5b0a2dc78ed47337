//! Stealing with redirect rules in an nftables table that its owner's netlink socket keeps alive.
//!
//! The table has the flag `owner`: the kernel removes it when our socket is closed, whatever kills us. Connections from
//! outside pass the chain at `prerouting`, those from inside the pod the one at `output`. Our own connections to the
//! original program bear a mark. The original destination is in conntrack (`SO_ORIGINAL_DST`).
//!
//! Needs CAP_NET_ADMIN over the network namespace, and Linux 5.12. Connections that the pod forwards for others are
//! not told from its own.

use std::{
    collections::BTreeSet,
    io,
    net::TcpListener,
    os::fd::{AsFd, AsRawFd},
    sync::Mutex,
};

use netlink_packet_core::{
    DefaultNla, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
    nftables::{
        ChainAttribute, ChainMessage, Cmp, DataAttribute, ExpressionAttribute, Expressions, Hook, Immediate,
        InetHookNumber, ListAttribute, Meta, MetaKey, NfTablesMessage, Operator, Payload, Register, RuleAttribute,
        RuleMessage, TableAttribute, TableFlags, TableMessage,
    },
    none::ControlMessage,
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::steer::Listeners;
use crate::incoming::pass::PASS_MARK;

/// How long the kernel may take for an answer, in milliseconds; it gives it before send(2) returns.
const ANSWER_LIMIT: u16 = 2000;

/// Priority of destination NAT (linux/netfilter_ipv4.h, `NF_IP_PRI_NAT_DST`).
const NAT_PRIORITY: i32 = -100;

/// Index of the loopback interface in every network namespace.
const LOOPBACK_INDEX: u32 = 1;

/// A port that no connection has.
const NO_PORT: u16 = 0;

/// A table in force.
#[derive(Debug)]
pub(crate) struct Nftables {
    inner: Mutex<Inner>,
    listeners: Listeners,
}

struct Inner {
    /// Owns the table.
    socket: Socket,
    table: String,
    listener_port: u16,
    ports: BTreeSet<u16>,
    installed: bool,
    /// A port was redirected once. From then on there is always a rule: with the last one of a namespace the kernel
    /// stops tracking connections, and established ones are not translated any more.
    translates: bool,
}

/// What the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("nftables: {step}: {source}")]
pub(crate) struct Error {
    step: &'static str,
    source: io::Error,
}

fn at(step: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error { step, source }
}

impl Nftables {
    /// Opens the socket that will own the table, and tries whether the kernel lets it have one.
    pub(crate) fn open(listeners: Listeners) -> Result<Self, Error> {
        let listener_port = port_of(&listeners.v4).map_err(at("listener"))?;
        let mut socket = Socket::new(NETLINK_NETFILTER).map_err(at("netlink socket"))?;
        socket.bind_auto().map_err(at("netlink socket"))?;
        socket.connect(&SocketAddr::new(0, 0)).map_err(at("netlink socket"))?;
        // A name of our own: other agents in this namespace have theirs.
        let table = format!("mirrord-{}-{}", std::process::id(), socket.as_raw_fd());
        let mut inner =
            Inner { socket, table, listener_port, ports: BTreeSet::new(), installed: false, translates: false };
        inner.apply().map_err(at("owned table (needs CAP_NET_ADMIN, Linux 5.12)"))?;
        Ok(Self { inner: Mutex::new(inner), listeners })
    }

    /// Where redirected connections arrive.
    pub(crate) fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// New connections to `port` come to us from now on.
    pub(crate) fn add(&self, port: u16) -> Result<(), Error> {
        let mut inner = self.inner.lock().expect("no panic while held");
        inner.ports.insert(port);
        inner.apply().map_err(|source| {
            inner.ports.remove(&port);
            Error { step: "redirect rules (needs nft_redir and nf_nat)", source }
        })
    }

    /// New connections to `port` go to the target again.
    pub(crate) fn remove(&self, port: u16) {
        let mut inner = self.inner.lock().expect("no panic while held");
        inner.ports.remove(&port);
        if let Err(error) = inner.apply() {
            tracing::warn!(port, %error, "a port stays subscribed");
        }
    }
}

fn port_of(listener: &TcpListener) -> io::Result<u16> {
    Ok(listener.local_addr()?.port())
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("table", &self.table).field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl Inner {
    /// Replaces the whole table in one transaction: there is no moment without rules.
    fn apply(&mut self) -> io::Result<()> {
        let mut changes = Vec::new();
        if self.installed {
            let attributes = vec![TableAttribute::Name(self.table.clone())];
            changes.push((NfTablesMessage::DeleteTable(TableMessage { attributes }), 0));
        }
        let attributes = vec![TableAttribute::Name(self.table.clone()), TableAttribute::Flags(TableFlags::Owner)];
        changes.push((NfTablesMessage::NewTable(TableMessage { attributes }), NLM_F_CREATE));
        self.translates |= !self.ports.is_empty();
        if self.translates {
            for way in [Way::FromOutside, Way::FromInside] {
                changes.push((self.chain(way), NLM_F_CREATE));
                let ports = self.ports.iter().copied().chain([NO_PORT]);
                let rules = ports.map(|port| (self.rule(way, port), NLM_F_CREATE | NLM_F_APPEND));
                changes.extend(rules);
            }
        }
        transact(&self.socket, changes)?;
        self.installed = true;
        Ok(())
    }

    fn chain(&self, way: Way) -> NfTablesMessage {
        let hook = vec![Hook::Number(way.hook().into()), Hook::Priority(NAT_PRIORITY.cast_unsigned())];
        let attributes = vec![
            ChainAttribute::Table(self.table.clone()),
            ChainAttribute::Name(way.name().to_owned()),
            ChainAttribute::Type("nat".to_owned()),
            ChainAttribute::Hook(hook),
        ];
        NfTablesMessage::NewChain(ChainMessage { attributes })
    }

    /// `meta l4proto tcp th dport <port> [oif lo meta mark != <ours>] redirect to :<listener>`
    fn rule(&self, way: Way, port: u16) -> NfTablesMessage {
        let mut expressions = vec![
            meta(MetaKey::L4Proto),
            compare(Operator::Equal, vec![6]),
            destination_port(),
            compare(Operator::Equal, port.to_be_bytes().to_vec()),
        ];
        if way == Way::FromInside {
            expressions.extend([
                meta(MetaKey::Oif), // not what the pod sends to the same port elsewhere
                compare(Operator::Equal, LOOPBACK_INDEX.to_ne_bytes().to_vec()),
                meta(MetaKey::Mark),
                compare(Operator::NotEqual, PASS_MARK.to_ne_bytes().to_vec()),
            ]);
        }
        expressions.extend(redirect(self.listener_port));
        let attributes = vec![
            RuleAttribute::Table(self.table.clone()),
            RuleAttribute::Chain(way.name().to_owned()),
            RuleAttribute::Expressions(expressions),
        ];
        NfTablesMessage::NewRule(RuleMessage { attributes })
    }
}

/// The two ways to a port of the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    FromOutside,
    FromInside,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::FromOutside => "outside",
            Self::FromInside => "inside",
        }
    }

    fn hook(self) -> InetHookNumber {
        match self {
            Self::FromOutside => InetHookNumber::PreRouting,
            Self::FromInside => InetHookNumber::LocalOut,
        }
    }
}

type Expression = ListAttribute<ExpressionAttribute>;

fn meta(key: MetaKey) -> Expression {
    Expressions::Meta(vec![Meta::Key(key), Meta::DestinationRegister(Register::Reg1)]).into()
}

fn compare(operator: Operator, value: Vec<u8>) -> Expression {
    let parts = vec![Cmp::SourceRegister(Register::Reg1), Cmp::Op(operator), Cmp::Data(DataAttribute::Value(value))];
    Expressions::Cmp(parts).into()
}

/// The destination port: two bytes at offset 2 of the transport header.
fn destination_port() -> Expression {
    const TRANSPORT_HEADER: u32 = 2;
    Expressions::Payload(vec![
        Payload::DestinationRegister(Register::Reg1),
        Payload::Base(TRANSPORT_HEADER),
        Payload::Offset(2),
        Payload::Len(2),
    ])
    .into()
}

fn redirect(to: u16) -> [Expression; 2] {
    /// `NFTA_REDIR_REG_PROTO_MIN`, and register 1 for it.
    const FIRST_PORT: (u16, u32) = (1, 1);
    let port = DataAttribute::Value(to.to_be_bytes().to_vec());
    let attributes = vec![DefaultNla::new(FIRST_PORT.0, FIRST_PORT.1.to_be_bytes().to_vec())];
    [
        Expressions::Immediate(vec![Immediate::DestinationRegister(Register::Reg1), Immediate::Data(port)]).into(),
        Expressions::Other { expression_type: "redir".to_owned(), attributes }.into(),
    ]
}

/// Sends one transaction; fails with the first error that the kernel gives for any of its messages.
fn transact(socket: &Socket, changes: Vec<(NfTablesMessage, u16)>) -> io::Result<()> {
    // The subsystem is named in the batch's frame, in the header's resource id.
    let frame = |message| {
        let subsystem = u16::try_from(libc::NFNL_SUBSYS_NFTABLES).expect("a small constant");
        packet(NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, subsystem), message, 0)
    };
    let expected = changes.len();
    let header = || NetfilterHeader::new(NetfilterProtoFamily::Inet, 0, 0);
    let mut packets = vec![frame(ControlMessage::BatchBegin.into())];
    packets.extend(changes.into_iter().map(|(change, flags)| packet(header(), change.into(), flags | NLM_F_ACK)));
    packets.push(frame(ControlMessage::BatchEnd.into()));

    let mut bytes = Vec::new();
    for (sequence, mut packet) in (1..).zip(packets) {
        packet.header.sequence_number = sequence;
        packet.finalize();
        let start = bytes.len();
        bytes.resize(start + packet.buffer_len(), 0);
        packet.serialize(&mut bytes[start..]);
    }
    // Answers that an earlier failure left behind are not ours.
    while wait_readable(socket, 0)? {
        socket.recv_from_full()?;
    }
    socket.send(&bytes, 0)?;
    let mut answers = 0;
    while answers < expected {
        if !wait_readable(socket, ANSWER_LIMIT)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        answers += receive(socket)?;
    }
    Ok(())
}

fn packet(header: NetfilterHeader, message: NetfilterMessageInner, flags: u16) -> NetlinkMessage<NetfilterMessage> {
    let mut packet = NetlinkMessage::from(NetfilterMessage::new(header, message));
    packet.header.flags = NLM_F_REQUEST | flags;
    packet
}

/// Reads one datagram of acknowledgements; gives their number.
fn receive(socket: &Socket) -> io::Result<usize> {
    let (datagram, _) = socket.recv_from_full()?;
    let (mut at, mut answers) = (0, 0);
    while at < datagram.len() {
        let packet = NetlinkMessage::<NetfilterMessage>::deserialize(&datagram[at..]).map_err(io::Error::other)?;
        if let NetlinkPayload::Error(answer) = &packet.payload {
            if answer.code.is_some() {
                return Err(answer.to_io());
            }
            answers += 1;
        }
        at += (packet.header.length as usize).next_multiple_of(4).max(4);
    }
    Ok(answers)
}

fn wait_readable(socket: &Socket, limit: u16) -> io::Result<bool> {
    let mut descriptors = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut descriptors, PollTimeout::from(limit))? > 0)
}
