//! Connections that leave from the target.

use expect_test::expect;
use protocol::policy::OutgoingPolicy;

use crate::hold;
use crate::program::{c, python, run};
use crate::session::{Session, policy};

#[test]
fn connect_tells_the_truth_in_all_its_ways() {
    let session = Session::start();
    expect![[r#"
        blocking 10.1.2.3:7007: ok, waited 1 echo ping peer=10.1.2.3:7007 own=10.9.9.9:40001, again EISCONN
        blocking 10.1.2.3:9: ECONNREFUSED, waited 1, again ECONNREFUSED
        blocking 10.1.2.3:10: EHOSTUNREACH, waited 1, again EHOSTUNREACH
        blocking 10.1.2.3:11: ETIMEDOUT, waited 1, again ETIMEDOUT
        blocking ::ffff:10.1.2.3:7007: ok, waited 1 echo ping peer=::ffff:10.1.2.3:7007 own=::ffff:10.9.9.9:40001, again EISCONN
        blocking fd00::3:7007: ok, waited 1 echo ping peer=fd00::3:7007 own=::ffff:10.9.9.9:40001, again EISCONN
        blocking fd00::3:7007: ok, waited 1 echo ping peer=fd00::3:7007 own=::ffff:10.9.9.9:40001, again EISCONN
        blocking fd00::3:9: ECONNREFUSED, waited 1, again ECONNREFUSED
        nonblocking 10.1.2.3:7007: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 0, SO_ERROR ok, connect ok, connect EISCONN echo ping peer=10.1.2.3:7007 own=10.9.9.9:40001
        nonblocking 10.1.2.3:9: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 1, SO_ERROR ECONNREFUSED
        nonblocking 10.1.2.3:10: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 1, SO_ERROR EHOSTUNREACH
        nonblocking 10.1.2.3:11: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 1, SO_ERROR ETIMEDOUT
        nonblocking ::ffff:10.1.2.3:7007: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 0, SO_ERROR ok, connect ok, connect EISCONN echo ping peer=::ffff:10.1.2.3:7007 own=::ffff:10.9.9.9:40001
        nonblocking fd00::3:9: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 1, SO_ERROR ECONNREFUSED
        nonblocking 10.1.2.3:7007: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 0, SO_ERROR ok, connect ok, connect EISCONN echo ping peer=10.1.2.3:7007 own=10.9.9.9:40001
        nonblocking 10.1.2.3:9: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 1, SO_ERROR ECONNREFUSED
        nonblocking 10.1.2.3:10: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 1, SO_ERROR EHOSTUNREACH
        nonblocking 10.1.2.3:11: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 1, SO_ERROR ETIMEDOUT
        nonblocking ::ffff:10.1.2.3:7007: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 0, SO_ERROR ok, connect ok, connect EISCONN echo ping peer=::ffff:10.1.2.3:7007 own=::ffff:10.9.9.9:40001
        nonblocking fd00::3:9: EINPROGRESS, at once EALREADY, waited 1, events 1 out 1 err 1, SO_ERROR ECONNREFUSED
        blocking 127.0.0.1:7007: ok, waited 1 echo ping peer=127.0.0.1:7007 own=10.9.9.9:40001, again EISCONN
        blocking ::1:7007: ok, waited 1 echo ping peer=::1:7007 own=::ffff:10.9.9.9:40001, again EISCONN
        time limit: EINPROGRESS after 0.1 s: 1
        retry: ECONNREFUSED then ok
        closed: EBADF
        udp: ok
        mptcp: ENETUNREACH
        --- stderr
        mirrord: the session cannot carry the connection to 10.1.2.3:7007: connections of this kind fail with ENETUNREACH
    "#]].assert_eq(&run(&session, &c("connect"), &[]));
}

#[test]
fn two_hundred_at_once_stall_nothing() {
    let session = Session::start();
    let script = r"
import asyncio, time
async def one(port):
    start = time.monotonic()
    try:
        r, w = await asyncio.open_connection('10.1.2.3', port)
    except OSError as e:
        return type(e).__name__
    w.write(b'ping'); assert await r.readexactly(4) == b'ping'
    peer = w.get_extra_info('peername'); w.close()
    return '%s:%d' % peer
async def main():
    worst = 0
    async def tick():
        nonlocal worst
        while True:
            start = time.monotonic(); await asyncio.sleep(0.001); worst = max(worst, time.monotonic() - start)
    ticker = asyncio.create_task(tick())
    results = await asyncio.gather(*[one(9 if i % 4 == 0 else 7007) for i in range(200)])
    ticker.cancel()
    print({r: results.count(r) for r in sorted(set(results))}, 'no long stall:', worst < 0.5)
asyncio.run(main())
";
    expect![[r#"
        {'10.1.2.3:7007': 150, 'ConnectionRefusedError': 50} no long stall: True
    "#]]
    .assert_eq(&python(&session, script));
}

#[test]
fn loopback_is_asked_for_and_may_be_this_machines() {
    let session = Session::start();
    let script = r"
import socket, threading
s = socket.create_server(('127.0.0.1', 0)); port = s.getsockname()[1]
threading.Thread(target=lambda: s.accept()[0].send(b'mine'), daemon=True).start()
c = socket.create_connection(('127.0.0.1', port)); print(c.recv(9), c.getpeername() == ('127.0.0.1', port))
c = socket.create_connection(('127.0.0.1', 7007)); c.send(b'ping'); print(c.recv(9), c.getpeername())
";
    expect![[r#"
        b'mine' True
        b'ping' ('127.0.0.1', 7007)
    "#]]
    .assert_eq(&python(&session, script));
    let ignoring = |policy: &mut protocol::policy::Policy| policy.outgoing.ignore_localhost = true;
    let mut policy = policy();
    ignoring(&mut policy);
    let session = Session::with(policy, None);
    python(&session, "import socket; socket.socket().connect_ex(('127.0.0.1', 1))");
    assert!(session.seen("loopback").is_empty() && session.seen("connect").is_empty());
}

#[test]
fn without_a_hold_port_the_plain_relay_serves() {
    let relay_port = hold::relay();
    let mut policy = policy();
    policy.outgoing = OutgoingPolicy { tcp: false, relay_port, ..OutgoingPolicy::default() };
    let session = Session::with(policy.clone(), None);
    let script = r"
import socket, errno
s = socket.socket()
try: s.settimeout(5); s.connect(('10.1.2.3', 7007)); s.send(b'ping'); print(s.recv(9))
except OSError as e: print(errno.errorcode.get(e.errno, e))
";
    // Switched off: the kernel's own answer, which is no success.
    assert!(!python(&session, script).contains("ping"));
    assert!(session.seen("connect").is_empty());
    policy.outgoing.hold_port = 0;
    policy.outgoing.tcp = true;
    let session = Session::unheld(policy.clone());
    expect![[r#"
        b'ping'
    "#]]
    .assert_eq(&python(&session, script));
    assert_eq!(session.seen("connect"), ["connect 10.1.2.3:7007 early=true"]);
    policy.outgoing.relay_port = 0;
    let session = Session::unheld(policy);
    expect![[r#"
        ENETUNREACH
        --- stderr
        mirrord: the session cannot carry the connection to 10.1.2.3:7007: connections of this kind fail with ENETUNREACH
    "#]].assert_eq(&python(&session, script));
}
