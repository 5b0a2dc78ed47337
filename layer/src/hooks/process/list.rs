//! execl(3) and its like, which take the program's arguments one by one.
//!
//! Rust cannot define such functions. Three instructions' worth of assembler puts the arguments that came in registers
//! beside those on the stack; the rest is ordinary code. System V ABI, AMD64 supplement, 3.2.3.
#![cfg(target_arch = "x86_64")]
#![expect(unsafe_code, reason = "reads the arguments of variadic functions")]

use std::arch::naked_asm;

use libc::{c_char, c_int};

use crate::cabi::{Text, Texts};

/// Defines a variadic C function of a text and a list of texts that ends with null, which `body` answers.
macro_rules! variadic {
    ($($(#[$doc:meta])* fn $name:ident => $body:path;)+) => {$(
        $(#[$doc])*
        #[unsafe(naked)]
        #[cfg_attr(not(test), unsafe(no_mangle))]
        #[cfg_attr(test, allow(dead_code, reason = "a unit test calls libc itself"))]
        pub(crate) unsafe extern "C-unwind" fn $name() -> c_int {
            naked_asm!(
                // Behind the return address: arguments seven and following.
                "lea rax, [rsp + 8]",
                // Arguments two to six, in the order of memory. Five pushes leave the stack aligned for a call.
                "push r9",
                "push r8",
                "push rcx",
                "push rdx",
                "push rsi",
                "mov rsi, rsp",
                "mov rdx, rax",
                "call {body}",
                "add rsp, 40",
                "ret",
                body = sym $body,
            )
        }
    )+};
}

variadic! {
    /// execl(3)
    fn execl => by_path;
    /// execlp(3)
    fn execlp => by_name;
    /// execle(3): behind the list's end comes the environment.
    fn execle => with_environment;
}

/// Arguments in registers: two to six.
const IN_REGISTERS: usize = 5;

type Registers = *const [*const c_char; IN_REGISTERS];
type Stack = *const *const c_char;

/// Longest list on the stack of ours, its end included.
const SMALL: usize = 256;

unsafe extern "C-unwind" fn by_path(path: Text, registers: Registers, stack: Stack) -> c_int {
    let arguments = Variadic { registers, stack };
    // SAFETY: as execl's own caller promised.
    arguments.list(|list| unsafe { libc::execve(path.pointer(), list.pointer(), Texts::environment().pointer()) })
}

unsafe extern "C-unwind" fn by_name(file: Text, registers: Registers, stack: Stack) -> c_int {
    let arguments = Variadic { registers, stack };
    // SAFETY: as execlp's own caller promised.
    arguments.list(|list| unsafe { libc::execvpe(file.pointer(), list.pointer(), Texts::environment().pointer()) })
}

unsafe extern "C-unwind" fn with_environment(path: Text, registers: Registers, stack: Stack) -> c_int {
    let arguments = Variadic { registers, stack };
    #[expect(clippy::cast_ptr_alignment, reason = "the caller passed a list where the others are texts")]
    let environment = arguments.at(arguments.count() + 1).cast::<*const c_char>();
    // SAFETY: as execle's own caller promised.
    arguments.list(|list| unsafe { libc::execve(path.pointer(), list.pointer(), environment) })
}

/// The arguments behind the first one.
#[derive(Clone, Copy)]
struct Variadic {
    registers: Registers,
    stack: Stack,
}

impl Variadic {
    /// An argument up to the list's end, or the one behind it for execle(3).
    fn at(self, index: usize) -> *const c_char {
        if index < IN_REGISTERS {
            // SAFETY: the assembler has put them there.
            return unsafe { (*self.registers)[index] };
        }
        // SAFETY: the caller has passed that many: it ended its list with null.
        unsafe { *self.stack.add(index - IN_REGISTERS) }
    }

    /// Texts before the null.
    fn count(self) -> usize {
        let mut count = 0;
        while !self.at(count).is_null() {
            count += 1;
        }
        count
    }

    /// Runs `exec` with the list in one piece.
    fn list(self, exec: impl FnOnce(Texts) -> c_int) -> c_int {
        let len = self.count() + 1;
        let fill = |slots: &mut [*const c_char]| {
            for (index, slot) in slots.iter_mut().enumerate() {
                *slot = self.at(index);
            }
        };
        if len <= SMALL {
            let mut slots = [std::ptr::null(); SMALL];
            fill(&mut slots[..len]);
            exec(Texts::of(&slots[..len]))
        } else {
            let mut slots = vec![std::ptr::null(); len];
            fill(&mut slots);
            exec(Texts::of(&slots))
        }
    }
}
