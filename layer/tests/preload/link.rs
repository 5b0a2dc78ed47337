//! The link to the session when it breaks.

use expect_test::expect;

use crate::program::python;
use crate::session::Session;

#[test]
fn a_session_that_dies_is_an_error_and_not_a_hang() {
    let session = Session::start();
    let script = r"
import errno, os
print(open('/data/file').read(), end='')
for path in ('/data/fatal', '/data/file', '/data/file'):
    try: print(open(path).read())
    except OSError as e: print(errno.errorcode[e.errno])
print(open('/proc/self/comm').read() != '')
";
    let shown = python(&session, script);
    expect![[r#"
        remote content
        EIO
        EIO
        EIO
        True
        --- stderr
        mirrord: the session does not answer (Connection reset by peer (os error 104)); remote files, names and connections fail from now on
    "#]].assert_eq(&shown);
}

#[test]
fn connections_are_few_high_and_closed_on_exec() {
    let session = Session::start();
    let script = r"
import os, fcntl
[open('/data/file').read() for _ in range(20)]
ours = [fd for fd in map(int, os.listdir('/proc/self/fd')) if fd >= 900]
print(len(ours), [fcntl.fcntl(fd, fcntl.F_GETFD) for fd in ours])
";
    expect![[r#"
        1 [1]
    "#]]
    .assert_eq(&python(&session, script));
    assert_eq!(session.seen("hello").len(), 1);
}

#[test]
fn decisions_are_logged_with_their_reasons() {
    let session = Session::start();
    python(&session, "open('/data/file').read()");
    let log = session.log();
    assert!(log.contains("/data/file is remote (Read): feature.fs.mode is `read`"), "{log}");
}
