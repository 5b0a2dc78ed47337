//! syscall(2): libuv and others make some calls by number.

use libc::{c_int, c_long};

use super::{attribute, change, copy, entry, file, here, link, name, space, stat, watch};
use crate::cabi::{In, Out, Room, Text};
use crate::hook::hook;
use crate::paths::At;
use crate::scope::{self, Decision, Hooked, Otherwise, fail};
use crate::state::Layer;

type Syscall = unsafe extern "C-unwind" fn(c_long, c_long, c_long, c_long, c_long, c_long, c_long) -> c_long;

hook! {
    /// syscall(2). Variadic in C: six arguments are read, and passed on, whether they were passed or not.
    fn syscall(number: c_long, a: c_long, b: c_long, c: c_long, d: c_long, e: c_long, f: c_long) -> c_long
        => around |real: Syscall, number, a, b, c, d, e, f| {
            match scope::decide(|layer| by_number(layer, number, [a, b, c, d, e])) {
                Decision::Value(value) => value,
                // SAFETY: the program's own arguments.
                Decision::Native => unsafe { real(number, a, b, c, d, e, f) },
                Decision::Instead(lent) => {
                    let [a, b, c, d] = [a, b, c, d].map(|argument| lent.replace_number(argument));
                    // SAFETY: the program's own arguments, with terminated paths that last for the call.
                    let value = unsafe { real(number, a, b, c, d, e, f) };
                    lent.take_back();
                    value
                }
            }
        };
}

/// fchmodat2(2), since Linux 6.6.
const SYS_FCHMODAT2: c_long = 452;

fn by_number(layer: &Layer, number: c_long, arguments: [c_long; 5]) -> Hooked<c_long> {
    let [first, second, third, fourth, fifth] = arguments;
    let here = At::here(text(first));
    let at = At { folder: int(first), path: text(second) };
    let result = match number {
        libc::SYS_open => file::opened(layer, here, int(second), word(third)),
        libc::SYS_creat => file::opened(layer, here, file::CREATE, word(second)),
        libc::SYS_openat => file::opened(layer, at, int(third), word(fourth)),
        libc::SYS_openat2 => opened_how(layer, at, Out::from_number(third), fourth),
        libc::SYS_stat => stat::stated(layer, here, true, Out::from_number(second)),
        libc::SYS_lstat => stat::stated(layer, here, false, Out::from_number(second)),
        libc::SYS_fstat => stat::opened(layer, int(first), Out::from_number(second)),
        libc::SYS_newfstatat => stat::stated_at(layer, at, Out::from_number(third), int(fourth)),
        libc::SYS_statx => stat::extended(layer, at, int(third), Out::from_number(fifth)),
        libc::SYS_access => stat::accessed(layer, here, int(second), 0),
        libc::SYS_faccessat => stat::accessed(layer, at, int(third), 0),
        libc::SYS_faccessat2 => stat::accessed(layer, at, int(third), int(fourth)),
        libc::SYS_mkdir => entry::folder_made(layer, here, word(second)),
        libc::SYS_mkdirat => entry::folder_made(layer, at, word(third)),
        libc::SYS_mknod => entry::node_made(layer, here, word(second)),
        libc::SYS_mknodat => entry::node_made(layer, at, word(third)),
        libc::SYS_rmdir => entry::removed(layer, here, true),
        libc::SYS_unlink => entry::removed(layer, here, false),
        libc::SYS_unlinkat => entry::removed_at(layer, at, int(third)),
        libc::SYS_rename => link::renamed(layer, here, At::here(text(second)), 0),
        libc::SYS_renameat => link::renamed(layer, at, link::at(int(third), text(fourth)), 0),
        libc::SYS_renameat2 => link::renamed(layer, at, link::at(int(third), text(fourth)), word(fifth)),
        libc::SYS_link => link::named(layer, here, At::here(text(second)), 0),
        libc::SYS_linkat => link::named(layer, at, link::at(int(third), text(fourth)), int(fifth)),
        libc::SYS_symlink => link::link_made(layer, text(first), At::here(text(second))),
        libc::SYS_symlinkat => link::link_made(layer, text(first), link::at(int(second), text(third))),
        libc::SYS_chmod => change::mode_changed(layer, here, word(second), 0),
        libc::SYS_fchmodat => change::mode_changed(layer, at, word(third), 0),
        SYS_FCHMODAT2 => change::mode_changed(layer, at, word(third), int(fourth)),
        libc::SYS_chown => change::owner_changed(layer, here, word(second), word(third), 0),
        libc::SYS_lchown => change::owner_changed(layer, here, word(second), word(third), libc::AT_SYMLINK_NOFOLLOW),
        libc::SYS_fchownat => change::owner_changed(layer, at, word(third), word(fourth), int(fifth)),
        libc::SYS_truncate => change::size_changed(layer, here, second),
        libc::SYS_utime => change::times_changed(layer, here, 0, || change::of_seconds(In::from_number(second))),
        libc::SYS_utimes => change::times_changed(layer, here, 0, || change::of_microseconds(In::from_number(second))),
        libc::SYS_futimesat => change::times_changed(layer, at, 0, || change::of_microseconds(In::from_number(third))),
        libc::SYS_utimensat => {
            change::times_changed(layer, at, int(fourth), || change::of_nanoseconds(In::from_number(third)))
        }
        libc::SYS_statfs => space::stated(layer, text(first), Out::from_number(second)),
        libc::SYS_chdir => here::changed(layer, text(first)),
        libc::SYS_fchdir => here::changed_to_open(layer, int(first)),
        libc::SYS_inotify_add_watch => watch::watched(layer, At::here(text(second))),
        libc::SYS_fanotify_mark => watch::watched(layer, link::at(int(fourth), text(fifth))),
        libc::SYS_name_to_handle_at => watch::without_handle(layer, at),
        libc::SYS_setxattr | libc::SYS_lsetxattr => {
            let follow = number == libc::SYS_setxattr;
            let value = In::from_number(third);
            attribute::set(layer, text(first), follow, text(second), value, length(fourth)?, int(fifth))
        }
        libc::SYS_removexattr => attribute::removed(layer, text(first), true, text(second)),
        libc::SYS_lremovexattr => attribute::removed(layer, text(first), false, text(second)),
        libc::SYS_fchmod => copy::mode_changed(layer, int(first), word(second)),
        libc::SYS_fchown => copy::owner_changed(layer, int(first), word(second), word(third)),
        libc::SYS_fsetxattr => {
            let value = In::from_number(third);
            copy::attribute_set(layer, int(first), text(second), value, length(fourth)?, int(fifth))
        }
        libc::SYS_fremovexattr => copy::attribute_removed(layer, int(first), text(second)),
        libc::SYS_flock => copy::locked(layer, int(first)),
        libc::SYS_fcntl if copy::is_about_locks(int(second)) => copy::locked(layer, int(first)),
        libc::SYS_fsync | libc::SYS_fdatasync => copy::synchronised(layer, int(first)),
        libc::SYS_close => copy::sent(layer, int(first)),
        libc::SYS_fstatfs => space::stated_of(layer, int(first), Out::from_number(second)),
        // A ring's operations come past nobody. Programs do without it, as on kernels that have it switched off.
        libc::SYS_uname => name::by_number(layer, Out::from_number(first)),
        libc::SYS_io_uring_setup => fail(libc::ENOSYS),
        _ => return with_length(layer, number, arguments),
    };
    result.map(c_long::from)
}

