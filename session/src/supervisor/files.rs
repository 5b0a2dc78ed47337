//! Calls on paths.

use libc::c_long;

use super::Call;

/// The calls that come here.
pub(super) const CALLS: &[c_long] = &[libc::SYS_openat];

pub(super) fn handle(call: Call) {
    call.go_on();
}
