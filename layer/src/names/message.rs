//! Questions to name servers as programs ask them through libc's resolver library: resolver(3).
//!
//! Libc's own functions read this machine's `/etc/resolv.conf` and send to its servers by internal calls. Here the
//! target's own servers are asked, by the agent; the search list is that of the target's file.

use libc::c_int;
use protocol::Errno;
use protocol::dns::{QUERY_LIMIT, Query};
use protocol::file::Open;
use protocol::link::{ToLayer, ToSession};
use rules::name::Resolver;

use crate::names::{HOST_NOT_FOUND, NO_DATA, NO_RECOVERY, TRY_AGAIN, host, resolver_of};
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::sys;

/// Length of the header: identifier, flags, four counts (RFC 1035, 4.1.1).
const HEADER: usize = 12;

/// Longest resolv.conf that is read: real ones have a few hundred bytes.
const FILE_LIMIT: usize = 64 * 1024;

/// Domains of a search list that are tried at most.
const SEARCH_LIMIT: usize = 32;

/// Most dots that `ndots` may ask for, as in glibc.
const NDOTS_LIMIT: usize = 15;

// Response codes (RFC 1035, 4.1.1), in the header's fourth byte.
const CODE: u8 = 0x0F;
const SERVER_FAILURE: u8 = 2;
const NO_NAME: u8 = 3;

/// A question: one name, one type of record.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) class: c_int,
    pub(crate) kind: c_int,
}

/// res_query(3): the answer, or the `h_errno`.
pub(crate) fn query(layer: &Layer, asked: Asked<'_>) -> Hooked<Result<Vec<u8>, c_int>> {
    match resolver_of(layer, asked.name) {
        Resolver::Remote => Ok(ask(layer, asked)),
        Resolver::Local => Err(Otherwise::Native),
        Resolver::NoName => Ok(Err(NO_RECOVERY)),
    }
}

/// res_search(3): the first answer along the target's search list.
pub(crate) fn search(layer: &Layer, asked: Asked<'_>) -> Hooked<Result<Vec<u8>, c_int>> {
    match resolver_of(layer, asked.name) {
        Resolver::Remote => {}
        Resolver::Local => return Err(Otherwise::Native),
        Resolver::NoName => return Ok(Err(NO_RECOVERY)),
    }
    let list = Search::read(&resolv_conf(layer)?);
    let mut worst = HOST_NOT_FOUND;
    for name in list.candidates(asked.name) {
        match ask(layer, Asked { name: &name, ..asked }) {
            Err(HOST_NOT_FOUND) => {}
            // The name exists, or somebody has failed; another may have what is asked for.
            Err(error @ (NO_DATA | TRY_AGAIN)) => worst = if worst == NO_DATA { worst } else { error },
            answer => return Ok(answer),
        }
    }
    Ok(Err(worst))
}

/// res_send(3): a message of the program's own.
pub(crate) fn send(layer: &Layer, message: &[u8]) -> Hooked<Vec<u8>> {
    if !layer.policy.remote_dns || layer.policy.dns_filter.is_some() {
        return Err(Otherwise::Native);
    }
    Ok(exchange(layer, message.to_vec())?)
}

fn ask(layer: &Layer, asked: Asked<'_>) -> Result<Vec<u8>, c_int> {
    let message = write(asked, sys::random()).ok_or(NO_RECOVERY)?;
    let answer = exchange(layer, message).map_err(|_| TRY_AGAIN)?;
    match (answer[3] & CODE, &answer[6..8]) {
        (0, [0, 0]) => Err(NO_DATA),
        (0, _) => Ok(answer),
        (NO_NAME, _) => Err(HOST_NOT_FOUND),
        (SERVER_FAILURE, _) => Err(TRY_AGAIN),
        _ => Err(NO_RECOVERY),
    }
}

/// The answer of the target's own servers; it has a whole header.
fn exchange(layer: &Layer, message: Vec<u8>) -> Result<Vec<u8>, Errno> {
    if message.len() < HEADER || message.len() > QUERY_LIMIT {
        return Err(Errno(libc::EMSGSIZE));
    }
    let server = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
    let answer = layer.link.perform(Query { server, message })?.message;
    if answer.len() < HEADER { Err(Errno::EIO) } else { Ok(answer) }
}

