//! The table as a BPF program, made by the compiler. seccomp(2), bpf(4).

use std::mem::offset_of;

use libc::{seccomp_data, sock_filter};

use crate::trapped::{TRAPPED, Trapped, When};

/// The program.
pub(super) static PROGRAM: [sock_filter; LEN] = compile();

/// Architecture whose numbers the table holds (`linux/audit.h`).
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xC000_00B7;

/// Numbers with this bit are those of x32, a second set of numbers for the same calls.
const X32_BIT: u32 = 0x4000_0000;

// Instructions (`linux/filter.h`).
const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_NOT_LESS: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const JUMP_ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
pub(super) const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// Instructions before the table's first call.
const HEAD: usize = 6;

const LEN: usize = {
    let (mut len, mut index) = (HEAD + 1, 0);
    while index < TRAPPED.len() {
        len += size(TRAPPED[index].when);
        index += 1;
    }
    len
};

/// Instructions of a call.
const fn size(when: When) -> usize {
    match when {
        When::Always | When::Fail(_) => 2,
        When::Without(..) | When::FailWith(..) => 5,
        When::NotNull(_) | When::Both(..) => 7,
    }
}

const fn compile() -> [sock_filter; LEN] {
    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    let mut code = Code { instructions: [step(RETURN, ALLOW); LEN], len: 0 };
    code.push(step(LOAD, arch_at()));
    code.push(jump(JUMP_EQUAL, ARCHITECTURE, 1, 0));
    code.push(step(RETURN, refusal(libc::ENOSYS)));
    code.push(step(LOAD, number_at()));
    code.push(jump(JUMP_NOT_LESS, X32_BIT, 0, 1));
    code.push(step(RETURN, refusal(libc::ENOSYS)));
    let mut index = 0;
    while index < TRAPPED.len() {
        code.push_call(TRAPPED[index]);
        index += 1;
    }
    code.push(step(RETURN, ALLOW));
    assert!(code.len == LEN, "`size` counts what `push_call` pushes");
    code.instructions
}

struct Code {
    instructions: [sock_filter; LEN],
    len: usize,
}

impl Code {
    const fn push(&mut self, instruction: sock_filter) {
        self.instructions[self.len] = instruction;
        self.len += 1;
    }

    /// The accumulator holds the number, here and behind it.
    const fn push_call(&mut self, Trapped { number, when, .. }: Trapped) {
        const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
        const ANNOUNCE: u32 = libc::SECCOMP_RET_USER_NOTIF;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers have three digits")]
        let number = number as u32;
        #[expect(clippy::cast_possible_truncation, reason = "at most 7")]
        let rest = size(when) as u8 - 1;
        self.push(jump(JUMP_EQUAL, number, 0, rest));
        match when {
            When::Always => self.push(step(RETURN, ANNOUNCE)),
            When::Fail(errno) => self.push(step(RETURN, refusal(errno))),
            When::Without(argument, bits) => {
                self.push(step(LOAD, low_half_at(argument)));
                self.push(jump(JUMP_ANY_BIT, bits, 1, 0));
                self.push(step(RETURN, ANNOUNCE));
                self.push(step(RETURN, ALLOW));
            }
            When::FailWith(argument, bits, errno) => {
                self.push(step(LOAD, low_half_at(argument)));
                self.push(jump(JUMP_ANY_BIT, bits, 0, 1));
                self.push(step(RETURN, refusal(errno)));
                self.push(step(RETURN, ALLOW));
            }
            When::Both((first, its_value), (second, other_value)) => {
                self.push(step(LOAD, low_half_at(first)));
                self.push(jump(JUMP_EQUAL, its_value.cast_unsigned(), 0, 3));
                self.push(step(LOAD, low_half_at(second)));
                self.push(jump(JUMP_EQUAL, other_value.cast_unsigned(), 0, 1));
                self.push(step(RETURN, ANNOUNCE));
                self.push(step(RETURN, ALLOW));
            }
            When::NotNull(argument) => {
                self.push(step(LOAD, low_half_at(argument)));
                self.push(jump(JUMP_EQUAL, 0, 0, 2));
                self.push(step(LOAD, low_half_at(argument) + 4));
                self.push(jump(JUMP_EQUAL, 0, 1, 0));
                self.push(step(RETURN, ANNOUNCE));
                self.push(step(RETURN, ALLOW));
            }
        }
    }
}

pub(super) const fn step(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

/// Skips `yes` instructions when the comparison of the accumulator with `k` holds, else `no`.
pub(super) const fn jump(code: u16, k: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { code, jt: yes, jf: no, k }
}

const fn refusal(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()
}

#[expect(clippy::cast_possible_truncation, reason = "offsets in a structure of 64 bytes")]
const fn number_at() -> u32 {
    offset_of!(seccomp_data, nr) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "offsets in a structure of 64 bytes")]
const fn arch_at() -> u32 {
    offset_of!(seccomp_data, arch) as u32
}

/// Place of an argument's lower four bytes; both architectures are little-endian.
#[expect(clippy::cast_possible_truncation, reason = "offsets in a structure of 64 bytes")]
const fn low_half_at(argument: u8) -> u32 {
    assert!(argument < 6, "a system call has six arguments");
    offset_of!(seccomp_data, args) as u32 + 8 * argument as u32
}
