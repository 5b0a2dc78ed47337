//! The functions of libc that the program reaches through us, by family.

mod dns;
mod file;
mod folder;
mod name;
mod process;
mod raw;
mod socket;
mod stat;
