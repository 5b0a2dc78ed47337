//! The few commands of bpf(2) that stealing needs.
#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper without a compiler or a large dependency")]

mod assembler;

use std::{
    io,
    mem::size_of,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

pub(super) use self::assembler::{Assembler, Helper, Instruction, Register, Width};

/// Commands (linux/bpf.h, `enum bpf_cmd`).
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const MAP_DELETE_ELEM: libc::c_int = 3;
const PROG_LOAD: libc::c_int = 5;
const PROG_QUERY: libc::c_int = 16;
const LINK_CREATE: libc::c_int = 28;

/// `BPF_PROG_TYPE_SK_LOOKUP` and `BPF_SK_LOOKUP`.
const PROGRAM_TYPE: u32 = 30;
const ATTACH_TYPE: u32 = 36;

/// Bytes of the verifier's complaint that we read.
const VERIFIER_LOG: usize = 16 * 1024;

/// Kinds of maps (linux/bpf.h, `enum bpf_map_type`).
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(super) enum MapKind {
    /// From any key to any value.
    Hash = 1,
    /// From any key to a socket.
    SocketHash = 18,
}

/// A BPF map with keys of 4 bytes.
#[derive(Debug)]
pub(super) struct Map {
    fd: OwnedFd,
}

#[derive(Default)]
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

#[derive(Default)]
#[repr(C)]
struct MapElement {
    map_fd: u32,
    _padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[derive(Default)]
#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

#[derive(Default)]
#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
}

#[derive(Default)]
#[repr(C)]
struct ProgQuery {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    _padding: u32,
}

/// Calls bpf(2); `attribute` is the part of `union bpf_attr` that the command reads and writes.
fn bpf<A>(command: libc::c_int, attribute: &mut A) -> io::Result<RawFd> {
    let size = size_of::<A>();
    // SAFETY: `attribute` is valid for `size` bytes; addresses inside it point to memory that its maker keeps alive
    // until this call returns, with the sizes that the attribute names.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attribute), size) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(RawFd::try_from(result).expect("descriptors are ints"))
    }
}

fn bpf_fd<A>(command: libc::c_int, attribute: &mut A) -> io::Result<OwnedFd> {
    let fd = bpf(command, attribute)?;
    // SAFETY: the command has just made this descriptor (close-on-exec) and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn address<T>(value: *const T) -> u64 {
    value.expose_provenance() as u64
}

impl Map {
    /// Makes an empty map.
    pub(super) fn create(kind: MapKind, max_entries: u32) -> io::Result<Self> {
        let value_size = match kind {
            MapKind::Hash => 4,
            MapKind::SocketHash => 8,
        };
        let mut attribute = MapCreate { map_type: kind as u32, key_size: 4, value_size, max_entries };
        Ok(Self { fd: bpf_fd(MAP_CREATE, &mut attribute)? })
    }

    /// Adds or replaces an entry of a [`MapKind::Hash`].
    pub(super) fn insert(&self, key: u32) -> io::Result<()> {
        self.update(key, &1_u32)
    }

    /// Adds or replaces an entry of a [`MapKind::SocketHash`].
    pub(super) fn insert_socket(&self, key: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.update(key, &u64::from(raw(socket)))
    }

    fn update<V>(&self, key: u32, value: &V) -> io::Result<()> {
        let (key, value) = (address(&raw const key), address(std::ptr::from_ref(value)));
        let mut attribute = MapElement { map_fd: self.raw(), key, value, ..MapElement::default() };
        bpf(MAP_UPDATE_ELEM, &mut attribute).map(drop)
    }

    /// Takes an entry out.
    pub(super) fn remove(&self, key: u32) -> io::Result<()> {
        let mut attribute = MapElement { map_fd: self.raw(), key: address(&raw const key), ..MapElement::default() };
        bpf(MAP_DELETE_ELEM, &mut attribute).map(drop)
    }

    fn raw(&self) -> u32 {
        self.fd.as_raw_fd().cast_unsigned()
    }
}

/// Loads a `sk_lookup` program; the error holds what the verifier said.
pub(super) fn load(program: &[Instruction]) -> io::Result<OwnedFd> {
    let mut attribute = ProgLoad {
        prog_type: PROGRAM_TYPE,
        insn_cnt: u32::try_from(program.len()).expect("a few dozen instructions"),
        insns: address(program.as_ptr()),
        license: address(c"GPL".as_ptr()), // bpf_sk_assign and the map helpers ask for it
        prog_name: *b"mirrord_steal\0\0\0",
        expected_attach_type: ATTACH_TYPE,
        ..ProgLoad::default()
    };
    bpf_fd(PROG_LOAD, &mut attribute).inspect_err(|_| {
        let mut log = vec![0_u8; VERIFIER_LOG];
        attribute.log_level = 1;
        attribute.log_size = u32::try_from(log.len()).expect("a constant");
        attribute.log_buf = address(log.as_mut_ptr());
        // The second try is only for the log; its outcome is the first one's.
        drop(bpf_fd(PROG_LOAD, &mut attribute));
        let log = String::from_utf8_lossy(&log);
        tracing::debug!(log = log.trim_end_matches('\0'), "the verifier");
    })
}

/// Attaches a program to a network namespace for as long as the descriptor is open.
pub(super) fn attach(program: BorrowedFd<'_>, namespace: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut attribute =
        LinkCreate { prog_fd: raw(program), target_fd: raw(namespace), attach_type: ATTACH_TYPE, flags: 0 };
    bpf_fd(LINK_CREATE, &mut attribute)
}

/// Number of `sk_lookup` programs that a network namespace has.
pub(super) fn attached(namespace: BorrowedFd<'_>) -> io::Result<u32> {
    let mut attribute = ProgQuery { target_fd: raw(namespace), attach_type: ATTACH_TYPE, ..ProgQuery::default() };
    bpf(PROG_QUERY, &mut attribute)?;
    Ok(attribute.prog_cnt)
}
