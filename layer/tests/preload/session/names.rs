//! Names, addresses and interfaces as the made-up pod has them.

use protocol::{
    Errno,
    dns::{Family, Lookup, LookupAnswer, ReverseAnswer},
    interface::{Interface, InterfaceAddress},
};

/// What getaddrinfo(3) of the program is told.
pub(super) fn lookup(request: &Lookup) -> LookupAnswer {
    let (v4, v6) = ("10.1.2.3", "fd00::3");
    let addresses: &[&str] = match (request.name.as_str(), request.family) {
        ("db" | "under_score", Family::Any) => &[v4, v6],
        ("db" | "under_score", Family::V4) | ("four", Family::Any | Family::V4) => &[v4],
        ("db" | "under_score", Family::V6) => &[v6],
        ("four", Family::V6) => return LookupAnswer::NoData,
        ("again", _) => return LookupAnswer::TryAgain,
        ("fail", _) => return LookupAnswer::Fail,
        _ => return LookupAnswer::NoName,
    };
    LookupAnswer::Found {
        addresses: addresses.iter().map(|ip| ip.parse().expect("an address")).collect(),
        canonical: format!("{}.default.svc.cluster.local", request.name),
    }
}

/// What getnameinfo(3) of the program is told.
pub(super) fn names_of(address: &str) -> ReverseAnswer {
    match address {
        "10.1.2.3" => ReverseAnswer::Found { names: vec!["db.shop.svc".to_owned(), "db".to_owned()] },
        "10.1.2.8" => ReverseAnswer::TryAgain,
        _ => ReverseAnswer::NoName,
    }
}

/// The network interfaces of the pod.
pub(super) fn interfaces() -> Vec<Interface> {
    let internet = |address: &str, scope, prefix, other: Option<&str>| {
        let [address, other] = [Some(address), other].map(|text| text.map(|text| text.parse().expect("an address")));
        InterfaceAddress::Internet { address: address.expect("given"), scope, prefix, other }
    };
    let all = [
        ("lo", 0x49, InterfaceAddress::Link { index: 1, kind: 772, hardware: Some([0; 6]) }),
        ("eth0", 0x1043, InterfaceAddress::Link { index: 2, kind: 1, hardware: Some([2, 0, 0, 0, 0, 9]) }),
        ("lo", 0x49, internet("127.0.0.1", 0, 8, None)),
        ("eth0", 0x1043, internet("10.1.0.2", 0, 22, Some("10.1.3.255"))),
        ("eth0", 0x1043, internet("fe80::9", 2, 64, None)),
        ("a-name-that-is-too-long", 0x91, internet("10.9.0.1", 0, 32, Some("10.9.0.2"))),
    ];
    all.map(|(name, flags, address)| Interface { name: name.into(), flags, address }).into()
}

/// The answer to a DNS message: names below `svc` have one record of 4 bytes, `empty` has none, `silent` has no server.
pub(super) fn answer_to(question: &[u8]) -> Result<Vec<u8>, Errno> {
    let name = question[12..].escape_ascii().to_string();
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    if name.contains("silent") {
        return Err(Errno::ETIMEDOUT);
    } else if name.contains("svc") {
        answer[7] = 1;
        answer.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x0a\0\0\x07");
    } else if !name.contains("empty") {
        answer[3] |= 3;
    }
    Ok(answer)
}