/// A question with "recursion desired" (RFC 1035, 4.1).
fn write(asked: Asked<'_>, random: u64) -> Option<Vec<u8>> {
    let Asked { name, class, kind } = asked;
    let [first, second, ..] = random.to_ne_bytes();
    let mut message = vec![first, second, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let name = name.strip_suffix(b".").unwrap_or(name);
    for label in name.split(|byte| *byte == b'.').filter(|_| !name.is_empty()) {
        message.push(u8::try_from(label.len()).ok().filter(|len| (1..64).contains(len))?);
        message.extend(label);
    }
    message.push(0);
    if message.len() - HEADER > 255 {
        return None;
    }
    for number in [kind, class] {
        message.extend(u16::try_from(number).ok()?.to_be_bytes());
    }
    Some(message)
}

/// The target's file; a missing one is an empty one, as for libc.
fn resolv_conf(layer: &Layer) -> Hooked<Vec<u8>> {
    let open = Open { path: b"/etc/resolv.conf".to_vec(), flags: libc::O_RDONLY, mode: 0 };
    let file = match layer.link.call(&ToSession::Open(open), true)? {
        (ToLayer::Opened(Ok(_)), Some(file)) => file,
        (ToLayer::Opened(Err(_)), _) => return Ok(Vec::new()),
        _ => return fail(libc::EIO),
    };
    let mut text = vec![0; FILE_LIMIT];
    let mut len = 0;
    while len < text.len() {
        match sys::read_at(&file, &mut text[len..], i64::try_from(len).unwrap_or(i64::MAX))? {
            0 => break,
            more => len += more,
        }
    }
    text.truncate(len);
    Ok(text)
}

/// What a resolv.conf says of names that are not complete.
#[derive(Debug, PartialEq, Eq)]
struct Search {
    domains: Vec<Vec<u8>>,
    ndots: usize,
}

impl Search {
    fn read(text: &[u8]) -> Self {
        let mut search = Self { domains: Vec::new(), ndots: 1 };
        for line in text.split(|byte| *byte == b'\n') {
            let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            match words.next() {
                // The last of them holds.
                Some(b"search" | b"domain") => {
                    search.domains = words.take(SEARCH_LIMIT).map(<[u8]>::to_vec).collect();
                }
                Some(b"options") => {
                    let ndots = words.filter_map(|word| word.strip_prefix(b"ndots:")).next_back();
                    let ndots = ndots.and_then(|ndots| std::str::from_utf8(ndots).ok()?.parse().ok());
                    search.ndots = ndots.map_or(search.ndots, |ndots: usize| ndots.min(NDOTS_LIMIT));
                }
                _ => {}
            }
        }
        search
    }

    /// Names to ask for, in order.
    fn candidates(&self, name: &[u8]) -> Vec<Vec<u8>> {
        if name.ends_with(b".") {
            return vec![name.to_vec()];
        }
        let dots = name.split(|byte| *byte == b'.').count() - 1;
        let mut all: Vec<Vec<u8>> = self.domains.iter().map(|domain| [name, b".", domain].concat()).collect();
        let place = if dots >= self.ndots { 0 } else { all.len() };
        all.insert(place, name.to_vec());
        all
    }
}

/// Tells what resolver functions tell: the answer's length, or -1 and `h_errno`.
pub(crate) fn tell(answer: Result<Vec<u8>, c_int>, keep: impl FnOnce(&[u8]) -> Hooked<usize>) -> Hooked<c_int> {
    match answer {
        Ok(answer) => Ok(c_int::try_from(keep(&answer)?).unwrap_or(c_int::MAX)),
        Err(error) => {
            host::set_h_errno(error);
            Ok(-1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[Vec<u8>]) -> String {
        names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_are_completed_as_the_file_says() {
        let search = Search::read(b"nameserver 10.0.0.10\nsearch shop.svc svc\noptions rotate ndots:2\n");
        assert_eq!(texts(&search.candidates(b"db")), "db.shop.svc db.svc db");
        assert_eq!(texts(&search.candidates(b"db.shop.svc")), "db.shop.svc db.shop.svc.shop.svc db.shop.svc.svc");
        assert_eq!(texts(&search.candidates(b"db.")), "db.");
        let none = Search::read(b"\xff\xff\noptions ndots:99 ndots:x\n");
        assert_eq!((texts(&none.candidates(b"db")), none.ndots), ("db".to_owned(), 1));
    }

    #[test]
    fn questions_have_the_form_of_the_standard() {
        let asked = |name| Asked { name, class: 1, kind: 33 };
        let message = write(asked(b"_x.db."), 0x0201_u64.to_le()).expect("a name");
        assert_eq!(message[2..], *b"\x01\0\0\x01\0\0\0\0\0\0\x02_x\x02db\0\0\x21\0\x01");
        assert!(write(asked(b""), 0).is_some_and(|root| root.len() == HEADER + 5));
        for name in [&b"a..b"[..], &[b'a'; 64], &b"ab.".repeat(100)] {
            assert!(write(asked(name), 0).is_none());
        }
        assert!(write(Asked { name: b"a", class: -1, kind: 1 }, 0).is_none());
    }
}
