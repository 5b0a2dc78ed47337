//! The bytes on the wire, one message of each kind. They stand beside `PROTOCOL_VERSION`: whoever changes them raises it.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
};

use expect_test::expect_file;
use mirrord_protocol::{
    Errno, PROTOCOL_VERSION,
    codec::{Encode, encode},
    control::{Hello, Resume, StreamHead, Welcome},
    dns::{Family, Lookup, LookupAnswer, Query, QueryAnswer, Reverse, ReverseAnswer},
    env::{Environment, ReadEnvironment},
    file::{
        Access, Allocate, Change, Close, Content, FsStatus, GetAttribute, Handle, HardLink, HeldLock, List,
        ListAttributes, Lock, LockKind, MakeDirectory, MakeNode, Metadata, Open, Opened, Read, ReadLink, RealPath,
        Remove, RemoveAttribute, Rename, Seek, SetAttribute, SetTime, Stat, StatFs, SymbolicLink, Synchronise,
        TestLock, Timestamp, Which, Write,
    },
    incoming::{
        Filter as HttpFilter, Incoming, Means, Mode, Probes, Subscribe, SubscribeError, Subscribed, Verdict,
        filter::{Condition, Limits},
    },
    interface::{Interface, InterfaceAddress, ListInterfaces},
    link::{HeldConnect, Listen, LoopbackRoute, Names, OpenedFile, ToLayer, ToSession},
    operation::Operation,
    outgoing::{Connect, Connected},
    policy::{Destination, FileMode, FilePolicy, Filter, Host, IncomingPolicy, LaunchPolicy, OutgoingPolicy, Policy},
};

struct Book(String);

impl Book {
    fn note(&mut self, name: &str, message: &impl Encode) {
        let bytes = encode(message).expect("small");
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes everything");
            hex
        });
        writeln!(self.0, "{name}: {hex}").expect("a String takes everything");
    }
}

fn v4(last: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(10, 0, 0, last), port).into()
}

fn metadata() -> Metadata {
    let time = Timestamp { seconds: 1_700_000_000, nanoseconds: 5 };
    Metadata {
        dev: 1,
        ino: 2,
        mode: 0o100_644,
        nlink: 1,
        uid: 1000,
        gid: 1000,
        rdev: 0,
        size: 300,
        blksize: 4096,
        blocks: 8,
        atime: time,
        mtime: time,
        ctime: time,
    }
}

fn policy() -> Policy {
    Policy {
        files: FilePolicy {
            mode: FileMode::Read,
            not_found: vec!["a".to_owned()],
            read_write: Vec::new(),
            read_only: vec!["b".to_owned()],
            local: vec!["c".to_owned()],
            mapping: vec![("d".to_owned(), "e".to_owned())],
            resolver_files_remote: true,
            home: b"/home/me".to_vec(),
            temporary: b"/tmp".to_vec(),
            working: b"/w".to_vec(),
            launched: vec![b"/w/app".to_vec()],
            target_root: vec![b"app".to_vec()],
        },
        remote_dns: true,
        dns_filter: Some(Filter {
            lists_remote: true,
            entries: vec![Destination { host: Host::Name("db".to_owned()), port: None, tcp: true }],
        }),
        outgoing: OutgoingPolicy { tcp: true, filter: None, ignore_localhost: false, hold_port: 40_000, relay_port: 0 },
        incoming: IncomingPolicy {
            enabled: true,
            ignore_localhost: false,
            ports: Some(vec![80]),
            ignore_ports: vec![9229],
            port_mapping: vec![(8080, 80)],
            listen_ports: vec![(80, 8080)],
            debugger_ports: vec![(45_000, 65_535)],
        },
        host_name: Some(b"pod".to_vec()),
        skip_processes: vec!["git".to_owned()],
        launch: LaunchPolicy { launcher: b"/l".to_vec(), strict: false, load_environment: true },
        files_device: 44,
    }
}

