//! The functions of libc that the program reaches through us, by family.

mod attribute;
mod change;
mod copy;
mod datagram;
mod dns;
mod entry;
mod file;
pub(crate) mod folder;
mod here;
mod interface;
mod library;
mod link;
mod name;
mod process;
mod raw;
mod resolver;
mod reverse;
mod socket;
mod space;
pub(crate) mod stat;
mod temporary;
mod watch;
