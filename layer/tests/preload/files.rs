//! Reading the target's files.

use expect_test::expect;

use crate::program::{c, python, run};
use crate::session::Session;

#[test]
fn every_way_of_c_reaches_remote_files() {
    let session = Session::start();
    expect![[r#"
        open: remote content
        open64: remote content
        openat: remote content
        openat64: remote content
        __open_2: remote content
        __openat_2: remote content
        __open64_2: remote content
        __openat64_2: remote content
        syscall open: remote content
        syscall openat: remote content
        dotted: remote content
        nofollow: ELOOP
        follow: remote content
        missing: ENOENT
        hidden: ENOENT
        write stays local: ENOENT
        remote write: open, EBADF
        creat: open, EBADF
        folder: open, EISDIR
        no folder: ENOTDIR
        path only: open, EBADF
        local: files
        null: EFAULT
        flags: cloexec 0 mode 0
        fstat: mode 100640 size 15 uid 1001 mtime 1600000000.123
        mmap: remote
        write: EBADF
        flags: cloexec 1
        fopen: remote content
        fopen64: remote content
        fopen missing: ENOENT
        fopen write: EBADF
        freopen: remote content
        stat: mode 100640 size 15 uid 1001 mtime 1600000000.123
        lstat: mode 120777 size 10 uid 1001 mtime 1600000000.123
        fstatat: mode 120777 size 10 uid 1001 mtime 1600000000.123
        __xstat: mode 100640 size 15 uid 1001 mtime 1600000000.123
        __lxstat: ENOENT
        stat64: mode 100640 size 15 uid 1001 mtime 1600000000.123
        lstat64: mode 120777 size 10 uid 1001 mtime 1600000000.123
        fstatat64: mode 100640 size 15 uid 1001 mtime 1600000000.123
        __xstat64: mode 100640 size 15 uid 1001 mtime 1600000000.123
        __lxstat64: mode 120777 size 10 uid 1001 mtime 1600000000.123
        __fxstatat: mode 100640 size 15 uid 1001 mtime 1600000000.123
        __fxstatat64: mode 100640 size 15 uid 1001 mtime 1600000000.123
        fstat64: mode 100640 size 15 uid 1001 mtime 1600000000.123
        __fxstat: mode 100640 size 15 uid 1001 mtime 1600000000.123
        __fxstat64: mode 100640 size 15 uid 1001 mtime 1600000000.123
        syscall stat: mode 100640 size 15 uid 1001 mtime 1600000000.123
        statx: 0 mode 100640 size 15
        syscall statx: 0 mode 100640 size 15
        statx of an open file: 0 mode 100640 size 15 same 1
        access: 0 -1 EACCES
        faccessat: 0, eaccess: 0, euidaccess: 0
        access W_OK: ENOENT
        readlink: /data/file
        readlinkat: /data
        readlink of a file: EINVAL
        __readlink_chk: /data/file
        __readlinkat_chk: /data/file
        __realpath_chk: /data/file
        realpath: /data/file
        realpath: ENOTDIR
        opendir: ok
        opendir: ENOENT
        local opendir: ok
        errno after success: E2BIG
    "#]]
    .assert_eq(&run(&session, &c("files"), &[]));
}

#[test]
fn python_reads_remote_files_and_keeps_its_own() {
    let session = Session::start();
    let script = r"
import os, stat, errno, sys, tempfile
print(open('/data/file').read(), end='')
print(len(open('/data/large', 'rb').read()), open('/data/empty').read() == '')
print(open('/etc/resolv.conf').read(), end='')
s = os.stat('/data/file'); print(oct(s.st_mode), s.st_size, s.st_uid, s.st_gid, s.st_mtime_ns)
print(os.readlink('/data/link'), os.path.realpath('/data/link'), os.path.isdir('/data'), os.path.exists('/data/no'))
for call in (lambda: open('/data/no'), lambda: os.listdir('/data'), lambda: os.stat('/data/hidden')):
    try: call()
    except OSError as e: print(errno.errorcode[e.errno])
with tempfile.NamedTemporaryFile('w+') as f:
    f.write('mine'); f.flush(); print(open(f.name).read())
print(os.listdir(tempfile.gettempdir()) is not None)
";
    expect![[r#"
        remote content
        3000000 True
        nameserver 10.96.0.10
        0o100640 15 1001 1002 1600000000000000123
        /data/file /data/file True False
        ENOENT
        ENOENT
        mine
        True
    "#]]
    .assert_eq(&python(&session, script));
}

#[test]
fn one_open_is_one_message() {
    let session = Session::start();
    python(&session, "f = open('/data/file', 'rb', 0); f.read(); f.seek(0); f.read(); f.close()");
    assert_eq!(session.seen("open /data/file").len(), 1);
    assert_eq!(session.seen("stat /data/file").len(), 0);
}

#[test]
fn a_slow_call_delays_no_other_thread() {
    let session = Session::start();
    let script = r"
import threading, time
times = {}
def read(path):
    start = time.monotonic(); open(path).read(); times.setdefault(path, time.monotonic() - start)
slow = threading.Thread(target=read, args=('/data/slow',)); slow.start()
time.sleep(0.05)
threads = [threading.Thread(target=lambda: [read('/data/file') for _ in range(50)]) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print('still slow:', slow.is_alive()); slow.join(); print(times['/data/slow'] >= 1)
";
    expect![[r#"
        still slow: True
        True
    "#]]
    .assert_eq(&python(&session, script));
}
