//! Datagrams to and from name servers. What goes anywhere else passes untouched.
//!
//! The real calls run outside the scope: they may block, and the thread may be cancelled or interrupted there.

use libc::{c_int, c_uint, c_void, mmsghdr, msghdr, size_t, socklen_t, ssize_t, timespec};

use protocol::Errno;

use crate::cabi::address::{AddressIn, AddressOut, Length, Sockaddr};
use crate::cabi::{Out, Return};
use crate::hook::hook;
use crate::scope::{self, Otherwise};
use crate::{name_server, state};

type SendTo = unsafe extern "C-unwind" fn(c_int, *const c_void, size_t, c_int, AddressIn, socklen_t) -> ssize_t;
type ReceiveFrom = unsafe extern "C-unwind" fn(c_int, *mut c_void, size_t, c_int, AddressOut, Length) -> ssize_t;
type CheckedReceiveFrom =
    unsafe extern "C-unwind" fn(c_int, *mut c_void, size_t, size_t, c_int, AddressOut, Length) -> ssize_t;
type Message = unsafe extern "C-unwind" fn(c_int, Out<msghdr>, c_int) -> ssize_t;
type SendMessages = unsafe extern "C-unwind" fn(c_int, Out<mmsghdr>, c_uint, c_int) -> c_int;
type ReceiveMessages = unsafe extern "C-unwind" fn(c_int, Out<mmsghdr>, c_uint, c_int, Out<timespec>) -> c_int;

/// Messages of one call whose sources are shown; resolvers that take several at once take a dozen.
const MESSAGE_LIMIT: usize = 64;

hook! {
    /// sendto(2)
    fn sendto(fd: c_int, bytes: *const c_void, count: size_t, flags: c_int, address: AddressIn, len: socklen_t) -> ssize_t
        => around |real: SendTo, fd, bytes, count, flags, address: AddressIn, len| match destination(fd, address, len, flags) {
            // SAFETY: the program's own arguments, and an address that lasts for the call.
            To::Session(to) => unsafe { real(fd, bytes, count, flags, to.argument(), to.len()) },
            // SAFETY: the program's own arguments.
            To::Itself => unsafe { real(fd, bytes, count, flags, address, len) },
            To::Nobody(errno) => scope::failed(errno),
        };
}

hook! {
    /// sendmsg(2)
    fn sendmsg(fd: c_int, message: Out<msghdr>, flags: c_int) -> ssize_t
        => around |real: Message, fd, message: Out<msghdr>, flags| match message.get() {
            // SAFETY: the program's own arguments.
            None => unsafe { real(fd, message, flags) },
            Some(mut redirected) => match destination_of(fd, &redirected, flags) {
                To::Session(to) => {
                    readdress(&mut redirected, &to);
                    // SAFETY: the program's own message, with an address that lasts for the call.
                    unsafe { real(fd, Out::of(&mut redirected), flags) }
                }
                // SAFETY: the program's own arguments.
                To::Itself => unsafe { real(fd, message, flags) },
                To::Nobody(errno) => scope::failed(errno),
            },
        };
    /// As sendmsg; the same function in the shape of the other direction.
    fn recvmsg(fd: c_int, message: Out<msghdr>, flags: c_int) -> ssize_t => around |real: Message, fd, message: Out<msghdr>, flags| {
        let room = message.get().and_then(|message| room_of(&message));
        // SAFETY: the program's own arguments.
        let received = unsafe { real(fd, message, flags) };
        if received >= 0 && let (Some(room), Some(filled)) = (room, message.get()) {
            show_in_message(fd, filled, room, |filled| message.set(filled));
        }
        received
    };
}

hook! {
    /// sendmmsg(2). Messages to name servers go one by one: resolvers send two.
    fn sendmmsg(fd: c_int, messages: Out<mmsghdr>, count: c_uint, flags: c_int) -> c_int
        => around |real: SendMessages, fd, messages: Out<mmsghdr>, count, flags| {
            let Some(first) = messages.get().filter(|_| count > 0) else {
                // SAFETY: the program's own arguments.
                return unsafe { real(fd, messages, count, flags) };
            };
            let to = match destination_of(fd, &first.msg_hdr, flags) {
                To::Session(to) => to,
                // SAFETY: the program's own arguments.
                To::Itself => return unsafe { real(fd, messages, count, flags) },
                To::Nobody(errno) => return scope::failed(errno),
            };
            let mut redirected = first;
            readdress(&mut redirected.msg_hdr, &to);
            // SAFETY: one message, whose parts are the program's and whose address lasts for the call.
            let sent = unsafe { real(fd, Out::of(&mut redirected), 1, flags) };
            if sent == 1 {
                // The program may ask for the rest again, as after any call that sent less than all.
                scope::amend(|_| messages.set(mmsghdr { msg_len: redirected.msg_len, ..first }));
            }
            sent
        };
}

