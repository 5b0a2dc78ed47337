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
    expect![[""]].assert_eq(&output_of(&mut command));
}

#[test]
fn names_stay_here_when_dns_is_off() {
    let mut policy = policy();
    policy.remote_dns = false;
    let session = Session::with(policy, None);
    python(&session, "import socket\ntry: socket.getaddrinfo('localhost', 80)\nexcept OSError: pass");
    assert!(session.seen("lookup").is_empty());
}
