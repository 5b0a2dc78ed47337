//! One macro that defines a libc function of ours.
//!
//! `redhook` finds the real function, but its own macro is not used: that one calls the real function inside
//! `catch_unwind`, and a thread that is cancelled while it waits there (pthread_cancel(3) in accept(2), say) aborts the
//! whole program. Here the real function runs last, outside, in a frame without destructors, which forced unwinding
//! may pass.

use std::panic::catch_unwind;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The oldest version of symbols that glibc has on this architecture.
#[cfg(target_arch = "x86_64")]
const FIRST_VERSION: &std::ffi::CStr = c"GLIBC_2.2.5";
/// The oldest version of symbols that glibc has on this architecture.
#[cfg(not(target_arch = "x86_64"))]
const FIRST_VERSION: &std::ffi::CStr = c"GLIBC_2.17";

/// The real function behind a hook, looked up at its first use.
pub(crate) struct Next {
    symbol: &'static str,
    found: AtomicPtr<()>,
}

impl Next {
    /// `symbol` ends with NUL.
    pub(crate) const fn new(symbol: &'static str) -> Self {
        Self { symbol, found: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Address of the function; null when no other library has it.
    pub(crate) fn address(&self) -> *mut () {
        let known = self.found.load(Ordering::Relaxed);
        if known.is_null() { self.look_up() } else { known }
    }

    #[cold]
    #[expect(unsafe_code, reason = "dlsym(3) by way of redhook, and dlvsym(3)")]
    fn look_up(&self) -> *mut () {
        let name = self.symbol.as_ptr().cast();
        // SAFETY: the symbol ends with NUL, as `new` demands of the one macro that calls it.
        let found = if unsafe { libc::dlsym(libc::RTLD_NEXT, name) }.is_null() {
            // What glibc keeps for programs built long ago has no other name than that of its first version.
            // SAFETY: as above.
            unsafe { libc::dlvsym(libc::RTLD_NEXT, name, FIRST_VERSION.as_ptr()) }.cast()
        } else {
            // SAFETY: as above; redhook panics about symbols that are not there, and this one is.
            let found = catch_unwind(|| unsafe { redhook::ld_preload::dlsym_next(self.symbol) });
            found.map_or(ptr::null_mut(), |address| address.cast_mut().cast())
        };
        self.found.store(found, Ordering::Relaxed);
        found
    }
}

/// Defines the C function `name`, which the program calls instead of libc's.
///
/// `=> body`: `body(layer, arguments…)` decides, inside a scope ([`crate::scope`]); when it says `Native`, or the layer
/// is inert, or this thread is inside already, the real function runs with the same arguments; when it says `Instead`,
/// with other paths ([`crate::instead`]).
///
/// `=> around body`: `body(real, arguments…)` runs outside any scope and calls `real` itself.
macro_rules! hook {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $return:ty => around $body:expr;
    )+) => {$(
        $(#[$doc])*
        #[cfg_attr(not(test), expect(unsafe_code, reason = "defines a function of libc"))]
        #[cfg_attr(test, allow(unsafe_code, dead_code, reason = "a unit test calls libc itself"))]
        #[cfg_attr(not(test), unsafe(no_mangle))]
        pub(crate) unsafe extern "C-unwind" fn $name($($argument: $type),*) -> $return {
            static NEXT: $crate::hook::Next = $crate::hook::Next::new(concat!(stringify!($name), "\0"));
            let address = NEXT.address();
            if address.is_null() {
                return $crate::scope::failed(protocol::Errno::ENOSYS);
            }
            // SAFETY: libc's function of this name has this signature; the argument types have the representation
            // of C's (`cabi`).
            let real = unsafe {
                ::std::mem::transmute::<*mut (), unsafe extern "C-unwind" fn($($type),*) -> $return>(address)
            };
            ($body)(real, $($argument),*)
        }
    )+};
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $return:ty => $body:expr;
    )+) => {$(
        hook! {
            $(#[$doc])*
            fn $name($($argument: $type),*) -> $return
                => around |real: unsafe extern "C-unwind" fn($($type),*) -> $return, $($argument: $type),*| {
                    match $crate::scope::decide(|layer| $body(layer, $($argument),*)) {
                        $crate::scope::Decision::Value(value) => value,
                        // SAFETY: the real function, with the arguments that the program passed for it.
                        $crate::scope::Decision::Native => unsafe { real($($argument),*) },
                        $crate::scope::Decision::Instead(lent) => {
                            // SAFETY: as above; the paths that are put in are terminated and last for the call.
                            let value = unsafe { real($(lent.replace($argument)),*) };
                            lent.take_back();
                            value
                        }
                    }
                };
        }
    )+};
}

pub(crate) use hook;
