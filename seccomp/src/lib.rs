//! System calls that are announced to a supervisor instead of being run: seccomp user notification (seccomp_unotify(2)).
//!
//! * [`trapped`]: which calls, and when;
//! * [`filter`]: the BPF program made of them, put over the calling thread just before execve(2);
//! * [`handover`]: putting it there, and giving the supervisor its end;
//! * [`listener`]: the supervisor's end, with the memory and the descriptors of the process that waits.
//!
//! A crate of its own because three need it: the layer (children of the program), the launcher (the program itself) and
//! the session (which supervises). Nothing here allocates in the child of a fork.

pub mod filter;
pub mod handover;
pub mod listener;
pub mod trapped;
