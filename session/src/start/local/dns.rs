//! The pod's resolver: two names and their addresses, IPv4 only.

use std::net::{Ipv4Addr, UdpSocket};

use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{
        Name, RData, Record,
        rdata::{A, PTR},
    },
};

use super::{BACKEND_ADDRESS, POD_ADDRESS};

/// Seconds that an answer may be kept.
const TIME_TO_LIVE: u32 = 5;

/// Answers for ever.
pub(super) fn serve(socket: &UdpSocket) {
    let mut query = [0; 1500];
    while let Ok((len, client)) = socket.recv_from(&mut query) {
        if let Some(answer) = answer(&query[..len]) {
            // Who does not get it asks again.
            let _ = socket.send_to(&answer, client);
        }
    }
}

/// The answer to a well-formed query; nothing to anything else.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok().filter(|query| query.metadata.message_type == MessageType::Query)?;
    let question = query.queries.first()?.clone();
    let mut response = Message::response(query.metadata.id, query.metadata.op_code);
    response.metadata.authoritative = true;
    response.metadata.recursion_desired = query.metadata.recursion_desired;
    response.metadata.recursion_available = true;
    response.add_query(question.clone());
    let name = question.name().to_lowercase();
    let known = address_of(&name.to_string()).map(|address| RData::A(A(address))).or_else(|| name_at(&name));
    match known {
        Some(data) if question.query_type() == data.record_type() => {
            response.add_answer(Record::from_rdata(question.name().clone(), TIME_TO_LIVE, data));
        }
        Some(_) => {} // the name exists, without such a record
        None => response.metadata.response_code = ResponseCode::NXDomain,
    }
    response.to_vec().ok()
}

fn address_of(name: &str) -> Option<Ipv4Addr> {
    match name.trim_end_matches('.').strip_suffix(".demo.svc.cluster.local")? {
        "backend" => Some(BACKEND_ADDRESS),
        "web" => Some(POD_ADDRESS),
        _ => None,
    }
}

/// Who has the address that `name` stands for, below `in-addr.arpa`.
fn name_at(name: &Name) -> Option<RData> {
    let owner = if *name == Name::from(BACKEND_ADDRESS) { "backend.demo.svc.cluster.local." } else { return None };
    Some(RData::PTR(PTR(Name::from_ascii(owner).ok()?)))
}

#[cfg(test)]
mod tests {
    use hickory_proto::{op::Query, rr::RecordType};

    use super::*;

    fn ask(name: &str, kind: RecordType) -> (ResponseCode, Vec<RData>) {
        let mut query = Message::query();
        query.add_query(Query::query(Name::from_ascii(name).expect("a name"), kind));
        let answer = answer(&query.to_vec().expect("encodes")).expect("an answer");
        let answer = Message::from_vec(&answer).expect("decodes");
        assert_eq!(answer.metadata.id, query.metadata.id);
        (answer.metadata.response_code, answer.answers.into_iter().map(|record| record.data).collect())
    }

    #[test]
    fn knows_two_names_and_denies_others() {
        let backend = "backend.demo.svc.cluster.local.";
        assert_eq!(ask(backend, RecordType::A), (ResponseCode::NoError, vec![RData::A(A(BACKEND_ADDRESS))]));
        assert_eq!(ask(&backend.to_uppercase(), RecordType::A).1.len(), 1);
        assert_eq!(ask(backend, RecordType::AAAA), (ResponseCode::NoError, vec![]));
        let owner = RData::PTR(PTR(Name::from_ascii(backend).expect("a name")));
        assert_eq!(ask("3.0.20.10.in-addr.arpa.", RecordType::PTR), (ResponseCode::NoError, vec![owner]));
        assert_eq!(ask("9.0.20.10.in-addr.arpa.", RecordType::PTR), (ResponseCode::NXDomain, vec![]));
        assert_eq!(ask("backend.", RecordType::A), (ResponseCode::NXDomain, vec![]));
        assert_eq!(answer(b"nonsense"), None);
    }
}
