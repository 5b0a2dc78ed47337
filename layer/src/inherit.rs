//! What descendants need in their environment, and how it gets there when a program passes an environment of its own.
//!
//! Runs in children of vfork(2), which share the parent's memory: lists are built on the stack, nothing is leaked.

use std::ffi::{CStr, CString};
use std::ptr;

use libc::c_char;
use protocol::link::variable;

use crate::cabi::{Text, Texts};
use crate::stack::{self, StackBytes};
use crate::sys;

const PRELOAD: &[u8] = b"LD_PRELOAD=";

/// Entries that a list on the stack can hold. A larger environment is passed on as it is.
const SMALL: usize = 256;
const LARGE: usize = 2000;

/// Whether a program gets our library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// It is loaded into it, or ignored.
    Given,
    /// It would kill the program, or be complained about.
    Withheld,
}

/// Variables of ours, as they stood when this process started.
pub(crate) struct Inheritance {
    /// Path of this library.
    library: CString,
    /// `LD_PRELOAD=library`
    preload: CString,
    /// `NAME=value` of each of the launcher's variables.
    variables: Vec<CString>,
}

impl Inheritance {
    /// Reads the environment and the loader's idea of this library's path.
    pub(crate) fn capture() -> Self {
        let library = sys::own_library().map(absolute).unwrap_or_default();
        let preload = [PRELOAD, library.as_bytes()].concat();
        let variables = [variable::SOCKET, variable::SECRET, variable::LOG_PATH];
        Self {
            preload: CString::new(preload).unwrap_or_default(),
            library,
            variables: variables
                .into_iter()
                .filter_map(|name| CString::new(format!("{name}={}", std::env::var(name).ok()?)).ok())
                .collect(),
        }
    }

    /// Runs `exec` with `environment` completed for a program that gets our library, or does not.
    ///
    /// Variables that the program passes itself are left alone; `LD_PRELOAD` of its own is kept behind ours. Where ours
    /// is withheld it is taken out.
    pub(crate) fn complete<R>(&self, environment: Texts, library: Library, exec: impl FnOnce(Texts) -> R) -> R {
        let Some(edit) = self.edit(environment, library) else {
            return exec(environment);
        };
        let entries = environment.iter().count() + 1 + self.variables.len() + 1;
        if entries <= SMALL {
            exec(edit.apply(environment, &mut [ptr::null(); SMALL]))
        } else if entries <= LARGE {
            exec(edit.apply(environment, &mut [ptr::null(); LARGE]))
        } else {
            exec(environment)
        }
    }

    /// Takes our library out of the process's own environment.
    pub(crate) fn withdraw(&self) {
        self.complete(Texts::environment(), Library::Withheld, |completed| {
            let rest = completed.iter().find(|text| text.bytes().is_ok_and(|bytes| bytes.starts_with(PRELOAD)));
            match rest.as_ref().and_then(|text| text.bytes().ok()) {
                Some(rest) => sys::set_variable(rest),
                None => sys::remove_variable(c"LD_PRELOAD"),
            }
        });
    }

    /// Puts back into the process's own environment what the program has taken out: for functions of libc that start
    /// programs with it.
    pub(crate) fn restore(&self) {
        self.complete(Texts::environment(), Library::Given, |completed| {
            if completed.pointer() == Texts::environment().pointer() {
                return;
            }
            let ours = |text: &[u8]| {
                text.starts_with(PRELOAD) || self.variables.iter().any(|variable| variable.as_bytes() == text)
            };
            for text in completed.iter().filter_map(|text| text.bytes().ok().map(<[u8]>::to_vec)) {
                if ours(&text) {
                    sys::set_variable(&text);
                }
            }
        });
    }

    /// What has to change, if anything.
    fn edit(&self, environment: Texts, library: Library) -> Option<Edit<'_>> {
        let mut preload = None;
        let mut missing = u8::MAX >> (8 - self.variables.len().min(8));
        for text in environment.iter() {
            let Ok(bytes) = text.bytes() else { continue };
            if let Some(value) = bytes.strip_prefix(PRELOAD) {
                preload = Some(StackBytes::new(value));
            }
            for (index, ours) in self.variables.iter().enumerate() {
                if same_name(ours.as_bytes(), bytes) {
                    missing &= !(1 << index);
                }
            }
        }
        let value = preload.as_ref().map_or(&[][..], StackBytes::bytes);
        let ours_is_there = entries(value).any(|entry| entry == self.library.as_bytes());
        let preload = match (library, ours_is_there) {
            (Library::Withheld, true) => {
                let mut rest = StackBytes::new(PRELOAD);
                for entry in entries(value).filter(|entry| *entry != self.library.as_bytes()) {
                    push_entry(&mut rest, entry);
                }
                Preload::Replace(rest)
            }
            (Library::Withheld, false) | (Library::Given, true) => Preload::Keep,
            (Library::Given, false) => {
                let mut merged = StackBytes::new(self.preload.as_bytes());
                for entry in entries(value) {
                    push_entry(&mut merged, entry);
                }
                Preload::Replace(merged)
            }
        };
        if missing == 0 && matches!(preload, Preload::Keep) {
            return None;
        }
        Some(Edit { variables: &self.variables, missing, preload })
    }
}