fn layer_and_session(book: &mut Book) {
    let hello =
        ToSession::Hello { version: PROTOCOL_VERSION, secret: [7; 16], first: true, executable: b"/bin/x".to_vec() };
    book.note("layer hello", &hello);
    book.note("layer operation", &ToSession::Operation(vec![1, 2]));
    let open = Open { path: b"/etc/x".to_vec(), flags: 0, mode: 0 };
    book.note("layer open", &ToSession::Open(open));
    book.note("layer environment", &ToSession::Environment);
    book.note("layer supervise", &ToSession::Supervise { executable: b"/bin/x".to_vec() });
    let held = HeldConnect {
        token: Ipv4Addr::new(127, 1, 2, 3),
        program: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5000),
        destination: v4(1, 80),
        early: true,
    };
    book.note("layer connect", &ToSession::Connect(held));
    book.note("layer loopback", &ToSession::Loopback((Ipv4Addr::LOCALHOST, 80).into()));
    book.note("layer listen", &ToSession::Listen(Listen { requested: v4(0, 80), actual: v4(0, 8080) }));
    book.note("layer names", &ToSession::Names { peer: SocketAddrV4::new(Ipv4Addr::new(127, 1, 2, 3), 5000) });
    book.note("layer bound", &ToSession::Bound(v4(0, 8080)));
    book.note("layer name server", &ToSession::NameServer(v4(10, 53)));
    book.note("layer synchronise", &ToSession::Synchronise { copy: 300, lasting: true });
    book.note("session welcome", &ToLayer::Welcome(Some(Box::new(policy()))));
    book.note("session refused", &ToLayer::Refused("no".to_owned()));
    book.note("session answer", &ToLayer::Answer(vec![1]));
    let file = OpenedFile { metadata: metadata(), copy: true };
    book.note("session opened", &ToLayer::Opened(Ok(file)));
    book.note("session environment", &ToLayer::Environment);
    book.note("session supervised", &ToLayer::Supervised(Err(Errno(16))));
    book.note("session loopback", &ToLayer::Loopback(LoopbackRoute::Local(v4(1, 1))));
    book.note("session loopback remote", &ToLayer::Loopback(LoopbackRoute::Remote));
    book.note("session listening", &ToLayer::Listening(Err(Errno::EADDRINUSE)));
    book.note("session names", &ToLayer::Names(Some(Names { local: v4(1, 1), peer: v4(2, 2) })));
    book.note("session bound", &ToLayer::Bound(None));
    book.note("session name server", &ToLayer::NameServer(Some(SocketAddrV4::new(Ipv4Addr::new(127, 1, 2, 3), 5353))));
    book.note("session synchronised", &ToLayer::Synchronised(Ok(Some(metadata()))));
}

fn filter() -> HttpFilter {
    let text = str::to_owned;
    HttpFilter {
        conditions: vec![
            Condition::Header(text("a")),
            Condition::HeaderJq(text("b")),
            Condition::Path(text("c")),
            Condition::Method(text("d")),
            Condition::Body { query: text("e"), matches: Some(text("f")) },
        ],
        all: true,
        limits: Limits { body_bytes: 65_535, body_ms: 1000, jq_ms: 500 },
    }
}

fn session_and_agent(book: &mut Book) {
    let resume = Some(Resume { session: 3 });
    book.note("hello", &Hello { version: PROTOCOL_VERSION, client: "me@here".to_owned(), lease_ms: 20_000, resume });
    book.note("welcome", &Welcome { version: PROTOCOL_VERSION, session: 4, resumed: false });
    book.note("open operation", &StreamHead::Operation(vec![1]));
    book.note("open connect", &StreamHead::Connect(Connect { destination: v4(1, 443) }));
    let spared = Probes { any: true, grpc: false, https: true };
    let subscribe = Subscribe { port: 80, mode: Mode::Steal, spared, filter: None };
    book.note("open subscribe", &StreamHead::Subscribe(subscribe.clone()));
    let subscribe = Subscribe { filter: Some(filter()), ..subscribe };
    book.note("open subscribe filtered", &StreamHead::Subscribe(subscribe));
    let incoming = Incoming { port: 80, mode: Mode::Mirror, peer: v4(9, 40_000), local: v4(1, 80), filtered: true };
    book.note("open incoming", &StreamHead::Incoming(incoming));
    book.note("connected", &Ok::<_, Errno>(Connected { local: v4(1, 33_000) }));
    let subscribed = Subscribed { means: Means::SkLookup, target_listens: true };
    book.note("subscribed", &Ok::<_, SubscribeError>(subscribed));
    book.note("taken", &Err::<Subscribed, _>(SubscribeError::Taken { owner: "you@there".to_owned(), filtered: true }));
    book.note("other agent", &Err::<Subscribed, _>(SubscribeError::OtherAgent));
    book.note("filter refused", &Err::<Subscribed, _>(SubscribeError::Filter("why".to_owned())));
    book.note("verdict", &Verdict::PassThrough);
}

