//! glob(3) over the target's folders: libc calls the functions that it is given for listing (`GLOB_ALTDIRFUNC`).
#![expect(unsafe_code, reason = "writes the program's `glob_t`")]

use std::ffi::c_void;
use std::ptr;

use libc::{c_char, c_int};

use crate::cabi::Text;
use crate::scope::{self, Otherwise};
use crate::{hooks, working};

/// The caller brings functions for listing along. `glob.h`
const GLOB_ALTDIRFUNC: c_int = 1 << 9;

/// `glob_t`, which is `glob64_t` as well.
#[repr(C)]
pub(crate) struct Glob {
    count: usize,
    paths: *mut *mut c_char,
    offset: usize,
    flags: c_int,
    functions: Functions,
}

/// `gl_closedir` to `gl_stat`, in this order.
#[derive(Clone, Copy)]
#[repr(C)]
struct Functions {
    close: *const c_void,
    read: *const c_void,
    open: *const c_void,
    link_status: *const c_void,
    status: *const c_void,
}

/// Runs the real function, `glob`, with flags under which it lists through us.
pub(crate) fn with_hooks(pattern: Text, flags: c_int, found: *mut Glob, glob: impl FnOnce(c_int) -> c_int) -> c_int {
    let is_ours = flags & GLOB_ALTDIRFUNC == 0 && !found.is_null() && concerns_us(pattern);
    if !is_ours {
        return glob(flags);
    }
    let functions = Functions {
        close: libc::closedir as *const c_void,
        read: libc::readdir64 as *const c_void,
        open: hooks::folder::opendir as *const c_void,
        link_status: hooks::stat::lstat as *const c_void,
        status: hooks::stat::stat as *const c_void,
    };
    // SAFETY: not null; the caller of glob(3) passes a `glob_t`, whose functions mean nothing without the flag.
    let before = unsafe { ptr::replace(&raw mut (*found).functions, functions) };
    let result = glob(flags | GLOB_ALTDIRFUNC);
    // SAFETY: as above.
    unsafe {
        (*found).functions = before;
        (*found).flags &= !GLOB_ALTDIRFUNC;
    }
    result
}

fn concerns_us(pattern: Text) -> bool {
    let concerns = scope::run(|_| {
        let is_absolute = pattern.bytes()?.starts_with(b"/");
        if is_absolute || working::is_remote() { Ok(()) } else { Err(Otherwise::Native) }
    });
    concerns.is_ok()
}
