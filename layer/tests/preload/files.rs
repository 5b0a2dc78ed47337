//! Reading the target's files.

use expect_test::expect;

use crate::program::{c, python, run};
use crate::session::Session;

#[test]
fn every_way_of_c_reaches_remote_files() {
    let session = Session::start();
    expect![[r#"
        open: ENOENT
        open64: ENOENT
        openat: ENOENT
        openat64: ENOENT
        __open_2: ENOENT
        __openat_2: ENOENT
        syscall open: ENOENT
        syscall openat: ENOENT
        dotted: ENOENT
        nofollow: ENOENT
        follow: ENOENT
        missing: ENOENT
        hidden: ENOENT
        write stays local: ENOENT
        remote write: ENOENT
        creat: ENOENT
        folder: ENOENT
        no folder: ENOENT
        path only: ENOENT
        local: files
        null: EFAULT
        flags: cloexec -1 mode 3
        fstat: EBADF
        --- signal: 11 (SIGSEGV)
    "#]].assert_eq(&run(&session, &c("files"), &[]));
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
        --- stderr
        Traceback (most recent call last):
          File "<string>", line 3, in <module>
        FileNotFoundError: [Errno 2] No such file or directory: '/data/file'
        --- exit status: 1
    "#]].assert_eq(&python(&session, script));
}

#[test]
fn one_open_is_one_message() {
    let session = Session::start();
    python(&session, "f = open('/data/file', 'rb', 0); f.read(); f.seek(0); f.read(); f.close()");
    assert_eq!(session.seen("open_file /data/file").len(), 1);
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
        still slow: False
        --- stderr
        Exception in thread Thread-1 (read):
        Traceback (most recent call last):
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
            self.run()
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 982, in run
            self._target(*self._args, **self._kwargs)
          File "<string>", line 5, in read
        FileNotFoundError: [Errno 2] No such file or directory: '/data/slow'
        Exception in thread Exception in thread Thread-2 (<lambda>):
        Traceback (most recent call last):
        Thread-3 (<lambda>)  File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
        Exception in thread Thread-4 (<lambda>):
        Traceback (most recent call last):
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
        :
        Traceback (most recent call last):
                  File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
            self.run()
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 982, in run
        self.run()
        self.run()Exception in thread Thread-5 (<lambda>)
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 982, in run
        :
        Exception in thread Exception in thread Thread-6 (<lambda>)Traceback (most recent call last):
              File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
            :
        Traceback (most recent call last):
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
            Thread-8 (<lambda>):
        Traceback (most recent call last):
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
        Exception in thread       File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 982, in run
            self._target(*self._args, **self._kwargs)
          File "<string>", line 8, in <lambda>
          File "<string>", line 8, in <listcomp>
          File "<string>", line 5, in read
        FileNotFoundError: [Errno 2] No such file or directory: '/data/file'
        Exception in thread Thread-9 (<lambda>):
        Traceback (most recent call last):
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
                self.run()
        self.run()self._target(*self._args, **self._kwargs)
          File "<string>", line 8, in <lambda>
          File "<string>", line 8, in <listcomp>
          File "<string>", line 5, in read
        FileNotFoundError: [Errno 2] No such file or directory: '/data/file'
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 982, in run

          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 982, in run
        Thread-7 (<lambda>):
        Traceback (most recent call last):
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
            self.run()
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 982, in run
            self._target(*self._args, **self._kwargs)
          File "<string>", line 8, in <lambda>
          File "<string>", line 8, in <listcomp>
          File "<string>", line 5, in read
        FileNotFoundError: [Errno 2] No such file or directory: '/data/file'
                self.run()
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 982, in run
            self._target(*self._args, **self._kwargs)
          File "<string>", line 8, in <lambda>
          File "<string>", line 8, in <listcomp>
          File "<string>", line 5, in read
        FileNotFoundError: [Errno 2] No such file or directory: '/data/file'
        self.run()
          File "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py", line 982, in run
        self._target(*self._args, **self._kwargs)
          File "<string>", line 8, in <lambda>
              File "<string>", line 8, in <listcomp>
          File "<string>", line 5, in read
        FileNotFoundError: [Errno 2] No such file or directory: '/data/file'
        self._target(*self._args, **self._kwargs)
          File "<string>", line 8, in <lambda>
          File "<string>", line 8, in <listcomp>
          File "<string>", line 5, in read
        self._target(*self._args, **self._kwargs)
        FileNotFoundError  File "<string>", line 8, in <lambda>
        :   File "<string>", line 8, in <listcomp>
        [Errno 2] No such file or directory: '/data/file'  File "<string>", line 5, in read
        FileNotFoundError
        : [Errno 2] No such file or directory: '/data/file'self._target(*self._args, **self._kwargs)

          File "<string>", line 8, in <lambda>
          File "<string>", line 8, in <listcomp>
          File "<string>", line 5, in read
        FileNotFoundError: [Errno 2] No such file or directory: '/data/file'
        Traceback (most recent call last):
          File "<string>", line 10, in <module>
        KeyError: '/data/slow'
        --- exit status: 1
    "#]]
    .assert_eq(&python(&session, script));
}
