//! Names, resolved in the target.

use std::process::Command;

use expect_test::expect;

use crate::program::{c, inject, output_of, python, run};
use crate::session::{Session, policy};

#[test]
fn every_way_of_c_asks_the_target() {
    let session = Session::start();
    let mut command = Command::new(c("names"));
    // glibc checks each free, and fills what is freed.
    inject(&mut command, &session).env("MALLOC_CHECK_", "3").env("MALLOC_PERTURB_", "165");
    expect![[r#"
        db 80 0 1 0: 10.1.2.3/80/1 fd00::3/80/1
        db 80 0 0 0: 10.1.2.3/80/1 10.1.2.3/80/2 10.1.2.3/80/3 fd00::3/80/1 fd00::3/80/2 fd00::3/80/3
        db - 2 2 0x2: 10.1.2.3/0/2(db.default.svc.cluster.local)
        db https 10 1 0x20: fd00::3/443/1
        under_score 1 2 1 0: 10.1.2.3/1/1
        four 1 10 1 0: No address associated with hostname
        four 1 10 1 0x8: ::ffff:10.1.2.3/1/1
        db 1 10 1 0x18: fd00::3/1/1 ::ffff:10.1.2.3/1/1
        nobody 1 0 1 0: Name or service not known
        again 1 0 1 0: Temporary failure in name resolution
        fail 1 0 1 0: Name or service not known
        db no-such-service 0 1 0: Servname not supported for ai_socktype
        db http 0 1 0x400: Name or service not known
        db 1 99 1 0: ai_family not supported
        127.1 80 0 1 0: 127.0.0.1/80/1
        1.2.3.4 80 0 1 0x4: 1.2.3.4/80/1
        db 80 0 1 0x4: Name or service not known
        ::1 80 0 1 0: ::1/80/1
        - 80 2 1 0x1: 0.0.0.0/80/1
        gethostbyname db.default.svc.cluster.local 10.1.2.3
        gethostbyname2 db.default.svc.cluster.local fd00::3
        gethostbyname error 1
        gethostbyname 1.2.3.4 1.2.3.4
        gethostbyname_r: 34 1
        gethostbyname_r: 0 db.default.svc.cluster.local 10.1.2.3
        gethostbyname_r: 0 1 1
        freed
    "#]]
    .assert_eq(&output_of(&mut command));
}

#[test]
fn addresses_have_the_names_that_the_target_finds_and_interfaces_are_the_targets() {
    let mut policy = policy();
    policy.host_name = Some(b"web-0.shop.svc".to_vec());
    let session = Session::with(policy, None);
    let mut command = Command::new(c("reverse"));
    inject(&mut command, &session).env("MALLOC_CHECK_", "3").env("MALLOC_PERTURB_", "165");
    expect![[r#"
        10.1.2.3 64 0: db.shop.svc https
        10.1.2.3 64 0xa: db.shop.svc 443
        ::ffff:10.1.2.3 64 0x8: db.shop.svc https
        10.1.2.3 64 0x4: db https
        10.1.2.3 12 0: db.shop.svc https
        10.1.2.3 11 0: error -12
        10.1.2.3 64 0x1: 10.1.2.3 https
        10.1.2.3 0 0: - https
        10.1.2.3 64 0x4000: error -1
        10.1.2.9 64 0: 10.1.2.9 https
        10.1.2.9 64 0x8: error -2
        10.1.2.8 64 0: error -3
        fd00::3 64 0: fd00::3 https
        without a service: 0 db.shop.svc
        gethostbyaddr: db.shop.svc or db 10.1.2.3 4
        gethostbyaddr: db.shop.svc or db ::ffff:10.1.2.3 16
        gethostbyaddr: error 1
        gethostbyaddr: error 2
        gethostbyaddr_r: 34 1
        0 gethostbyaddr_r: db.shop.svc or db 10.1.2.3 4
        gethostbyaddr_r: 0 1 1
        lo 0x49 address 1 kind 772:00:00:00:00:00:00 other 1 kind 772:00:00:00:00:00:00
        eth0 0x1043 address 2 kind 1:02:00:00:00:00:09 other 2 kind 1:ff:ff:ff:ff:ff:ff
        lo 0x49 address 127.0.0.1 mask 255.0.0.0 other 127.0.0.1
        eth0 0x1043 address 10.1.0.2 mask 255.255.252.0 other 10.1.3.255
        eth0 0x1043 address fe80::9%2 mask ffff:ffff:ffff:ffff::%0
        a-name-that-is- 0x91 address 10.9.0.1 mask 255.255.255.255 other 10.9.0.2
        1 lo: 1 lo
        2 eth0: 2 eth0
        no such name: 0 19
        no such index: 0 6
    "#]]
    .assert_eq(&output_of(&mut command));
    expect![[r#"
        reverse 10.1.2.3
        reverse 10.1.2.3
        reverse 10.1.2.3
        reverse 10.1.2.3
        reverse 10.1.2.3
        reverse 10.1.2.3
        reverse 10.1.2.9
        reverse 10.1.2.9
        reverse 10.1.2.8
        reverse fd00::3
        reverse 10.1.2.3
        reverse 10.1.2.3
        reverse 10.1.2.3
        reverse 10.1.2.9
        reverse 10.1.2.8
        reverse 10.1.2.3
        reverse 10.1.2.3
        reverse 10.1.2.9"#]]
    .assert_eq(&session.seen("reverse").join("\n"));
}

#[test]
fn addresses_have_this_machines_names_where_the_rules_for_names_say_so() {
    let mut policy = policy();
    let host = protocol::policy::Host::Name("3.2.1.10.in-addr.arpa".to_owned());
    let entry = protocol::policy::Destination { host, port: None, tcp: true };
    policy.dns_filter = Some(protocol::policy::Filter { lists_remote: true, entries: vec![entry] });
    policy.outgoing.tcp = false;
    let session = Session::with(policy, None);
    let script = r"
import socket
print(socket.getnameinfo(('10.1.2.3', 80), socket.NI_NUMERICSERV), socket.gethostbyaddr('10.1.2.3'))
socket.getnameinfo(('127.0.0.1', 80), 0)
";
    expect![[r#"
        ('db.shop.svc', '80') ('db.shop.svc', ['db'], ['10.1.2.3'])
    "#]]
    .assert_eq(&python(&session, script));
    expect![[r#"
        reverse 10.1.2.3
        reverse 10.1.2.3"#]]
    .assert_eq(&session.seen("reverse").join("\n"));
}

#[test]
fn names_stay_here_when_dns_is_off() {
    let mut policy = policy();
    policy.remote_dns = false;
    let session = Session::with(policy, None);
    python(&session, "import socket\ntry: socket.getaddrinfo('localhost', 80)\nexcept OSError: pass");
    assert!(session.seen("lookup").is_empty());
}

#[test]
fn questions_to_a_name_server_go_to_the_session_and_answers_come_from_the_server() {
    let session = Session::start();
    expect![[r#"
        recvfrom: ok re:one from 10.96.0.10:53 len 16
        the message keeps its address: 1
        recvmsg: ok re:two from 10.96.0.10:53 len 16
        sendmmsg 2, lengths 3 3
        recvmmsg: ok re:two from 10.96.0.10:53 len 16
        little room: 6, family 2, length 16
        connect 0
        connected: ok re:three from 10.96.0.10:53 len 16
        getpeername: ok  from 10.96.0.10:53 len 16
        recvfrom: ok re:one from ::ffff:10.96.0.10:53 len 28
        the message keeps its address: 1
        recvmsg: ok re:two from ::ffff:10.96.0.10:53 len 28
        sendmmsg 2, lengths 3 3
        recvmmsg: ok re:two from ::ffff:10.96.0.10:53 len 28
        little room: 6, family 10, length 28
        connect 0
        connected: ok re:three from ::ffff:10.96.0.10:53 len 28
        getpeername: ok  from ::ffff:10.96.0.10:53 len 28
        recvfrom: ok re:one from fd00::a:53 len 28
        the message keeps its address: 1
        recvmsg: ok re:two from fd00::a:53 len 28
        sendmmsg 2, lengths 3 3
        recvmmsg: ok re:two from fd00::a:53 len 28
        little room: 6, family 10, length 28
        connect 0
        connected: ok re:three from fd00::a:53 len 28
        getpeername: ok  from fd00::a:53 len 28
        fast open: EOPNOTSUPP
        elsewhere: self, as sent 1
    "#]]
    .assert_eq(&run(&session, &c("datagrams"), &[]));
    let seen = session.seen("name server");
    assert!(seen.iter().any(|line| line == "name server 10.96.0.10:53"), "{seen:?}");
    assert!(seen.iter().any(|line| line == "name server [fd00::a]:53"), "{seen:?}");
}

#[test]
fn questions_stay_here_while_names_do() {
    let mut policy = policy();
    policy.remote_dns = false;
    let session = Session::with(policy, None);
    let script = r"
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('10.96.0.10', 53)); print(s.getpeername())
";
    // Where there is no route, the kernel says so.
    let said = python(&session, script);
    assert!(said.contains("10.96.0.10") || said.contains("unreachable"), "{said}");
    assert!(session.seen("name server").is_empty());
}

#[test]
fn libcs_resolver_library_asks_the_targets_servers() {
    let session = Session::start();
    session.state.target.put("/etc/resolv.conf", b"search shop.svc cluster\nnameserver 10.96.0.10\noptions ndots:2\n");
    expect![[r#"
        query db.svc: 40 bytes, 1 answers, truncated 0
        search db.svc: 49 bytes, 1 answers, truncated 0
        query db: -1, h_errno 1
        search db: 45 bytes, 1 answers, truncated 0
        query empty.cluster: -1, h_errno 4
        search empty.cluster: 56 bytes, 1 answers, truncated 0
        query nobody.example: -1, h_errno 1
        search nobody.example: 57 bytes, 1 answers, truncated 0
        query silent.svc: -1, h_errno 2
        search silent.svc: -1, h_errno 2
        query : -1, h_errno 3
        search : -1, h_errno 3
        little room: 40 bytes, 1 answers, truncated 1
        nquery: 40 bytes, 1 answers, truncated 0
        nsearch: 45 bytes, 1 answers, truncated 0
        querydomain: 40 bytes, 1 answers, truncated 0
        querydomain without one: 40 bytes, 1 answers, truncated 0
        nquerydomain: 40 bytes, 1 answers, truncated 0
        nquerydomain: -1, h_errno 4
          of the state: 4
        nquerydomain: -1, h_errno 1
          of the state: 1
        nquery: -1, h_errno 4
          of the state: 4
        nsearch: -1, h_errno 2
          of the state: 2
        send: 40 bytes, 1 answers, truncated 0
        nsend: 40 bytes, 1 answers, truncated 0
        the same identifier: 1
    "#]]
    .assert_eq(&run(&session, &c("resolver"), &[]));
    expect![[r#"
        query 0.0.0.0:0 \x02db\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x02db\x03svc\x04shop\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x02db\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x02db\x04shop\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x05empty\x07cluster\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x05empty\x07cluster\x04shop\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x06nobody\x07example\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x06nobody\x07example\x04shop\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x06silent\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x06silent\x03svc\x04shop\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x06silent\x03svc\x07cluster\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x06silent\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x02db\x03svc\x00\x00!\x00\x01
        query 0.0.0.0:0 \x02db\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x02db\x04shop\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x02db\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x02db\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x02db\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x05empty\x07cluster\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x06nobody\x07example\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x05empty\x07cluster\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x06silent\x03svc\x04shop\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x06silent\x03svc\x07cluster\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x06silent\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x02db\x03svc\x00\x00\x01\x00\x01
        query 0.0.0.0:0 \x02db\x03svc\x00\x00\x01\x00\x01"#]]
    .assert_eq(&session.seen("query").join("\n"));
}
