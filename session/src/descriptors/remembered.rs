//! What the target has said of paths a moment ago: programs look at the same paths again and again, and at each entry of a
//! folder that they have listed.

mod folders;
mod question;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use protocol::{
    Errno, codec,
    file::{Content, Metadata, Open, Opened, Stat, Which},
    operation::{Operation, name_of},
};

use self::{folders::Folders, question::follows};
pub(super) use self::{folders::Passing, question::Question};
use super::wire::Moment;

/// As long as the mount believes it: whichever way a program looks, it sees the same.
const FRESH: Duration = super::helper::FRESH;

/// Answers to keep; beyond that all are forgotten. Each has some hundred bytes, and a path.
const LIMIT: usize = 4096;

/// Longest answer that is kept, in bytes: the text of a link has at most a page.
const ANSWER_LIMIT: usize = 4200;

/// `O_DIRECTORY` as it travels: by its number on x86-64.
const TRAVELLING_DIRECTORY: i32 = 0o200_000;

/// Answers to questions about paths ([`Question`]), and listings that tell of their entries. All are forgotten by whatever
/// this session does that may change any file, and are not kept when such a thing was done since they were asked for.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How often something may have changed.
    changes: u64,
    /// By the encoded operation.
    answers: HashMap<Vec<u8>, Known>,
    folders: Folders,
}

/// An encoded answer, and when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) answer: Vec<u8>,
    pub(super) asked: Moment,
}

/// When an operation was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    changes: u64,
    at: Moment,
}

impl Remembered {
    /// That something is asked now.
    pub(super) fn asked(&self) -> Asked {
        Asked { changes: self.state().changes, at: Moment::now() }
    }

    /// The answer to a question, or what [`Self::keep`] wants to know.
    pub(super) fn find(&self, question: &Question) -> Result<Known, Asked> {
        let mut state = self.state();
        let known = state.answers.get(&question.encoded).filter(|known| known.asked.age() < FRESH).cloned();
        let known = known.or_else(|| state.folders.answer(question));
        known.ok_or_else(|| Asked { changes: state.changes, at: Moment::now() })
    }

    /// The folder that is better listed anew than asked for the one entry of a question.
    pub(super) fn renewable(&self, question: &Question) -> Option<Open> {
        let path = self.state().folders.renewable(question)?;
        Some(Open { path, flags: libc::O_RDONLY | TRAVELLING_DIRECTORY, mode: 0 })
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, asked: Asked, question: Question, answer: &[u8]) {
        let mut state = self.state();
        if state.changes != asked.changes || answer.len() > ANSWER_LIMIT || !question.may_keep(answer) {
            return;
        }
        state.folders.learn(&question, answer);
        if state.answers.len() >= LIMIT {
            state.answers.clear();
        }
        state.answers.insert(question.encoded, Known { answer: answer.to_owned(), asked: asked.at });
    }

    /// Keeps what the answer to an open tells of the path that was asked for.
    pub(super) fn opened(&self, asked: Asked, request: &Open, answer: Result<&Opened, Errno>) {
        let keep = |operation: &Operation, answer: Result<Metadata, Errno>| {
            // What cannot be encoded has not travelled either.
            if let (Some(question), Ok(answer)) = (Question::from(operation), codec::encode(&answer)) {
                self.keep(asked, question, &answer);
            }
        };
        let opened = match answer {
            Ok(opened) => opened,
            Err(errno) => return keep(&request.clone().into(), Err(errno)),
        };
        let is_link = opened.metadata.mode & libc::S_IFMT == libc::S_IFLNK;
        // Where no link was on the way, both ways to look are one.
        let direct = opened.path == request.path && !is_link;
        for follow in [true, false] {
            if direct || follow == follows(request.flags) {
                let file = Which::Path { path: request.path.clone(), follow };
                keep(&Stat { file }.into(), Ok(opened.metadata));
            }
        }
    }

    /// What keeps the listing that comes with the answer to an open; nothing for what is no directory.
    pub(super) fn listing(self: &Arc<Self>, asked: Asked, request: &Open, opened: &Opened) -> Option<Passing> {
        let Content::Listing(_) = opened.content else { return None };
        Some(Passing::new(self.clone(), asked, [request.path.clone(), opened.path.clone()]))
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
        state.folders = Folders::default();
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
mod tests;
