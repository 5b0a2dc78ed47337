//! Names, resolved in the target.

use std::process::Command;

use expect_test::expect;

use crate::program::{c, inject, output_of, python};
use crate::session::{Session, policy};

#[test]
fn every_way_of_c_asks_the_target() {
    let session = Session::start();
    let mut command = Command::new(c("names"));
    // glibc checks each free, and fills what is freed.
    inject(&mut command, &session).env("MALLOC_CHECK_", "3").env("MALLOC_PERTURB_", "165");
    expect![[r#"
        db 80 0 1 0: 10.1.2.3/80/1 fd00::3/80/1
        db 80 0 0 0: 10.1.2.3/80/1 10.1.2.3/80/2 10.1.2.3/80/3 fd00::3/80/1 fd00::3/80/2 fd00::3/80/3
        db - 2 2 0x2: 10.1.2.3/0/2(db.default.svc.cluster.local)
        db https 10 1 0x20: fd00::3/443/1
        under_score 1 2 1 0: 10.1.2.3/1/1
        four 1 10 1 0: No address associated with hostname
        four 1 10 1 0x8: ::ffff:10.1.2.3/1/1
        db 1 10 1 0x18: fd00::3/1/1 ::ffff:10.1.2.3/1/1
        nobody 1 0 1 0: Name or service not known
        again 1 0 1 0: Temporary failure in name resolution
        fail 1 0 1 0: Non-recoverable failure in name resolution
        db no-such-service 0 1 0: Servname not supported for ai_socktype
        db http 0 1 0x400: Name or service not known
        db 1 99 1 0: ai_family not supported
        127.1 80 0 1 0: 127.0.0.1/80/1
        1.2.3.4 80 0 1 0x4: 1.2.3.4/80/1
        db 80 0 1 0x4: Name or service not known
        ::1 80 0 1 0: ::1/80/1
        - 80 2 1 0x1: 0.0.0.0/80/1
        gethostbyname db.default.svc.cluster.local 10.1.2.3
        gethostbyname2 db.default.svc.cluster.local fd00::3
        gethostbyname error 1
        gethostbyname 1.2.3.4 1.2.3.4
        gethostbyname_r: 34 1
        gethostbyname_r: 0 db.default.svc.cluster.local 10.1.2.3
        gethostbyname_r: 0 1 1
        freed
    "#]]
    .assert_eq(&output_of(&mut command));
}

#[test]
fn names_stay_here_when_dns_is_off() {
    let mut policy = policy();
    policy.remote_dns = false;
    let session = Session::with(policy, None);
    python(&session, "import socket\ntry: socket.getaddrinfo('localhost', 80)\nexcept OSError: pass");
    assert!(session.seen("lookup").is_empty());
}
