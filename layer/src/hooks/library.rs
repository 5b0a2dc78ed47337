//! dlopen(3): libraries that want to see nothing but what they are linked with.
//!
//! `RTLD_DEEPBIND` has a library find libc before us: its calls would be this machine's. PHP loads all its extensions so,
//! Julia all its packages. The real function looks at its return address to know who calls (for `$ORIGIN`, run paths and
//! namespaces), so it must be jumped to, which only assembler can promise.
#![expect(unsafe_code, reason = "a function that ends with a jump")]

use std::arch::naked_asm;

use libc::c_int;

use crate::hook::Next;

/// dlopen(3)
#[unsafe(naked)]
#[cfg_attr(not(test), unsafe(no_mangle))]
#[cfg_attr(test, allow(dead_code, reason = "a unit test calls libc itself"))]
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe extern "C-unwind" fn dlopen() {
    naked_asm!(
        "push rdi",
        "push rsi",
        // Where the flags lie, with the stack aligned for a call.
        "mov rdi, rsp",
        "sub rsp, 8",
        "call {prepare}",
        "add rsp, 8",
        "pop rsi",
        "pop rdi",
        "test rax, rax",
        "jz 2f",
        "jmp rax",
        "2:",
        "ret",
        prepare = sym prepare,
    )
}

/// dlopen(3)
#[unsafe(naked)]
#[cfg_attr(not(test), unsafe(no_mangle))]
#[cfg_attr(test, allow(dead_code, reason = "a unit test calls libc itself"))]
#[cfg(target_arch = "aarch64")]
pub(crate) unsafe extern "C-unwind" fn dlopen() {
    naked_asm!(
        "stp x29, x30, [sp, #-32]!",
        "stp x0, x1, [sp, #16]",
        // Where the flags lie.
        "add x0, sp, #24",
        "bl {prepare}",
        "mov x16, x0",
        "ldp x0, x1, [sp, #16]",
        "ldp x29, x30, [sp], #32",
        "cbz x16, 2f",
        "br x16",
        "2:",
        "mov x0, xzr",
        "ret",
        prepare = sym prepare,
    )
}

/// The real function; null where there is none. Takes the flag away.
unsafe extern "C" fn prepare(flags: *mut c_int) -> *mut () {
    static NEXT: Next = Next::new("dlopen\0");
    // SAFETY: the assembler has put the caller's flags there.
    unsafe { *flags &= !libc::RTLD_DEEPBIND };
    NEXT.address()
}