hook! {
    /// recvfrom(2)
    fn recvfrom(fd: c_int, bytes: *mut c_void, count: size_t, flags: c_int, address: AddressOut, length: Length) -> ssize_t
        => around |real: ReceiveFrom, fd, bytes, count, flags, address: AddressOut, length: Length| {
            let room = room(address, length);
            // SAFETY: the program's own arguments.
            let received = unsafe { real(fd, bytes, count, flags, address, length) };
            show(fd, received, address, room, length);
            received
        };
}

hook! {
    /// As recvfrom, in programs that check sizes (`_FORTIFY_SOURCE`).
    fn __recvfrom_chk(fd: c_int, bytes: *mut c_void, count: size_t, size: size_t, flags: c_int, address: AddressOut, length: Length) -> ssize_t
        => around |real: CheckedReceiveFrom, fd, bytes, count, size, flags, address: AddressOut, length: Length| {
            let room = room(address, length);
            // SAFETY: the program's own arguments.
            let received = unsafe { real(fd, bytes, count, size, flags, address, length) };
            show(fd, received, address, room, length);
            received
        };
}

hook! {
    /// recvmmsg(2)
    fn recvmmsg(fd: c_int, messages: Out<mmsghdr>, count: c_uint, flags: c_int, limit: Out<timespec>) -> c_int
        => around |real: ReceiveMessages, fd, messages: Out<mmsghdr>, count, flags, limit| {
            let mut rooms = [None; MESSAGE_LIMIT];
            for (room, index) in rooms.iter_mut().zip(0..count as usize) {
                *room = messages.at(index).get().and_then(|message| room_of(&message.msg_hdr));
            }
            // SAFETY: the program's own arguments.
            let received = unsafe { real(fd, messages, count, flags, limit) };
            for (room, index) in rooms.into_iter().zip(0..usize::try_from(received).unwrap_or(0)) {
                let message = messages.at(index);
                if let (Some(room), Some(mut filled)) = (room, message.get()) {
                    show_in_message(fd, filled.msg_hdr, room, |header| {
                        filled.msg_hdr = header;
                        message.set(filled)
                    });
                }
            }
            received
        };
}

/// Where a datagram goes.
enum To {
    /// Where the program sends it.
    Itself,
    /// To the session, in a name server's place.
    Session(Sockaddr),
    /// The call fails.
    Nobody(Errno),
}

/// Where something goes that is sent to `address`; costs nothing where no address is given.
fn destination(fd: c_int, address: AddressIn, len: socklen_t, flags: c_int) -> To {
    let opens = flags & libc::MSG_FASTOPEN != 0;
    let Some(address) = address.decode(len).ok().filter(|it| opens || name_server::has_port(*it)) else {
        return To::Itself;
    };
    match scope::run(|layer| name_server::destination(layer, fd, address, opens)) {
        Ok(there) => To::Session(there),
        Err(Otherwise::Fail(errno)) => To::Nobody(errno),
        Err(_) => To::Itself,
    }
}

fn destination_of(fd: c_int, message: &msghdr, flags: c_int) -> To {
    destination(fd, AddressIn::of_message(message), message.msg_namelen, flags)
}

fn readdress(message: &mut msghdr, to: &Sockaddr) {
    message.msg_name = to.pointer().cast_mut().cast();
    message.msg_namelen = to.len();
}

/// The caller's room for an address, before the kernel overwrites the number; nothing when no address is wanted.
fn room(address: AddressOut, length: Length) -> Option<socklen_t> {
    state::active()?;
    if address.is_null() { None } else { length.get() }
}

fn room_of(message: &msghdr) -> Option<socklen_t> {
    (!message.msg_name.is_null()).then_some(message.msg_namelen)
}

fn show(fd: c_int, received: ssize_t, address: AddressOut, room: Option<socklen_t>, length: Length) {
    if received != ssize_t::FAILED
        && let Some(room) = room
        && let Some(len) = length.get()
        && let Some(source) = address.written(len.min(room)).filter(|source| name_server::may_be_session(*source))
    {
        scope::amend(|layer| name_server::show_source(layer, fd, source, address, room, length));
    }
}

/// Shows the source in a message's own room, and its length by `keep`.
fn show_in_message(fd: c_int, mut message: msghdr, room: socklen_t, keep: impl FnOnce(msghdr) -> scope::Hooked<()>) {
    let address = AddressOut::of_message(&message);
    let source = address.written(message.msg_namelen.min(room)).filter(|it| name_server::may_be_session(*it));
    if let Some(source) = source {
        scope::amend(|layer| {
            let length = Out::of(&mut message.msg_namelen);
            name_server::show_source(layer, fd, source, address, room, length)?;
            keep(message)
        });
    }
}
