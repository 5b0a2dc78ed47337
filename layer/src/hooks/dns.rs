//! Names, resolved where the target resolves them.

use libc::{addrinfo, c_int, hostent};
use rules::name::Resolver;

use crate::cabi::{Out, Return, Room, Text};
use crate::hook::hook;
use crate::names::{self, Gai, Question, host, list};
use crate::scope::{Hooked, Otherwise};
use crate::state::Layer;

impl Return for Gai {
    /// `EAI_SYSTEM`: see `errno`.
    const FAILED: Self = Self(libc::EAI_SYSTEM);
}

hook! {
    /// getaddrinfo(3)
    fn getaddrinfo(node: Text, service: Text, hints: Out<addrinfo>, head: Out<*mut addrinfo>) -> Gai => looked_up;
}

hook! {
    /// gethostbyname(3): IPv4 only.
    fn gethostbyname(name: Text) -> *mut hostent => |layer, name| by_name(layer, name, libc::AF_INET);
    /// gethostbyname2(3)
    fn gethostbyname2(name: Text, family: c_int) -> *mut hostent => by_name;
    /// gethostbyname_r(3)
    fn gethostbyname_r(name: Text, entry: Out<hostent>, buffer: Room, len: usize, result: Out<*mut hostent>, error: Out<c_int>) -> c_int
        => |layer, name, entry, buffer, len, result, error| by_name_into(layer, name, libc::AF_INET, host::Place { entry, buffer, len, result, error });
    /// gethostbyname2_r(3)
    fn gethostbyname2_r(name: Text, family: c_int, entry: Out<hostent>, buffer: Room, len: usize, result: Out<*mut hostent>, error: Out<c_int>) -> c_int
        => |layer, name, family, entry, buffer, len, result, error| by_name_into(layer, name, family, host::Place { entry, buffer, len, result, error });
}

fn looked_up(layer: &Layer, node: Text, service: Text, hints: Out<addrinfo>, head: Out<*mut addrinfo>) -> Hooked<Gai> {
    let name = node.bytes()?;
    let hints = hints.get().unwrap_or_else(list::no_hints);
    if hints.ai_flags & libc::AI_NUMERICHOST != 0 || list::is_numeric(node) {
        return Err(Otherwise::Native);
    }
    let name = match names::resolver_of(layer, name) {
        Resolver::Local => return Err(Otherwise::Native),
        Resolver::NoName => return Ok(Gai(libc::EAI_NONAME)),
        Resolver::Remote => name,
    };
    // A service that does not exist, a socket type that does not, bad flags: libc knows, without a host.
    let kinds = match list::kinds(service, &hints) {
        Ok(kinds) => kinds,
        Err(error) => return Ok(error),
    };
    let question = match Question::of(&hints) {
        Ok(question) => question,
        Err(error) => return Ok(error),
    };
    let answer = match names::ask(layer, name, question)? {
        Ok(answer) => answer,
        // To glibc's getaddrinfo, nonsense is no name; only gethostbyname tells the two apart.
        Err(Gai(libc::EAI_FAIL)) => return Ok(Gai(libc::EAI_NONAME)),
        Err(error) => return Ok(error),
    };
    match list::build(&answer, &kinds, hints.ai_flags) {
        Some(found) => {
            head.set(found)?;
            Ok(Gai(0))
        }
        None => Ok(Gai(libc::EAI_MEMORY)),
    }
}

/// Into memory of the layer's own, one for each thread; the next call on the thread overwrites it.
fn by_name(layer: &Layer, name: Text, family: c_int) -> Hooked<*mut hostent> {
    let answer = match asked(layer, name, family)? {
        Ok(answer) => answer,
        Err(error) => {
            host::set_h_errno(error.as_h_errno());
            return Ok(std::ptr::null_mut());
        }
    };
    host::build_static(&answer, family).ok_or(Otherwise::Fail(protocol::Errno(libc::ENOMEM)))
}

fn by_name_into(layer: &Layer, name: Text, family: c_int, place: host::Place) -> Hooked<c_int> {
    match asked(layer, name, family)? {
        Ok(answer) => place.fill(&answer, family),
        Err(error) => place.fail(error.as_h_errno()),
    }
}

fn asked(layer: &Layer, name: Text, family: c_int) -> Hooked<Result<names::Found, Gai>> {
    if list::is_numeric(name) {
        return Err(Otherwise::Native);
    }
    let question = Question::for_family(family).ok_or(Otherwise::Native)?;
    match names::resolver_of(layer, name.bytes()?) {
        Resolver::Local => Err(Otherwise::Native),
        Resolver::NoName => Ok(Err(Gai(libc::EAI_NONAME))),
        Resolver::Remote => names::ask(layer, name.bytes()?, question),
    }
}
