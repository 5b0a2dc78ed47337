use std::{fs, net::SocketAddr};

use expect_test::{Expect, expect};
use hickory_resolver::proto::{
    op::{Message, MessageType, OpCode},
    rr::{RData, Record, rdata},
};
use tokio::net::UdpSocket;

use super::*;

/// Answers of the fake name server: name, and what it says.
fn zone(name: &str, kind: RecordType) -> Result<Vec<RData>, ResponseCode> {
    let v4 = |last| RData::A(rdata::A::new(10, 0, 0, last));
    let v6 = || RData::AAAA(rdata::AAAA::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));
    match (name, kind) {
        ("backend.demo.svc.cluster.local.", RecordType::A) => Ok(vec![v4(1), v4(2)]),
        ("backend.demo.svc.cluster.local.", _) => Ok(vec![v6()]),
        ("my_db.demo.svc.cluster.local.", RecordType::A) => Ok(vec![v4(3)]),
        ("my_db.demo.svc.cluster.local." | "empty.", _) => Ok(vec![]),
        ("alias.", RecordType::A) => {
            Ok(vec![RData::CNAME(rdata::CNAME(Name::from_ascii("real.example.").expect("a name"))), v4(4)])
        }
        ("broken.", _) => Err(ResponseCode::ServFail),
        ("refused.", _) => Err(ResponseCode::Refused),
        _ => Err(ResponseCode::NXDomain),
    }
}

/// A name server on loopback; gives its address. Ends with the runtime.
async fn name_server(tasks: &mut tokio::task::JoinSet<()>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
    let address = socket.local_addr().expect("bound");
    tasks.spawn(async move {
        let mut buffer = [0; 1500];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await.expect("recv");
            let request = Message::from_vec(&buffer[..len]).expect("a query");
            let query = request.queries[0].clone();
            let mut answer = Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
            answer.add_query(query.clone());
            match zone(&query.name().to_ascii().to_lowercase(), query.query_type()) {
                Err(code) => answer.metadata.response_code = code,
                Ok(records) => {
                    let mut owner = query.name().clone();
                    for data in records {
                        let next = if let RData::CNAME(to) = &data { Some(to.0.clone()) } else { None };
                        answer.add_answer(Record::from_rdata(owner.clone(), 30, data));
                        owner = next.unwrap_or(owner);
                    }
                }
            }
            socket.send_to(&answer.to_vec().expect("encodable"), from).await.expect("send");
        }
    });
    address
}

async fn check(name: &str, family: Family, expected: Expect) {
    let root = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(root.path().join("etc")).expect("mkdir");
    fs::write(root.path().join("etc/hosts"), "127.0.0.1 localhost\n10.1.0.10 web-0\n").expect("write");
    let mut tasks = tokio::task::JoinSet::new();
    let server = name_server(&mut tasks).await;
    let text =
        "search demo.svc.cluster.local cluster.local\nnameserver 127.0.0.1\noptions ndots:5 timeout:1 attempts:1";
    let conf = ResolvConf::parse(text.as_bytes());
    let resolver = Resolver::default();
    let fd: OwnedFd = fs::File::open(root.path()).expect("open").into();
    // The file cannot name a port: the client is built for the fake server's.
    let mut udp = ConnectionConfig::udp();
    udp.port = server.port();
    let config = ResolverConfig::from_parts(None, vec![], vec![NameServerConfig::new(server.ip(), true, vec![udp])]);
    let mut options = ResolverOpts::default();
    options.timeout = Duration::from_secs(1);
    options.cache_size = 0;
    let client = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .expect("a resolver");
    let hosts_text = files::read_small(&fd, "/etc/hosts", FILE_LIMIT).expect("readable");
    let hosts = Hosts::parse(&hosts_text);
    *resolver.kept.lock().expect("free") = Some(Arc::new(Setup { hosts_text, conf_text: vec![], hosts, conf, client }));
    let answer = resolver.lookup(&fd, &Lookup { name: name.to_owned(), family }).await;
    expected.assert_eq(&match answer {
        LookupAnswer::Found { addresses, canonical } => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            format!("{canonical}: {}", addresses.join(" "))
        }
        other => format!("{other:?}"),
    });
}

#[tokio::test]
async fn names_are_resolved_as_the_target_would() {
    let any = Family::Any;
    check("backend", any, expect!["backend.demo.svc.cluster.local: 10.0.0.1 10.0.0.2 fd00::1"]).await;
    check("backend", Family::V6, expect!["backend.demo.svc.cluster.local: fd00::1"]).await;
    check("my_db", any, expect!["my_db.demo.svc.cluster.local: 10.0.0.3"]).await;
    check("my_db", Family::V6, expect!["NoData"]).await;
    check("alias.", any, expect!["real.example: 10.0.0.4"]).await;
    check("empty", any, expect!["NoData"]).await;
    check("nowhere", any, expect!["NoName"]).await;
    check("broken.", any, expect!["TryAgain"]).await;
    check("refused.", any, expect!["Fail"]).await;
}

#[tokio::test]
async fn some_names_need_no_server() {
    check("web-0", Family::Any, expect!["web-0: 10.1.0.10"]).await;
    check("localhost", Family::Any, expect!["localhost: 127.0.0.1"]).await;
    check("x.localhost.", Family::Any, expect!["localhost: 127.0.0.1 ::1"]).await;
    check("10.0.0.9", Family::Any, expect!["10.0.0.9: 10.0.0.9"]).await;
    check("::1", Family::V4, expect!["NoData"]).await;
}

#[tokio::test]
async fn nonsense_is_no_name() {
    for name in ["", ".", "a..b", "with space", "nul\0", &"x".repeat(64), &"ab.".repeat(100)] {
        check(name, Family::Any, expect!["NoName"]).await;
    }
}