fn operations(book: &mut Book) {
    let (path, handle) = (b"/etc/x".to_vec(), Handle(3));
    let file = Which::Path { path: path.clone(), follow: true };
    for operation in [
        Operation::from(Open { path: path.clone(), flags: 0o100, mode: 0o644 }),
        Operation::from(Read { handle, offset: 1, len: 2 }),
        Operation::from(Write { handle, offset: 1, data: vec![9] }),
        Operation::from(List { handle }),
        Operation::from(Synchronise { handle, data_only: true }),
        Operation::from(Close { handle }),
        Operation::from(Allocate { handle, mode: 1, offset: 2, len: 3 }),
        Operation::from(Seek { handle, offset: 1, data: true }),
        Operation::from(Lock { handle, owner: 1, kind: LockKind::Shared, range: Some((1, 2)), wait: true }),
        Operation::from(TestLock { handle, owner: 1, kind: LockKind::Exclusive, range: (1, 0) }),
        Operation::from(Stat { file: file.clone() }),
        Operation::from(Change {
            file: Which::Open(handle),
            mode: Some(0o600),
            uid: None,
            gid: Some(5),
            size: Some(7),
            atime: SetTime::Now,
            mtime: SetTime::At(metadata().mtime),
        }),
        Operation::from(Access { path: path.clone(), mode: 4, follow: true }),
        Operation::from(ReadLink { path: path.clone() }),
        Operation::from(RealPath { path: path.clone() }),
        Operation::from(MakeDirectory { path: path.clone(), mode: 0o755 }),
        Operation::from(MakeNode { path: path.clone(), mode: 0o010_644 }),
        Operation::from(Remove { path: path.clone(), directory: true }),
        Operation::from(Rename { from: path.clone(), to: path.clone(), flags: 1 }),
        Operation::from(HardLink { file: file.clone(), to: path.clone() }),
        Operation::from(SymbolicLink { text: b"t".to_vec(), path }),
        Operation::from(StatFs { file: file.clone() }),
        Operation::from(GetAttribute { file: file.clone(), name: b"user.a".to_vec() }),
        Operation::from(ListAttributes { file: file.clone() }),
        Operation::from(SetAttribute { file: file.clone(), name: b"user.a".to_vec(), value: vec![1], flags: 1 }),
        Operation::from(RemoveAttribute { file, name: b"user.a".to_vec() }),
        Operation::from(ReadEnvironment),
        Operation::from(Lookup { name: "api.shop".to_owned(), family: Family::Any }),
        Operation::from(Query { server: v4(10, 53), message: vec![1, 2] }),
        Operation::from(Reverse { address: v4(10, 0).ip() }),
        Operation::from(ListInterfaces),
    ] {
        book.note(operation.name(), &operation);
    }
    for content in [Content::Whole, Content::Beginning(handle), Content::Listing(handle)] {
        let opened = Opened { metadata: metadata(), path: b"/x".to_vec(), content };
        book.note("opened", &Ok::<_, Errno>(opened));
    }
    book.note("not opened", &Err::<Opened, _>(Errno::ENOENT));
    let held = HeldLock { kind: LockKind::Unlocked, range: (1, 2), pid: 3 };
    book.note("held lock", &Ok::<_, Errno>(Some(held)));
    let status = FsStatus {
        kind: 1,
        bsize: 2,
        blocks: 3,
        bfree: 4,
        bavail: 5,
        files: 6,
        ffree: 7,
        namelen: 8,
        frsize: 9,
        flags: 10,
    };
    book.note("file system", &Ok::<_, Errno>(status));
    book.note("query answer", &Ok::<_, Errno>(QueryAnswer { message: vec![3] }));
    book.note(
        "environment answer",
        &Ok::<_, Errno>(Environment { host_name: b"pod".to_vec(), root: vec![b"etc".to_vec(), b"app".to_vec()] }),
    );
    let found = LookupAnswer::Found { addresses: vec![Ipv4Addr::new(10, 0, 0, 1).into()], canonical: "api".to_owned() };
    book.note("lookup answer", &Ok::<_, Errno>(found));
    book.note("reverse answer", &Ok::<_, Errno>(ReverseAnswer::Found { names: vec!["api".to_owned()] }));
    let link = InterfaceAddress::Link { index: 2, kind: 1, hardware: Some([2, 0, 0, 0, 0, 1]) };
    let internet =
        InterfaceAddress::Internet { address: v4(1, 0).ip(), scope: 0, prefix: 24, other: Some(v4(255, 0).ip()) };
    let interfaces = [link, internet].map(|address| Interface { name: b"eth0".to_vec(), flags: 0x1003, address });
    book.note("interfaces", &Ok::<_, Errno>(interfaces.to_vec()));
}

#[test]
fn messages_keep_their_bytes() {
    let mut book = Book(format!("version: {PROTOCOL_VERSION}\n"));
    layer_and_session(&mut book);
    session_and_agent(&mut book);
    operations(&mut book);
    expect_file!["golden.txt"].assert_eq(&book.0);
}

#[test]
fn a_message_over_the_limit_is_not_encoded() {
    use mirrord_protocol::codec::{EncodeError, MESSAGE_LIMIT};
    let path = vec![b'a'; MESSAGE_LIMIT + 1];
    assert!(matches!(encode(&ReadLink { path }), Err(EncodeError::TooLarge(_) | EncodeError::Unencodable(_))));
}

proptest::proptest! {
    /// Hostile bytes are refused, never a panic and never a large allocation.
    #[test]
    fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
        use mirrord_protocol::codec::decode;
        drop(decode::<ToSession>(&bytes));
        drop(decode::<ToLayer>(&bytes));
        drop(decode::<StreamHead>(&bytes));
        drop(decode::<Operation>(&bytes));
        drop(decode::<Hello>(&bytes));
        drop(decode::<Result<Subscribed, SubscribeError>>(&bytes));
    }

    /// What was cut off is refused, too.
    #[test]
    fn truncated_messages_fail(cut in 0..60_usize) {
        use mirrord_protocol::codec::decode;
        let bytes = encode(&ToLayer::Welcome(Some(Box::new(policy())))).expect("small");
        proptest::prop_assert!(decode::<ToLayer>(&bytes[..cut]).is_err());
    }
}
