//! A name server with a few names, in the test's own namespace.

use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    task::JoinSet,
};

/// Where the fake name server is, in the test's own namespace.
pub(super) const SERVER: &str = "127.0.0.1:53";

/// Answers of the fake name server: name, and what it says.
fn zone(name: &str, kind: RecordType) -> Result<Vec<RData>, ResponseCode> {
    let v4 = |last| RData::A(rdata::A::new(10, 0, 0, last));
    let pointer =
        |name: &str| RData::PTR(rdata::PTR(Name::from_labels(name.split('.').map(str::as_bytes)).expect("a name")));
    let v6 = || RData::AAAA(rdata::AAAA::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));
    match (name, kind) {
        ("backend.demo.svc.cluster.local.", RecordType::A) => Ok(vec![v4(1), v4(2)]),
        ("backend.demo.svc.cluster.local.", _) => Ok(vec![v6()]),
        ("my_db.demo.svc.cluster.local.", RecordType::A) => Ok(vec![v4(3)]),
        ("my_db.demo.svc.cluster.local." | "empty.", _) => Ok(vec![]),
        ("alias.", RecordType::A) => {
            let real = Name::from_ascii("real.example.").expect("a name");
            Ok(vec![RData::CNAME(rdata::CNAME(real)), v4(4)])
        }
        ("large.", RecordType::A) => Ok((0..200).map(v4).collect()),
        ("broken." | "2.0.0.10.in-addr.arpa.", _) => Err(ResponseCode::ServFail),
        ("refused.", _) => Err(ResponseCode::Refused),
        ("1.0.0.10.in-addr.arpa.", RecordType::PTR) => {
            Ok(vec![pointer("backend.demo.svc.cluster.local"), pointer("$(evil).example"), pointer("other.example")])
        }
        ("4.0.0.10.in-addr.arpa.", RecordType::PTR) => Ok(vec![pointer("a b\n")]),
        _ => Err(ResponseCode::NXDomain),
    }
}

/// The server's answer; over UDP, one that is too long is only announced.
fn answer(request: &[u8], over_udp: bool) -> Vec<u8> {
    let request = Message::from_vec(request).expect("a query");
    let query = request.queries[0].clone();
    let mut answer = Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
    answer.add_query(query.clone());
    match zone(&query.name().to_ascii().to_lowercase(), query.query_type()) {
        Err(code) => answer.metadata.response_code = code,
        Ok(records) if over_udp && records.len() > 20 => answer.metadata.truncation = true,
        Ok(records) => {
            let mut owner = query.name().clone();
            for data in records {
                let next = if let RData::CNAME(to) = &data { Some(to.0.clone()) } else { None };
                answer.add_answer(Record::from_rdata(owner.clone(), 30, data));
                owner = next.unwrap_or(owner);
            }
        }
    }
    answer.to_vec().expect("encodable")
}

/// Answers over both transports, until `tasks` end.
pub(super) async fn name_server(tasks: &mut JoinSet<()>) {
    let udp = UdpSocket::bind(SERVER).await.expect("a namespace of our own");
    tasks.spawn(async move {
        let mut buffer = [0; 1500];
        loop {
            let (len, from) = udp.recv_from(&mut buffer).await.expect("receives");
            udp.send_to(&answer(&buffer[..len], true), from).await.expect("sends");
        }
    });
    let tcp = TcpListener::bind(SERVER).await.expect("a namespace of our own");
    tasks.spawn(async move {
        loop {
            let (mut connection, _) = tcp.accept().await.expect("accepts");
            while let Ok(len) = connection.read_u16().await {
                let mut request = vec![0; len.into()];
                connection.read_exact(&mut request).await.expect("whole");
                let answer = answer(&request, false);
                connection.write_u16(u16::try_from(answer.len()).expect("small")).await.expect("sends");
                connection.write_all(&answer).await.expect("sends");
            }
        }
    });
}
