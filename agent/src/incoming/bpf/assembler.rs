//! A small assembler for eBPF programs: straight code and forward jumps. bpf(2), linux/bpf.h.

use std::os::fd::AsRawFd;

use super::Map;

/// One instruction (linux/bpf.h, `struct bpf_insn`).
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(in crate::incoming) struct Instruction {
    code: u8,
    /// Destination in the low four bits, source in the high ones.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// Registers r0 to r10; r10 is the frame pointer.
pub(in crate::incoming) type Register = u8;

/// Helpers of the kernel (linux/bpf.h, `___BPF_FUNC_MAPPER`).
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub(in crate::incoming) enum Helper {
    MapLookup = 1,
    SocketRelease = 86,
    SocketAssign = 124,
}

/// Width of a load.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(in crate::incoming) enum Width {
    Word = 0x00,
    Half = 0x08,
}

/// A place that jumps go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::incoming) struct Label(usize);

/// Collects instructions and resolves forward jumps.
#[derive(Debug, Default)]
pub(in crate::incoming) struct Assembler {
    code: Vec<Instruction>,
    jumps: Vec<(usize, Label)>,
    labels: Vec<Option<usize>>,
}

impl Assembler {
    fn emit(&mut self, code: u8, to: Register, from: Register, offset: i16, immediate: i32) {
        self.code.push(Instruction { code, registers: to | from << 4, offset, immediate });
    }

    /// A label that is placed later.
    pub(in crate::incoming) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts a label here.
    pub(in crate::incoming) fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.code.len());
    }

    /// `to = from`
    pub(in crate::incoming) fn copy(&mut self, to: Register, from: Register) {
        self.emit(0xbf, to, from, 0, 0);
    }

    /// `to = value`
    pub(in crate::incoming) fn set(&mut self, to: Register, value: i32) {
        self.emit(0xb7, to, 0, 0, value);
    }

    /// `to += value`
    pub(in crate::incoming) fn add(&mut self, to: Register, value: i32) {
        self.emit(0x07, to, 0, 0, value);
    }

    /// `to |= value`
    pub(in crate::incoming) fn or(&mut self, to: Register, value: i32) {
        self.emit(0x47, to, 0, 0, value);
    }

    /// `to = *(from + offset)`
    pub(in crate::incoming) fn load(&mut self, width: Width, to: Register, from: Register, offset: i16) {
        self.emit(0x61 | width as u8, to, from, offset, 0);
    }

    /// `*(u32 *)(to + offset) = from`
    pub(in crate::incoming) fn store(&mut self, to: Register, offset: i16, from: Register) {
        self.emit(0x63, to, from, offset, 0);
    }

    /// `to = map`
    pub(in crate::incoming) fn load_map(&mut self, to: Register, map: &Map) {
        const PSEUDO_MAP_FD: Register = 1;
        self.emit(0x18, to, PSEUDO_MAP_FD, 0, map.fd.as_raw_fd());
        self.emit(0, 0, 0, 0, 0);
    }

    /// Calls a helper: arguments in r1 to r5, result in r0.
    pub(in crate::incoming) fn call(&mut self, helper: Helper) {
        self.emit(0x85, 0, 0, 0, helper as i32);
    }

    /// Ends the program; r0 is the verdict.
    pub(in crate::incoming) fn exit(&mut self) {
        self.emit(0x95, 0, 0, 0, 0);
    }

    /// `goto label`
    pub(in crate::incoming) fn jump(&mut self, label: Label) {
        self.jump_with(0x05, 0, 0, 0, label);
    }

    /// `if register == value goto label`
    pub(in crate::incoming) fn jump_if(&mut self, register: Register, value: i32, label: Label) {
        self.jump_with(0x15, register, 0, value, label);
    }

    /// `if register != value goto label`
    pub(in crate::incoming) fn jump_unless(&mut self, register: Register, value: i32, label: Label) {
        self.jump_with(0x55, register, 0, value, label);
    }

    /// `if one != other goto label`
    pub(in crate::incoming) fn jump_unless_same(&mut self, one: Register, other: Register, label: Label) {
        self.jump_with(0x5d, one, other, 0, label);
    }

    fn jump_with(&mut self, code: u8, to: Register, from: Register, value: i32, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.emit(code, to, from, 0, value);
    }

    /// The program.
    pub(in crate::incoming) fn finish(mut self) -> Vec<Instruction> {
        for (at, label) in self.jumps {
            let target = self.labels[label.0].expect("every label is placed");
            self.code[at].offset = i16::try_from(target - at - 1).expect("jumps go forward, over a few instructions");
        }
        self.code
    }
}
