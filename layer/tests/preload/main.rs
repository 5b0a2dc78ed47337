//! The layer under real programs: C and python3 with `LD_PRELOAD`, against a session that is a second variant of the
//! real one, made to provoke.

mod calls;
mod files;
mod hold;
mod incoming;
mod launch;
mod link;
mod mount;
mod names;
mod outgoing;
mod process;
mod program;
mod session;
mod supervisor;
mod target;
