//! Operations that ask something about a path and change nothing.

use protocol::{
    Errno, codec,
    file::{Access, GetAttribute, ListAttributes, Open, ReadLink, Stat, Which},
    operation::{Operation, name_of},
};

use super::may_change;

/// `O_NOFOLLOW` as it travels: by its number on x86-64.
const NO_FOLLOW: i32 = 0o400_000;

/// An operation on a path whose answer is the same a moment later.
#[derive(Clone, Debug)]
pub(in crate::descriptors) struct Question {
    pub(super) encoded: Vec<u8>,
    pub(super) operation: Operation,
}

/// Whether an open follows a link that its path ends with.
pub(super) fn follows(flags: i32) -> bool {
    flags & NO_FOLLOW == 0
}

impl Question {
    /// The question that an encoded operation asks; nothing for all others, and for those about open files.
    pub(in crate::descriptors) fn of(encoded: &[u8]) -> Option<Self> {
        match name_of(encoded)? {
            "stat" | "access" | "read_link" | "get_attribute" | "list_attributes" | "open" if !may_change(encoded) => {
                let operation = codec::decode(encoded).ok()?;
                let question = Self { encoded: encoded.to_owned(), operation };
                question.path().is_some().then_some(question)
            }
            _ => None,
        }
    }

    /// [`Self::of`]
    pub(super) fn from(operation: &Operation) -> Option<Self> {
        Self::of(&codec::encode(operation).ok()?)
    }

    /// The path, and whether a link at its end is followed.
    pub(super) fn path(&self) -> Option<(&[u8], bool)> {
        match &self.operation {
            Operation::Stat { request: Stat { file } }
            | Operation::GetAttribute { request: GetAttribute { file, .. } }
            | Operation::ListAttributes { request: ListAttributes { file } } => match file {
                Which::Path { path, follow } => Some((path, *follow)),
                Which::Open(_) => None,
            },
            Operation::Access { request: Access { path, follow, .. } } => Some((path, *follow)),
            Operation::ReadLink { request: ReadLink { path } } => Some((path, false)),
            Operation::Open { request: Open { path, flags, .. } } => Some((path, follows(*flags))),
            _ => None,
        }
    }

    /// The open that is asked for, if it is one.
    pub(in crate::descriptors) fn opens(&self) -> Option<&Open> {
        match &self.operation {
            Operation::Open { request } => Some(request),
            _ => None,
        }
    }

    /// Whether an answer to it stays true: of an open that is only that there is nothing.
    pub(super) fn may_keep(&self, answer: &[u8]) -> bool {
        match self.operation {
            Operation::Open { .. } => {
                codec::encode(&Err::<(), _>(Errno::ENOENT)).is_ok_and(|missing| missing == answer)
            }
            _ => true,
        }
    }
}
