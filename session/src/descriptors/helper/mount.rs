//! Makes the mount: in a user namespace of our own where we are nobody special, attached nowhere.
//!
//! The mount API of fsopen(2), fsmount(2) and fsconfig(2) (Linux 5.2) gives a descriptor of a mount's root that no path
//! leads to. `..` at that root stays there, because a detached mount has nothing above it, and `/proc/self/fd` shows
//! paths from that root on: those of the target.

use std::{
    ffi::CStr,
    fs,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sched::{CloneFlags, unshare},
    sys::stat::Mode,
    unistd::{getegid, geteuid},
};

/// A step that the kernel refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) step: &'static str,
    pub(super) errno: Errno,
}

/// What the kernel gave.
#[derive(Debug)]
pub(super) struct Mounted {
    /// `/dev/fuse`: requests come from here.
    pub(super) device: OwnedFd,
    /// The root of the mount, which goes when this descriptor is closed and no file of it is open.
    pub(super) root: OwnedFd,
    pub(super) owners: Owners,
}

/// Whom files are shown to belong to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owners {
    /// Those of the target, by their numbers: the mount is in the machine's first user namespace.
    Real,
    /// This user and group: the kernel refuses to write to files of owners that the user namespace does not know.
    Ours(u32, u32),
}

impl Owners {
    /// User and group to show for those of the target.
    pub(super) fn shown(self, uid: u32, gid: u32) -> (u32, u32) {
        match self {
            Self::Real => (uid, gid),
            Self::Ours(uid, gid) => (uid, gid),
        }
    }
}

/// `FSCONFIG_SET_FLAG`, `FSCONFIG_SET_STRING` and `FSCONFIG_CMD_CREATE` of `linux/mount.h`.
const SET_FLAG: libc::c_uint = 0;
const SET_STRING: libc::c_uint = 1;
const CREATE: libc::c_uint = 6;

/// Makes the mount. To be called before any thread exists: only then may a process enter a user namespace.
pub(super) fn mount() -> Result<Mounted, Refused> {
    if geteuid().is_root()
        && let Ok(mounted) = attempt(Owners::Real)
    {
        return Ok(mounted);
    }
    let (uid, gid) = (geteuid(), getegid());
    let refused = |step| move |errno| Refused { step, errno };
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).map_err(refused("unshare"))?;
    let map = |step: &'static str, name: &str, text: String| {
        let path = format!("/proc/self/{name}");
        fs::write(path, text)
            .map_err(|error| Refused { step, errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw) })
    };
    map("setgroups", "setgroups", "deny".to_owned())?;
    map("uid_map", "uid_map", format!("{uid} {uid} 1"))?;
    map("gid_map", "gid_map", format!("{gid} {gid} 1"))?;
    attempt(Owners::Ours(uid.as_raw(), gid.as_raw()))
}

fn attempt(owners: Owners) -> Result<Mounted, Refused> {
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let device = open("/dev/fuse", flags, Mode::empty()).map_err(|errno| Refused { step: "/dev/fuse", errno })?;
    let refused = |step| move |errno| Refused { step, errno };
    let context = fsopen(c"fuse").map_err(refused("fsopen"))?;
    let text = |value: String| std::ffi::CString::new(value).expect("numbers have no NUL");
    let (fd, uid, gid) =
        (text(device.as_raw_fd().to_string()), text(geteuid().to_string()), text(getegid().to_string()));
    let options: [(&CStr, &CStr); 5] =
        [(c"source", c"mirrord"), (c"fd", &fd), (c"rootmode", c"40000"), (c"user_id", &uid), (c"group_id", &gid)];
    for (key, value) in options {
        fsconfig(&context, SET_STRING, Some(key), Some(value)).map_err(refused("fsconfig"))?;
    }
    if matches!(owners, Owners::Real) {
        // Programs of root may become other users and go on with what they have open.
        fsconfig(&context, SET_FLAG, Some(c"allow_other"), None).map_err(refused("fsconfig"))?;
    }
    fsconfig(&context, CREATE, None, None).map_err(refused("fsconfig create"))?;
    let root = fsmount(&context).map_err(refused("fsmount"))?;
    Ok(Mounted { device, root, owners })
}

fn fsopen(kind: &CStr) -> nix::Result<OwnedFd> {
    const FSOPEN_CLOEXEC: libc::c_uint = 1;
    // SAFETY: `kind` ends with NUL and outlives the call.
    #[expect(unsafe_code, reason = "fsopen(2) has no wrapper")]
    let result = unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) };
    descriptor(result)
}

fn fsconfig(context: &OwnedFd, command: libc::c_uint, key: Option<&CStr>, value: Option<&CStr>) -> nix::Result<()> {
    let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: texts end with NUL and outlive the call; commands without a text take a null pointer.
    #[expect(unsafe_code, reason = "fsconfig(2) has no wrapper")]
    let result =
        unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, pointer(key), pointer(value), 0) };
    Errno::result(result).map(drop)
}

fn fsmount(context: &OwnedFd) -> nix::Result<OwnedFd> {
    const FSMOUNT_CLOEXEC: libc::c_uint = 1;
    const ATTRIBUTES: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    // SAFETY: numbers only.
    #[expect(unsafe_code, reason = "fsmount(2) has no wrapper")]
    let result = unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), FSMOUNT_CLOEXEC, ATTRIBUTES) };
    descriptor(result)
}

fn descriptor(result: libc::c_long) -> nix::Result<OwnedFd> {
    let number = Errno::result(result)?;
    let number = i32::try_from(number).map_err(|_| Errno::EOVERFLOW)?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    #[expect(unsafe_code, reason = "takes what the kernel made")]
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
