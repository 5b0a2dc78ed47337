//! Libc's resolver library, whose own questions are calls inside libc that nobody sees. resolver(3)

use libc::{c_int, c_void};

use crate::cabi::{Bytes, Out, Return, Room, Text};
use crate::hook::hook;
use crate::names::host;
use crate::names::message::{self, Asked};
use crate::scope::Hooked;
use crate::state::Layer;

/// Where `res_h_errno` stands in `struct __res_state` (resolv.h), counted in ints.
const RES_H_ERRNO: usize = 496 / size_of::<c_int>();

/// Flag in the third byte of a message (RFC 1035, 4.1.1).
const TRUNCATED: u8 = 0x02;

hook! {
    /// res_query(3)
    fn res_query(name: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int => query;
    /// res_search(3)
    fn res_search(name: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int => search;
    /// As res_query, in programs that were built for glibc before 2.34.
    fn __res_query(name: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int => query;
    /// As res_search, in programs that were built for glibc before 2.34.
    fn __res_search(name: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int => search;
}

hook! {
    /// res_send(3)
    fn res_send(message: Bytes, count: c_int, answer: Room, len: c_int) -> c_int => send;
    /// As res_send, in programs that were built for glibc before 2.34.
    fn __res_send(message: Bytes, count: c_int, answer: Room, len: c_int) -> c_int => send;
}

hook! {
    /// res_querydomain(3)
    fn res_querydomain(name: Text, domain: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int => query_domain;
    /// As res_querydomain, in programs that were built for glibc before 2.34.
    fn __res_querydomain(name: Text, domain: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int => query_domain;
}

hook! {
    /// res_nquery(3); what the program has set in its own state is not asked for.
    fn res_nquery(state: Out<c_int>, name: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int
        => |layer, state, name, class, kind, answer, len| noted(state, query(layer, name, class, kind, answer, len));
    /// As res_nquery.
    fn res_nsearch(state: Out<c_int>, name: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int
        => |layer, state, name, class, kind, answer, len| noted(state, search(layer, name, class, kind, answer, len));
    /// As res_nquery.
    fn res_nquerydomain(state: Out<c_int>, name: Text, domain: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int
        => |layer, state, name, domain, class, kind, answer, len| noted(state, query_domain(layer, name, domain, class, kind, answer, len));
    /// As res_nquery, in programs that were built for glibc before 2.34.
    fn __res_nquery(state: Out<c_int>, name: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int
        => |layer, state, name, class, kind, answer, len| noted(state, query(layer, name, class, kind, answer, len));
    /// As res_nsearch, in programs that were built for glibc before 2.34.
    fn __res_nsearch(state: Out<c_int>, name: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int
        => |layer, state, name, class, kind, answer, len| noted(state, search(layer, name, class, kind, answer, len));
    /// As res_nquerydomain, in programs that were built for glibc before 2.34.
    fn __res_nquerydomain(state: Out<c_int>, name: Text, domain: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> c_int
        => |layer, state, name, domain, class, kind, answer, len| noted(state, query_domain(layer, name, domain, class, kind, answer, len));
}

hook! {
    /// res_nsend(3)
    fn res_nsend(state: *mut c_void, message: Bytes, count: c_int, answer: Room, len: c_int) -> c_int
        => |layer, _, message, count, answer, len| send(layer, message, count, answer, len);
    /// As res_nsend, in programs that were built for glibc before 2.34.
    fn __res_nsend(state: *mut c_void, message: Bytes, count: c_int, answer: Room, len: c_int) -> c_int
        => |layer, _, message, count, answer, len| send(layer, message, count, answer, len);
}

fn query(layer: &Layer, name: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> Hooked<c_int> {
    let found = message::query(layer, Asked { name: name.bytes()?, class, kind })?;
    message::tell(found, |bytes| keep(bytes, answer, len))
}

/// A name with one domain behind it, or, without one, as it is.
fn query_domain(
    layer: &Layer,
    name: Text,
    domain: Text,
    class: c_int,
    kind: c_int,
    answer: Room,
    len: c_int,
) -> Hooked<c_int> {
    if domain.pointer().is_null() {
        return query(layer, name, class, kind, answer, len);
    }
    let name = [name.bytes()?, b".", domain.bytes()?].concat();
    let found = message::query(layer, Asked { name: &name, class, kind })?;
    message::tell(found, |bytes| keep(bytes, answer, len))
}

/// Tells of a failure in the program's own state, too: `h_errno` is set already.
fn noted(state: Out<c_int>, told: Hooked<c_int>) -> Hooked<c_int> {
    if let Ok(c_int::FAILED) = told {
        state.at(RES_H_ERRNO).set(host::h_errno())?;
    }
    told
}

fn search(layer: &Layer, name: Text, class: c_int, kind: c_int, answer: Room, len: c_int) -> Hooked<c_int> {
    let found = message::search(layer, Asked { name: name.bytes()?, class, kind })?;
    message::tell(found, |bytes| keep(bytes, answer, len))
}

fn send(layer: &Layer, question: Bytes, count: c_int, answer: Room, len: c_int) -> Hooked<c_int> {
    let bytes = message::send(layer, question.read(usize::try_from(count).unwrap_or(0))?)?;
    Ok(c_int::try_from(keep(&bytes, answer, len)?).unwrap_or(c_int::MAX))
}

/// As much as there is room for, marked as truncated if that is not all; gives the whole answer's length, as libc does.
fn keep(bytes: &[u8], answer: Room, len: c_int) -> Hooked<usize> {
    let room = usize::try_from(len).unwrap_or(0);
    if bytes.len() > room && bytes.len() > 2 {
        let mut cut = bytes.to_vec();
        cut[2] |= TRUNCATED;
        answer.fill(room, &cut)?;
    } else {
        answer.fill(room, bytes)?;
    }
    Ok(bytes.len())
}
