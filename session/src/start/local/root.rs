//! The pod's file system: a new root with the host's programs, read-only, and files that exist in the pod only.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::statvfs::{FsFlags, statvfs},
    unistd::pivot_root,
};

use super::{
    BACKEND_ADDRESS, HOST_NAME, MESSAGE_PATH, POD_ADDRESS, RESOLVER_ADDRESS,
    inside::{Refused, Step},
};

/// Any directory will do as the place to build the new root on; it is covered in this mount namespace only.
const PLACE: &str = "/tmp";

/// What programs and their libraries need from the host: the usual places, and those of NixOS and Guix.
const HOST_DIRECTORIES: [&str; 9] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "nix", "gnu"];
const HOST_DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
const NONE: Option<&str> = None;

/// Makes the new root and enters it.
pub(super) fn set_up() -> Result<(), Refused> {
    // What is mounted from here on stays here.
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_SLAVE, NONE).step("mount propagation")?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("pod"), PLACE, Some("tmpfs"), flags, Some("mode=755")).step("root")?;
    let root = Path::new(PLACE);
    for name in HOST_DIRECTORIES {
        share_directory(name, root).step("programs of the host")?;
    }
    fill_devices(root).step("devices")?;
    fill_files(root).step("files of the pod")?;
    mount_proc(&root.join("proc")).step("proc")?;

    let old = root.join("old");
    fs::create_dir(&old).step("root")?;
    std::env::set_current_dir(root).step("root")?;
    pivot_root(".", "old").step("root")?;
    umount2("/old", MntFlags::MNT_DETACH).step("root")?;
    fs::remove_dir("/old").step("root")?;
    std::env::set_current_dir("/").step("root")
}

/// Shows the host's `/<name>` under the same name: a link as a link, a directory read-only as far as we may say so.
fn share_directory(name: &str, root: &Path) -> io::Result<()> {
    let (host, pod) = (Path::new("/").join(name), root.join(name));
    let Ok(metadata) = fs::symlink_metadata(&host) else { return Ok(()) };
    if metadata.is_symlink() {
        return symlink(fs::read_link(&host)?, &pod);
    }
    fs::create_dir(&pod)?;
    mount(Some(&host), &pod, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)?;
    // Flags of the host's mount are locked: they must be repeated. mount_namespaces(7).
    let kept = [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ];
    let present = statvfs(&pod)?.flags();
    let kept = kept.into_iter().filter(|(flag, _)| present.contains(*flag)).map(|(_, flag)| flag);
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | kept.collect::<MsFlags>();
    if let Err(errno) = mount(NONE, &pod, NONE, flags, NONE) {
        eprintln!("/{name} stays as writable as the user may write: {errno}");
    }
    Ok(())
}

fn fill_devices(root: &Path) -> io::Result<()> {
    let dev = root.join("dev");
    fs::create_dir(&dev)?;
    for name in HOST_DEVICES {
        let host = Path::new("/dev").join(name);
        if host.exists() {
            fs::write(dev.join(name), "")?;
            mount(Some(&host), &dev.join(name), NONE, MsFlags::MS_BIND, NONE)?;
        }
    }
    symlink("/proc/self/fd", dev.join("fd"))
}

fn fill_files(root: &Path) -> io::Result<()> {
    let account = "/var/run/secrets/kubernetes.io/serviceaccount";
    let search = "demo.svc.cluster.local svc.cluster.local cluster.local";
    let files: [(&str, String); 10] = [
        ("/etc/resolv.conf", format!("search {search}\nnameserver {RESOLVER_ADDRESS}\noptions ndots:5\n")),
        ("/etc/hosts", format!("127.0.0.1 localhost\n{POD_ADDRESS} {HOST_NAME}\n")),
        ("/etc/hostname", format!("{HOST_NAME}\n")),
        ("/etc/nsswitch.conf", "hosts: files dns\n".to_owned()),
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n".to_owned()),
        ("/etc/group", "root:x:0:\n".to_owned()),
        (MESSAGE_PATH, "This file exists in the pod only.\n".to_owned()),
        ("/app/config/backend", format!("{BACKEND_ADDRESS}\n")),
        (&format!("{account}/namespace"), "demo".to_owned()),
        (&format!("{account}/token"), "a-token-of-the-demo-pod".to_owned()),
    ];
    for (path, content) in files {
        let path = in_root(root, path);
        fs::create_dir_all(path.parent().expect("all paths have a directory"))?;
        fs::write(path, content)?;
    }
    for directory in ["tmp", "run", "root", "sys", "srv", "proc"] {
        fs::create_dir(root.join(directory))?;
    }
    // Where libraries lie that are not in the usual directories; without it they are searched for, which is no error.
    let _ = fs::copy("/etc/ld.so.cache", root.join("etc/ld.so.cache"));
    Ok(())
}

fn in_root(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// A `/proc` of the pod's own; where the outer one is partly masked, as in containers, the kernel refuses that, and
/// the outer one serves with its outer process ids.
fn mount_proc(place: &Path) -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    match mount(Some("proc"), place, Some("proc"), flags, NONE) {
        Err(Errno::EPERM | Errno::EACCES) => {
            mount(Some("/proc"), place, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)
        }
        mounted => mounted,
    }
}
