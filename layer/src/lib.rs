//! The layer: a library inside the program's process that answers libc's calls from the pod (engine one, preload).
//!
//! What takes a path, an address or a name is hooked; what is handed out are real kernel descriptors, so that read,
//! mmap, epoll, dup and all the rest need no hook at all. `hook` defines a function of libc, `scope` is the way in and
//! out, `rules` decides, `link` asks the session.
//!
//! The layer takes no lock that a fork could leave held, and allocates nothing for a call that stays local.

mod actions;
mod cabi;
mod classify;
mod copied;
mod copies;
mod environment;
mod files;
mod filter;
mod glob;
mod heap;
mod hold;
mod hook;
mod hooks;
mod inherit;
mod instead;
mod interfaces;
mod link;
mod listeners;
mod log;
mod name_server;
mod names;
mod notice;
mod outside;
mod paths;
mod scope;
mod setup;
mod sockets;
mod spawn;
mod stack;
mod state;
mod stdio;
mod sys;
mod temporary;
mod umask;
mod walk;
mod working;

/// Runs when the loader has set up this library, before the program's own start.
/// (In a unit test nothing is hooked: it would be the test itself.)
#[cfg_attr(not(test), expect(unsafe_code, reason = "registers the constructor"), unsafe(link_section = ".init_array"))]
#[used]
static START: extern "C" fn() = {
    extern "C" fn start() {
        setup::start();
    }
    start
};