/// Changes to an environment.
struct Edit<'a> {
    variables: &'a [CString],
    /// Bit i: `variables[i]` has to be added.
    missing: u8,
    preload: Preload,
}

#[expect(clippy::large_enum_variant, reason = "lives on the stack, once, for an exec")]
enum Preload {
    Keep,
    Replace(StackBytes),
}

impl Edit<'_> {
    /// The changed list, in `slots`, which are enough and hold null.
    fn apply(&self, environment: Texts, slots: &mut [*const c_char]) -> Texts {
        let replaced = match &self.preload {
            Preload::Keep => None,
            Preload::Replace(text) => Some(text),
        };
        let mut count = 0;
        let mut push = |pointer| {
            slots[count] = pointer;
            count += 1;
        };
        for text in environment.iter() {
            let is_preload = text.bytes().is_ok_and(|bytes| bytes.starts_with(PRELOAD));
            if !(is_preload && replaced.is_some()) {
                push(text.pointer());
            }
        }
        if let Some(text) = replaced.filter(|text| text.bytes().len() > PRELOAD.len()) {
            push(Text::of(text.c_str()).pointer());
        }
        for (index, variable) in self.variables.iter().enumerate() {
            if self.missing & 1 << index != 0 {
                push(variable.as_ptr());
            }
        }
        Texts::of(slots)
    }
}

/// Adds a library to a list; one that does not fit any more is left out.
fn push_entry(list: &mut StackBytes, entry: &[u8]) {
    if list.bytes().len() + entry.len() + 2 > stack::LIMIT {
        return;
    }
    if list.bytes().len() > PRELOAD.len() {
        list.push(b":");
    }
    list.push(entry);
}

/// Libraries in a value of `LD_PRELOAD`: separated by colons or spaces. ld.so(8).
fn entries(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| matches!(byte, b':' | b' ')).filter(|entry| !entry.is_empty())
}

/// Whether two `NAME=value` have one name.
fn same_name(a: &[u8], b: &[u8]) -> bool {
    let name = |text: &[u8]| text.iter().position(|byte| *byte == b'=');
    match (name(a), name(b)) {
        (Some(a_len), Some(b_len)) => a[..a_len] == b[..b_len],
        _ => false,
    }
}

fn absolute(path: &CStr) -> CString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()));
    std::path::absolute(path)
        .ok()
        .and_then(|path| CString::new(path.into_os_string().into_vec()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(environment: &[&CStr], library: Library, expected: &Expect) {
        let inheritance = Inheritance {
            library: c"/l.so".to_owned(),
            preload: c"LD_PRELOAD=/l.so".to_owned(),
            variables: vec![c"A=1".to_owned(), c"B=2".to_owned()],
        };
        let mut pointers: Vec<_> = environment.iter().map(|text| text.as_ptr()).collect();
        pointers.push(ptr::null());
        let shown = inheritance.complete(Texts::of(&pointers), library, |list| {
            let texts: Vec<_> =
                list.iter().map(|text| String::from_utf8_lossy(text.bytes().expect("not null")).into_owned()).collect();
            texts.join(" ")
        });
        expected.assert_eq(&shown);
    }

    #[test]
    fn environments_are_completed() {
        check(&[], Library::Given, &expect!["LD_PRELOAD=/l.so A=1 B=2"]);
        check(&[c"X=y"], Library::Given, &expect!["X=y LD_PRELOAD=/l.so A=1 B=2"]);
        check(
            &[c"A=other", c"LD_PRELOAD=/x.so /y.so"],
            Library::Given,
            &expect!["A=other LD_PRELOAD=/l.so:/x.so:/y.so B=2"],
        );
        check(&[c"LD_PRELOAD=/x.so:/l.so", c"B=2", c"A=1"], Library::Given, &expect!["LD_PRELOAD=/x.so:/l.so B=2 A=1"]);
        check(&[c"LD_PRELOAD=/x.so:/l.so", c"B=2", c"A=1"], Library::Withheld, &expect!["B=2 A=1 LD_PRELOAD=/x.so"]);
        check(&[c"LD_PRELOAD=/l.so"], Library::Withheld, &expect!["A=1 B=2"]);
        check(&[c"AB=3"], Library::Given, &expect!["AB=3 LD_PRELOAD=/l.so A=1 B=2"]);
    }
}
