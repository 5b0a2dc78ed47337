//! Questions of our own to name servers, and what their answers mean. Answers are hostile bytes.

use hickory_proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType},
};

use super::{Found, Miss, is_host_name};

/// A question with "recursion desired", under a random number. Nothing for a name that is none.
pub(super) fn question(name: Name, kind: RecordType) -> Option<Vec<u8>> {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, kind));
    message.to_vec().ok()
}

/// The records of an answer; at least one.
pub(super) fn records(answer: &[u8]) -> Result<Vec<Record>, Miss> {
    // Loops of compressed names, counts and lengths that lie: the bytes have no other meaning then.
    let message = Message::from_vec(answer).map_err(|error| {
        tracing::debug!(%error, "a malformed answer");
        Miss::Fail
    })?;
    match message.metadata.response_code {
        ResponseCode::NoError if message.answers.is_empty() => Err(Miss::NoData),
        ResponseCode::NoError => Ok(message.answers),
        ResponseCode::NXDomain => Err(Miss::NoName),
        ResponseCode::ServFail => Err(Miss::ServerFailure),
        _ => Err(Miss::Fail),
    }
}

/// Addresses among the records: those of `name` and of what it is an alias of. As libc does it, nobody is asked about an
/// alias that leads to none, and an alias that is no host name is followed, and not told.
pub(super) fn addresses(name: &Name, records: &[Record], kind: RecordType) -> Result<Found, Miss> {
    let (mut owner, mut canonical) = (name, text(name));
    let mut found = Vec::new();
    for record in records {
        if !record.name.eq_ignore_root(owner) {
            continue;
        }
        match &record.data {
            RData::CNAME(alias) if found.is_empty() => {
                owner = &alias.0;
                canonical = Some(text(owner)).filter(|name| is_safe(name)).unwrap_or(canonical);
            }
            data if record.record_type() == kind => found.extend(data.ip_addr()),
            _ => {}
        }
    }
    if found.is_empty() { Err(Miss::Fail) } else { Ok((found, canonical)) }
}

/// Without the final dot.
pub(super) fn text(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_owned()
}

/// Whether a name is one that libc hands out: whoever has a name server may write anything into its records.
pub(super) fn is_safe(name: &str) -> bool {
    is_host_name(name) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
