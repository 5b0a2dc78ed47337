//! What the target has said of paths a moment ago: interpreters look at the same paths again and again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use protocol::{
    codec,
    operation::{Operation, name_of},
};

/// As long as the mount believes it: whichever way a program looks, it sees the same.
const FRESH: Duration = super::helper::FRESH;

/// Answers to keep; beyond that all are forgotten. Each has some hundred bytes, and a path.
const LIMIT: usize = 4096;

/// Answers to stat(2), access(2) and readlink(2) by path. An answer is forgotten by whatever this session does that may
/// change any file, and is not kept when such a thing was done since it was asked for.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How often something may have changed.
    changes: u64,
    /// By the encoded operation: when it was asked, and the encoded answer.
    answers: HashMap<Vec<u8>, (Instant, Vec<u8>)>,
}

/// When an operation was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    changes: u64,
    at: Instant,
}

impl Remembered {
    /// Whether answers to an operation are kept.
    pub(super) fn keeps(operation: &[u8]) -> bool {
        matches!(name_of(operation), Some("stat" | "access" | "read_link"))
    }

    /// The answer to an operation, or what [`Self::keep`] wants to know.
    pub(super) fn find(&self, operation: &[u8]) -> Result<Vec<u8>, Asked> {
        let state = self.state();
        let at = Instant::now();
        match state.answers.get(operation) {
            Some((asked, answer)) if at.duration_since(*asked) < FRESH => Ok(answer.clone()),
            _ => Err(Asked { changes: state.changes, at }),
        }
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, asked: Asked, operation: Vec<u8>, answer: &[u8]) {
        let mut state = self.state();
        if state.changes != asked.changes {
            return;
        }
        if state.answers.len() >= LIMIT {
            state.answers.clear();
        }
        state.answers.insert(operation, (asked.at, answer.to_owned()));
    }

    /// To be held while an operation is under way that may change files.
    pub(super) fn changing(self: &Arc<Self>) -> Changing {
        self.forget();
        Changing(self.clone())
    }

    fn forget(&self) {
        let mut state = self.state();
        state.changes += 1;
        state.answers.clear();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An operation is under way that may change files.
#[derive(Debug)]
pub(super) struct Changing(Arc<Remembered>);

impl Drop for Changing {
    fn drop(&mut self) {
        self.0.forget();
    }
}

/// Whether an operation may change what can be said of a path.
pub(super) fn may_change(operation: &[u8]) -> bool {
    match name_of(operation) {
        Some(
            "read" | "list" | "synchronise" | "close" | "seek" | "lock" | "test_lock" | "stat" | "access" | "read_link"
            | "real_path" | "stat_fs" | "get_attribute" | "list_attributes" | "environment" | "lookup" | "query"
            | "reverse" | "interfaces",
        ) => false,
        Some("open") => match codec::decode(operation) {
            Ok(Operation::Open { request: open }) => {
                let creates = open.flags & (libc::O_CREAT | libc::O_TRUNC) != 0;
                creates || open.flags & libc::O_TMPFILE == libc::O_TMPFILE
            }
            _ => true,
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use protocol::file::{Open, Stat, Which};

    use super::*;

    fn encoded(operation: impl Into<Operation>) -> Vec<u8> {
        codec::encode(&operation.into()).unwrap()
    }

    fn stat(path: &str) -> Vec<u8> {
        encoded(Stat { file: Which::Path { path: path.into(), follow: true } })
    }

    #[test]
    fn an_answer_is_kept_until_something_may_have_changed() {
        let remembered = Remembered::default();
        let asked = remembered.find(&stat("/a")).unwrap_err();
        remembered.keep(asked, stat("/a"), b"answer");
        assert_eq!(remembered.find(&stat("/a")).unwrap(), b"answer");
        remembered.find(&stat("/b")).unwrap_err();
        remembered.forget();
        remembered.find(&stat("/a")).unwrap_err();
    }

    #[test]
    fn an_answer_from_before_a_change_is_not_kept() {
        let remembered = Remembered::default();
        let asked = remembered.find(&stat("/a")).unwrap_err();
        remembered.forget();
        remembered.keep(asked, stat("/a"), b"answer");
        remembered.find(&stat("/a")).unwrap_err();
    }

    #[test]
    fn an_answer_grows_old_from_when_it_was_asked_for() {
        let remembered = Remembered::default();
        let asked = remembered.find(&stat("/a")).unwrap_err();
        let asked = Asked { at: asked.at.checked_sub(FRESH).unwrap(), ..asked };
        remembered.keep(asked, stat("/a"), b"answer");
        remembered.find(&stat("/a")).unwrap_err();
    }

    #[test]
    fn what_may_change_files_is_told_from_what_looks() {
        let open = |flags| encoded(Open { path: b"/x".to_vec(), flags, mode: 0 });
        assert!(!may_change(&open(libc::O_RDWR)));
        assert!(may_change(&open(libc::O_WRONLY | libc::O_CREAT)));
        assert!(may_change(&open(libc::O_WRONLY | libc::O_TRUNC)));
        assert!(may_change(&open(libc::O_RDWR | libc::O_TMPFILE)));
        assert!(!may_change(&open(libc::O_DIRECTORY)));
        assert!(!may_change(&stat("/x")));
        assert!(may_change(b"\xff"));
    }

    #[test]
    fn memory_is_bounded() {
        let remembered = Remembered::default();
        for number in 0..=LIMIT {
            let operation = stat(&number.to_string());
            let asked = remembered.find(&operation).unwrap_err();
            remembered.keep(asked, operation, b"answer");
        }
        assert_eq!(remembered.state().answers.len(), 1);
    }
}
