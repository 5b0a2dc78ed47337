mod name_server;

use std::fmt::Write;

use expect_test::{Expect, expect};
use hickory_proto::op::{Message, MessageType, OpCode};
use tokio::{net::UdpSocket, task::JoinSet};

use self::name_server::{SERVER, name_server};
use super::*;
use crate::namespace::in_pod;

/// Looks names up in a pod with these lines in its `resolv.conf`; a query is a name, and `4` or `6` for one family.
fn check(resolv_conf: &'static str, queries: &'static [&'static str], expected: Expect) {
    in_pod(move || async move {
        let mut tasks = JoinSet::new();
        name_server(&mut tasks).await;
        let texts = Texts {
            hosts: b"127.0.0.1 localhost\n10.1.0.10 web-0\n".to_vec(),
            resolv_conf: resolv_conf.as_bytes().to_vec(),
        };
        let resolver = Resolver::default();
        let mut lines = String::new();
        for query in queries {
            let (name, family) = match query.rsplit_once(' ') {
                Some((name, "4")) => (name, Family::V4),
                Some((name, "6")) => (name, Family::V6),
                _ => (*query, Family::Any),
            };
            let lookup = Lookup { name: name.to_owned(), family };
            let answer = match resolver.lookup(texts.clone(), &lookup).await {
                LookupAnswer::Found { addresses, canonical } if addresses.len() > 4 => {
                    format!("{canonical}: {} addresses", addresses.len())
                }
                LookupAnswer::Found { addresses, canonical } => {
                    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                    format!("{canonical}: {}", addresses.join(" "))
                }
                other => format!("{other:?}"),
            };
            writeln!(lines, "{query} -> {answer}").expect("memory");
        }
        expected.assert_eq(&lines);
    });
}

const POD: &str = "search demo.svc.cluster.local cluster.local\nnameserver 127.0.0.1\noptions ndots:5";

#[test]
fn names_are_resolved_as_the_target_would() {
    let queries = &[
        "backend",
        "backend 6",
        "my_db",
        "my_db 6",
        "alias.",
        "alias",
        "empty",
        "nowhere",
        "broken.",
        "refused.",
        "large.",
    ];
    check(
        POD,
        queries,
        expect![[r"
        backend -> backend.demo.svc.cluster.local: 10.0.0.1 10.0.0.2 fd00::1
        backend 6 -> backend.demo.svc.cluster.local: fd00::1
        my_db -> my_db.demo.svc.cluster.local: 10.0.0.3
        my_db 6 -> NoData
        alias. -> real.example: 10.0.0.4
        alias -> real.example: 10.0.0.4
        empty -> NoData
        nowhere -> NoName
        broken. -> TryAgain
        refused. -> TryAgain
        large. -> large: 200 addresses
    "]],
    );
}

#[test]
fn some_names_need_no_server() {
    let queries = &["web-0", "WEB-0.", "localhost", "x.localhost.", "10.0.0.9", "::1 4"];
    check(
        "",
        queries,
        expect![[r"
        web-0 -> web-0: 10.1.0.10
        WEB-0. -> web-0: 10.1.0.10
        localhost -> localhost: 127.0.0.1
        x.localhost. -> localhost: 127.0.0.1 ::1
        10.0.0.9 -> 10.0.0.9: 10.0.0.9
        ::1 4 -> NoData
    "]],
    );
}

#[test]
fn the_next_server_is_asked_when_one_is_silent() {
    let dead_first = "nameserver 127.0.0.9\nnameserver 127.0.0.1\noptions timeout:1";
    check(
        dead_first,
        &["alias."],
        expect![[r"
        alias. -> real.example: 10.0.0.4
    "]],
    );
    check(
        "nameserver 127.0.0.9\noptions timeout:1 attempts:1",
        &["alias."],
        expect![[r"
        alias. -> TryAgain
    "]],
    );
    check(
        "nameserver 127.0.0.9\nnameserver 127.0.0.1\noptions use-vc rotate",
        &["alias."],
        expect![[r"
        alias. -> real.example: 10.0.0.4
    "]],
    );
}

#[tokio::test]
async fn nonsense_is_no_name() {
    let texts = Texts { hosts: vec![], resolv_conf: vec![] };
    for name in ["", ".", "a..b", "with space", "nul\0", &"x".repeat(64), &"ab.".repeat(100)] {
        let lookup = Lookup { name: name.to_owned(), family: Family::Any };
        assert_eq!(Resolver::default().lookup(texts.clone(), &lookup).await, LookupAnswer::NoName, "{name:?}");
    }
}

#[tokio::test]
async fn the_files_are_those_of_the_root() {
    let root = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(root.path().join("etc")).expect("mkdir");
    std::fs::write(root.path().join("etc/hosts"), "10.1.0.11 db\n").expect("write");
    let fd: OwnedFd = std::fs::File::open(root.path()).expect("open").into();
    let resolver = Resolver::default();
    let lookup = Lookup { name: "db".to_owned(), family: Family::Any };
    let found = |last| LookupAnswer::Found { addresses: vec![[10, 1, 0, last].into()], canonical: "db".to_owned() };
    assert_eq!(resolver.lookup(Texts::read(&fd), &lookup).await, found(11));
    std::fs::write(root.path().join("etc/hosts"), "10.1.0.12 db\n").expect("write");
    assert_eq!(resolver.lookup(Texts::read(&fd), &lookup).await, found(12));
}

/// Sends a question for A records of `name` to `server`; says what came back.
async fn asked(server: &str, texts: Option<&Texts>, name: &str) -> String {
    let mut question = Message::new(7, MessageType::Query, OpCode::Query);
    question.add_query(hickory_proto::op::Query::query(Name::from_ascii(name).expect("a name"), RecordType::A));
    let message = question.to_vec().expect("encodable");
    let request = protocol::dns::Query { server: server.parse().expect("an address"), message };
    assert_eq!(query::is_for_own(&request), texts.is_some());
    match query::query(request, texts.cloned()).await {
        Ok(answer) => {
            let answer = Message::from_vec(&answer.message).expect("an answer");
            let cut = if answer.metadata.truncation { " truncated" } else { "" };
            format!("{:?}, {} answers{cut}", answer.metadata.response_code, answer.answers.len())
        }
        Err(errno) => format!("errno {}", errno.0),
    }
}

#[test]
fn messages_of_the_program_reach_the_server_that_it_names() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        name_server(&mut tasks).await;
        assert_eq!(asked(SERVER, None, "alias.").await, "NoError, 2 answers");
        assert_eq!(asked(SERVER, None, "nowhere.").await, "NXDomain, 0 answers");
        assert_eq!(asked(SERVER, None, "large.").await, "NoError, 0 answers truncated");
        assert_eq!(asked("127.0.0.9:53", None, "alias.").await, "errno 111", "the network's word");
        assert_eq!(asked("198.18.9.9:53", None, "alias.").await, "errno 101", "no way there");
        let silent = UdpSocket::bind("127.0.0.8:53").await.expect("a namespace of our own");
        assert_eq!(asked("127.0.0.8:53", None, "alias.").await, "errno 110");
        drop(silent);
        let short = protocol::dns::Query { server: SERVER.parse().expect("an address"), message: vec![0; 11] };
        assert_eq!(query::query(short, None).await, Err(protocol::Errno(libc::EMSGSIZE)));
    });
}

#[test]
fn messages_to_nobody_reach_the_targets_own_servers() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        name_server(&mut tasks).await;
        let resolv_conf = b"nameserver 127.0.0.9\nnameserver 127.0.0.1\noptions timeout:1 attempts:1".to_vec();
        let texts = Texts { hosts: vec![], resolv_conf };
        assert_eq!(asked("0.0.0.0:0", Some(&texts), "alias.").await, "NoError, 2 answers");
        assert_eq!(asked("0.0.0.0:53", Some(&texts), "large.").await, "NoError, 200 answers", "over TCP");
        assert_eq!(asked("0.0.0.0:0", Some(&texts), "broken.").await, "ServFail, 0 answers", "when all of them fail");
        let texts = Texts { hosts: vec![], resolv_conf: b"nameserver 127.0.0.9\noptions attempts:1".to_vec() };
        assert_eq!(asked("0.0.0.0:0", Some(&texts), "alias.").await, "errno 111");
    });
}

#[test]
fn addresses_have_the_names_that_the_target_finds() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        name_server(&mut tasks).await;
        let texts = Texts { hosts: b"10.1.0.10 web-0.demo web-0\n".to_vec(), resolv_conf: POD.as_bytes().to_vec() };
        let resolver = Resolver::default();
        let mut lines = String::new();
        for address in [
            "10.1.0.10",
            "::ffff:10.1.0.10",
            "10.0.0.1",
            "::ffff:10.0.0.1",
            "10.0.0.2",
            "10.0.0.3",
            "10.0.0.4",
            "fd00::1",
        ] {
            let found = resolver.names_of(texts.clone(), address.parse().expect("an address")).await;
            writeln!(lines, "{address} -> {found:?}").expect("memory");
        }
        expect![[r#"
            10.1.0.10 -> Found { names: ["web-0.demo", "web-0"] }
            ::ffff:10.1.0.10 -> Found { names: ["web-0.demo", "web-0"] }
            10.0.0.1 -> Found { names: ["backend.demo.svc.cluster.local", "other.example"] }
            ::ffff:10.0.0.1 -> Found { names: ["backend.demo.svc.cluster.local", "other.example"] }
            10.0.0.2 -> TryAgain
            10.0.0.3 -> NoName
            10.0.0.4 -> NoName
            fd00::1 -> NoName
        "#]]
        .assert_eq(&lines);
    });
}