/// Calls that give a length.
fn with_length(layer: &Layer, number: c_long, [first, second, third, fourth, _]: [c_long; 5]) -> Hooked<c_long> {
    let follow = !matches!(number, libc::SYS_lgetxattr | libc::SYS_llistxattr);
    let result = match number {
        libc::SYS_readlink => link::link_read(layer, At::here(text(first)), Room::from_number(second), length(third)?),
        libc::SYS_readlinkat => {
            link::link_read(layer, link::at(int(first), text(second)), Room::from_number(third), length(fourth)?)
        }
        libc::SYS_getxattr | libc::SYS_lgetxattr => {
            attribute::got(layer, text(first), follow, text(second), Room::from_number(third), length(fourth)?)
        }
        libc::SYS_listxattr | libc::SYS_llistxattr => {
            attribute::listed(layer, text(first), follow, Room::from_number(second), length(third)?)
        }
        libc::SYS_fgetxattr => {
            copy::attribute_got(layer, int(first), text(second), Room::from_number(third), length(fourth)?)
        }
        libc::SYS_flistxattr => copy::attributes_listed(layer, int(first), Room::from_number(second), length(third)?),
        libc::SYS_getcwd => here::told_by_number(Room::from_number(first), length(second)?).map(usize::cast_signed),
        _ => Err(Otherwise::Native),
    };
    result.and_then(|length| c_long::try_from(length).map_err(|_| Otherwise::Native))
}

/// `struct open_how` of openat2(2), as far as every kernel knows it.
#[derive(Clone, Copy)]
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// What must stay below a folder is the kernel's to resolve, for the target's folders too. For other demands on the way
/// to a remote file there is no such call: callers have one without it, for older kernels.
fn opened_how(layer: &Layer, at: At, how: Out<OpenHow>, size: c_long) -> Hooked<c_int> {
    const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
    const RESOLVE_BENEATH: u64 = 0x08;
    const RESOLVE_IN_ROOT: u64 = 0x10;
    const RESOLVE_CACHED: u64 = 0x20;
    if length(size)? < size_of::<OpenHow>() {
        return Err(Otherwise::Native);
    }
    let how = how.get().ok_or(Otherwise::Native)?;
    if how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) != 0 {
        return Err(Otherwise::Native);
    }
    let flags = c_int::try_from(how.flags).map_err(|_| Otherwise::Native)?;
    let mode = u32::try_from(how.mode).map_err(|_| Otherwise::Native)?;
    if how.resolve & !RESOLVE_NO_MAGICLINKS != 0 {
        crate::paths::remote(layer, at, rules::path::Access::of_open(flags))?;
        return fail(if how.resolve & RESOLVE_CACHED == 0 { libc::ENOSYS } else { libc::EAGAIN });
    }
    file::opened(layer, at, flags, mode)
}

fn text(number: c_long) -> Text {
    Text::from_number(number)
}

fn length(number: c_long) -> Hooked<usize> {
    usize::try_from(number).map_err(|_| Otherwise::Native)
}

/// The lower half of a register, as the kernel reads an int.
#[expect(clippy::cast_possible_truncation, reason = "the kernel does the same")]
fn int(number: c_long) -> c_int {
    number as c_int
}

/// As [`int`], for types without a sign.
fn word(number: c_long) -> u32 {
    int(number).cast_unsigned()
}
