//! `struct addrinfo`: lists that glibc's freeaddrinfo(3) can free.
#![expect(unsafe_code, reason = "builds and walks C lists")]

use std::ffi::CString;
use std::mem::size_of;
use std::net::{IpAddr, SocketAddr};
use std::ptr;

use libc::{addrinfo, c_int};

use crate::cabi::Text;
use crate::cabi::address::Sockaddr;
use crate::names::{Found, Gai};

/// A socket type with its protocol and port: what a service means, whatever the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    socket_type: c_int,
    protocol: c_int,
    port: u16,
}

/// Flags that concern the service; the others concern the host.
const SERVICE_FLAGS: c_int = libc::AI_NUMERICSERV;

/// What getaddrinfo(3) assumes without hints.
pub(crate) fn no_hints() -> addrinfo {
    addrinfo { ai_flags: libc::AI_V4MAPPED | libc::AI_ADDRCONFIG, ..empty() }
}

fn empty() -> addrinfo {
    // SAFETY: it consists of numbers and of pointers that may be null.
    unsafe { std::mem::zeroed() }
}

/// Whether libc takes `node` for an address rather than a name (`127.1` and `fe80::1%eth0` are addresses).
pub(crate) fn is_numeric(node: Text) -> bool {
    let hints = addrinfo { ai_flags: libc::AI_NUMERICHOST, ai_socktype: libc::SOCK_STREAM, ..empty() };
    List::ask(node.pointer(), ptr::null(), &hints).is_ok()
}

/// What `service` means, by this machine's libc and its `/etc/services`.
pub(crate) fn kinds(service: Text, hints: &addrinfo) -> Result<Vec<Kind>, Gai> {
    let hints = addrinfo {
        ai_flags: hints.ai_flags & SERVICE_FLAGS,
        ai_family: libc::AF_INET,
        ai_socktype: hints.ai_socktype,
        ai_protocol: hints.ai_protocol,
        ..empty()
    };
    // Without a host, a service is needed.
    let service = if service.pointer().is_null() { c"0".as_ptr() } else { service.pointer() };
    let list = List::ask(ptr::null(), service, &hints)?;
    Ok(list.kinds())
}

/// A list as getaddrinfo(3) gives it: each address with each kind. Nothing when there is no memory.
///
/// Each node and its address are one allocation of libc's, which freeaddrinfo frees as a whole; the canonical name is
/// another, at the first node.
pub(crate) fn build(found: &Found, kinds: &[Kind], flags: c_int) -> Option<*mut addrinfo> {
    let mut head = ptr::null_mut();
    let nodes = found.addresses.iter().flat_map(|ip| kinds.iter().map(move |kind| (*ip, *kind)));
    // From the end, so that each node finds its successor ready.
    for (ip, kind) in nodes.collect::<Vec<_>>().into_iter().rev() {
        let Some(node) = node(ip, kind, flags, head) else {
            free(head);
            return None;
        };
        head = node;
    }
    if flags & libc::AI_CANONNAME != 0 && !head.is_null() {
        let name = CString::new(found.canonical.as_str()).unwrap_or_default();
        // SAFETY: a terminated text; the head is a node that `node` has made.
        unsafe { (*head).ai_canonname = libc::strdup(name.as_ptr()) };
    }
    Some(head)
}

#[repr(C)]
struct Node {
    info: addrinfo,
    address: Sockaddr,
}

fn node(ip: IpAddr, kind: Kind, flags: c_int, next: *mut addrinfo) -> Option<*mut addrinfo> {
    let family = if ip.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let address = Sockaddr::new(SocketAddr::new(ip, kind.port), family)?;
    // SAFETY: any length may be asked for.
    let node = unsafe { libc::malloc(size_of::<Node>()) }.cast::<Node>();
    if node.is_null() {
        return None;
    }
    let info = addrinfo {
        ai_flags: flags,
        ai_family: family,
        ai_socktype: kind.socket_type,
        ai_protocol: kind.protocol,
        ai_addrlen: address.len(),
        // SAFETY: within the allocation.
        ai_addr: unsafe { &raw mut (*node).address }.cast(),
        ai_canonname: ptr::null_mut(),
        ai_next: next,
    };
    // SAFETY: malloc gives room for a `Node`, aligned for any type.
    unsafe { node.write(Node { info, address }) };
    Some(node.cast())
}

fn free(list: *mut addrinfo) {
    if !list.is_null() {
        // SAFETY: a list of libc's, or one in the form that libc frees.
        unsafe { libc::freeaddrinfo(list) };
    }
}

/// A list of libc's own.
struct List(*mut addrinfo);

impl List {
    fn ask(node: *const libc::c_char, service: *const libc::c_char, hints: &addrinfo) -> Result<Self, Gai> {
        let mut list = ptr::null_mut();
        // SAFETY: terminated texts or null, and room for the result. Inside a scope this is libc's own function.
        let error = unsafe { libc::getaddrinfo(node, service, &raw const *hints, &raw mut list) };
        if error == 0 { Ok(Self(list)) } else { Err(Gai(error)) }
    }

    fn kinds(&self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        let mut next = self.0;
        // SAFETY: a node of libc's list, or the null pointer at its end.
        while let Some(info) = unsafe { next.as_ref() } {
            next = info.ai_next;
            // SAFETY: an IPv4 node's address is a `sockaddr_in`.
            let address = unsafe { info.ai_addr.cast::<libc::sockaddr_in>().read_unaligned() };
            kinds.push(Kind {
                socket_type: info.ai_socktype,
                protocol: info.ai_protocol,
                port: u16::from_be(address.sin_port),
            });
        }
        kinds.dedup();
        kinds
    }
}

impl Drop for List {
    fn drop(&mut self) {
        free(self.0);
    }
}
