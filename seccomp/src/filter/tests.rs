//! A thread puts the filter over itself and makes calls; this side answers each announced one with a mark.

use std::{os::fd::AsRawFd, sync::mpsc, thread};

use libc::c_long;

use super::*;
use crate::trapped::{TRAPPED, Trapped, When};

/// What the supervisor answers: no call gives this by itself.
const MARK: c_long = 4242;

/// Makes calls under the filter; gives the value, or the negative errno, of each.
fn under_filter(calls: Vec<(c_long, [c_long; 5])>) -> Vec<c_long> {
    let (listener_tx, listener) = mpsc::channel();
    let program = thread::spawn(move || {
        listener_tx.send(install().expect("a kernel since 5.19")).expect("the test listens");
        calls.into_iter().map(|(number, arguments)| call(number, arguments)).collect()
    });
    let listener = listener.recv().expect("installed");
    while let Some(id) = announced(&listener) {
        answer(&listener, id);
    }
    program.join().expect("no panic")
}

fn call(number: c_long, [first, second, third, fourth, fifth]: [c_long; 5]) -> c_long {
    // SAFETY: the callers pass descriptors and pointers that are nothing.
    let value = unsafe { libc::syscall(number, first, second, third, fourth, fifth) };
    if value == -1 {
        -c_long::from(io::Error::last_os_error().raw_os_error().expect("set by the kernel"))
    } else {
        value
    }
}

/// The next call; nothing when the thread has ended.
fn announced(listener: &OwnedFd) -> Option<u64> {
    let mut poll = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which is there.
    assert_eq!(unsafe { libc::poll(&raw mut poll, 1, 10_000) }, 1, "neither a call nor the end");
    if poll.revents & libc::POLLIN == 0 {
        return None;
    }
    // SAFETY: all zeroes is a valid value, and what the kernel asks for.
    let mut call: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one notification.
    let received = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) };
    assert_eq!(received, 0, "{}", io::Error::last_os_error());
    Some(call.id)
}

fn answer(listener: &OwnedFd, id: u64) {
    let mut answer = libc::seccomp_notif_resp { id, val: MARK, error: 0, flags: 0 };
    // SAFETY: the kernel reads one answer.
    let sent = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
    assert_eq!(sent, 0, "{}", io::Error::last_os_error());
}

/// Arguments with which a call does nothing, if it runs at all.
const NOTHING: [c_long; 5] = [-1, 0, 0, 0, 0];

fn with(argument: u8, value: c_long) -> [c_long; 5] {
    let mut arguments = NOTHING;
    arguments[usize::from(argument)] = value;
    arguments
}

#[test]
fn every_call_of_the_table_is_announced_when_it_says_so_and_not_otherwise() {
    let mut calls = Vec::new();
    let mut expected = Vec::new();
    for Trapped { name, number, when } in TRAPPED {
        let mut expect = |arguments, is_announced, why: &str| {
            calls.push((*number, arguments));
            expected.push((is_announced, format!("{name} {why}")));
        };
        match when {
            When::Always => expect(NOTHING, true, ""),
            When::NotNull(argument) => {
                expect(NOTHING, false, "without an address");
                expect(with(*argument, 1), true, "with an address");
                expect(with(*argument, 1 << 32), true, "with a high address");
            }
            When::Without(argument, bits) => {
                expect(NOTHING, true, "with a path");
                expect(with(*argument, c_long::from(*bits)), false, "on a descriptor");
            }
            When::Both((first, its_value), (second, other_value)) => {
                let mut both = with(*first, (*its_value).into());
                expect(both, false, "with another second argument");
                expect(with(*second, (*other_value).into()), false, "with another first argument");
                both[usize::from(*second)] = (*other_value).into();
                expect(both, true, "with both");
            }
            When::FailWith(argument, bits, errno) => {
                expect(NOTHING, false, "without the flag");
                let failed = under_filter(vec![(*number, with(*argument, c_long::from(*bits)))]);
                assert_eq!(failed, [-c_long::from(*errno)], "{name}");
            }
            When::Fail(errno) => {
                let failed = under_filter(vec![(*number, NOTHING)]);
                assert_eq!(failed, [-c_long::from(*errno)], "{name}");
            }
        }
    }
    let values = under_filter(calls);
    assert_eq!(values.len(), expected.len());
    for (value, (is_announced, what)) in values.into_iter().zip(expected) {
        assert_eq!(value == MARK, is_announced, "{what}: {value}");
    }
}

#[test]
fn other_calls_pass_and_other_sets_of_numbers_are_refused() {
    let x32 = 0x4000_0000 | libc::SYS_openat;
    let values = under_filter(vec![(libc::SYS_read, NOTHING), (libc::SYS_getpgrp, NOTHING), (x32, NOTHING)]);
    assert_eq!(values[0], -c_long::from(libc::EBADF));
    assert!(values[1] > 0 && values[1] != MARK, "{values:?}");
    assert_eq!(values[2], -c_long::from(libc::ENOSYS));
}

#[test]
fn a_supervised_thread_is_told_that_it_is() {
    let again = thread::spawn(|| {
        let _listener = install().expect("a kernel since 5.19");
        install().expect_err("one listener is the limit").raw_os_error()
    });
    assert_eq!(again.join().expect("no panic"), Some(libc::EBUSY));
}

#[test]
fn privileges_are_given_up_only_where_the_kernel_asks_for_it() {
    let locked = thread::spawn(|| {
        drop_capabilities();
        let _listener = install().expect("allowed to everybody");
        // SAFETY: takes numbers only.
        unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) }
    });
    assert_eq!(locked.join().expect("no panic"), 1);
}

/// capset(2) for the calling thread: none is left.
fn drop_capabilities() {
    const VERSION_3: u32 = 0x2008_0522;
    let (header, none) = ([VERSION_3, 0], [0_u32; 6]);
    // SAFETY: the kernel reads a header of two numbers and three sets of two.
    let dropped = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    assert_eq!(dropped, 0, "{}", io::Error::last_os_error());
}

#[test]
fn a_kernel_that_takes_the_filter_says_so_before() {
    check().expect("a kernel since 5.19");
}

#[test]
fn calls_from_allowed_addresses_are_not_announced() {
    /// The address behind the call that libc's `syscall` makes lies within its code, which is short.
    const CODE: u64 = 256;
    let libc = libc::syscall as *const () as u64;
    let elsewhere = 0x1000..0x2000;
    let across = (1 << 32) - 16..(1 << 32) + 16;
    let cases = [
        (vec![elsewhere.clone(), across.clone(), libc..libc + CODE], false),
        (vec![elsewhere, across, libc - CODE..libc], true),
        (vec![], true),
    ];
    for (allowed, is_announced) in cases {
        let (listener_tx, listener) = mpsc::channel();
        let program = thread::spawn(move || {
            listener_tx.send(install_outside(&allowed).expect("a kernel since 5.19")).expect("the test listens");
            call(libc::SYS_uname, NOTHING)
        });
        let listener = listener.recv().expect("installed");
        while let Some(id) = announced(&listener) {
            answer(&listener, id);
        }
        assert_eq!(program.join().expect("no panic") == MARK, is_announced);
    }
    let many = vec![0..1; RANGE_LIMIT + 1];
    assert_eq!(install_outside(&many).expect_err("too many").raw_os_error(), Some(libc::E2BIG));
}
