//! The program for a process that has our library: calls from inside libc are let pass, because the library has seen
//! them already.

use std::{mem::offset_of, ops::Range};

use libc::{seccomp_data, sock_filter};

use super::program::{PROGRAM, RETURN, jump, step};

/// Most ranges of addresses: libc, its loader, its resolver, and what older versions are made of.
pub const RANGE_LIMIT: usize = 12;

const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const JUMP_NOT_LESS: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS

/// Instructions of a range, which may have to be cut in two.
const RANGE_LEN: usize = 6;
const LEN: usize = PROGRAM.len() + 2 * RANGE_LIMIT * RANGE_LEN + 1;

/// A program, and how much of it counts.
pub(super) struct Program {
    instructions: [sock_filter; LEN],
    len: usize,
}

impl Program {
    /// [`PROGRAM`], with a look at the caller's address before anything is announced; nothing when there are more than
    /// [`RANGE_LIMIT`] ranges.
    pub(super) fn new(ranges: &[Range<u64>]) -> Option<Self> {
        if ranges.len() > RANGE_LIMIT {
            return None;
        }
        let mut this = Self { instructions: [step(RETURN, libc::SECCOMP_RET_USER_NOTIF); LEN], len: PROGRAM.len() };
        for (index, instruction) in PROGRAM.iter().enumerate() {
            let announces = instruction.code == RETURN && instruction.k == libc::SECCOMP_RET_USER_NOTIF;
            let distance = u32::try_from(PROGRAM.len() - index - 1).ok()?;
            this.instructions[index] = if announces { step(JUMP, distance) } else { *instruction };
        }
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            let (first, last) = (range.start, range.end - 1);
            if first >> 32 == last >> 32 {
                this.push(first, last);
            } else {
                // Numbers have 32 bits here. A library is smaller than 4 GiB.
                let border = last >> 32 << 32;
                this.push(first, border - 1);
                this.push(border, last);
            }
        }
        this.len += 1; // what is left: announced
        Some(this)
    }

    /// Lets calls from these addresses, ends included, pass.
    #[expect(clippy::cast_possible_truncation, reason = "halves of numbers, and offsets in a structure of 64 bytes")]
    fn push(&mut self, first: u64, last: u64) {
        const LOW: u32 = offset_of!(seccomp_data, instruction_pointer) as u32;
        let instructions = [
            step(LOAD, LOW + 4),
            jump(JUMP_EQUAL, (first >> 32) as u32, 0, 4),
            step(LOAD, LOW),
            jump(JUMP_NOT_LESS, first as u32, 0, 2),
            jump(JUMP_GREATER, last as u32, 1, 0),
            step(RETURN, libc::SECCOMP_RET_ALLOW),
        ];
        self.instructions[self.len..self.len + RANGE_LEN].copy_from_slice(&instructions);
        self.len += RANGE_LEN;
    }

    pub(super) fn instructions(&self) -> &[sock_filter] {
        &self.instructions[..self.len]
    }
}
