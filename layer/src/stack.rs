//! Bytes on the stack, for code between fork and exec.

use std::ffi::CStr;
use std::fmt;

/// Longest text, in bytes with its NUL: `PATH_MAX`.
pub(crate) const LIMIT: usize = 4096;

/// Bytes with a NUL behind them, without the heap.
pub(crate) struct StackBytes {
    bytes: [u8; LIMIT],
    len: usize,
}

impl StackBytes {
    pub(crate) fn new(start: &[u8]) -> Self {
        let mut this = Self { bytes: [0; LIMIT], len: 0 };
        this.push(start);
        this
    }

    /// All of `parts`, if they fit.
    pub(crate) fn of(parts: &[&[u8]]) -> Option<Self> {
        let mut this = Self::new(&[]);
        parts.iter().all(|part| this.push(part)).then_some(this)
    }

    /// Adds what fits; whether that was all.
    pub(crate) fn push(&mut self, more: &[u8]) -> bool {
        let count = more.len().min(LIMIT - 1 - self.len);
        self.bytes[self.len..self.len + count].copy_from_slice(&more[..count]);
        self.len += count;
        count == more.len()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(crate) fn c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).expect("the last byte is never written")
    }
}

impl fmt::Write for StackBytes {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.push(text.as_bytes()) { Ok(()) } else { Err(fmt::Error) }
    }
}
