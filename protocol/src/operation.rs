//! The one table of operations that a layer asks of the agent.
//!
//! A line gives the request's variant, the reply's type and the method that the agent must implement. The session
//! passes operations on unopened and never lists them.
//!
//! On the wire an operation is a stream of its own ([`crate::control::StreamHead::Operation`]). The agent answers with
//! one message, `Result<Reply, Errno>`, one byte that says whether a blob follows ([`BLOB_FOLLOWS`] or [`NO_BLOB`]), and
//! the blob's bytes until the stream is finished.

use std::future::Future;

use bincode::{Decode, Encode};

use crate::{
    Errno,
    codec::{self, DecodeError, EncodeError},
    dns::{Lookup, LookupAnswer, Query, QueryAnswer, Reverse, ReverseAnswer},
    env::{Environment, ReadEnvironment},
    file::{
        Access, Allocate, Change, Close, FsStatus, GetAttribute, HardLink, HeldLock, List, ListAttributes, Lock,
        MakeDirectory, MakeNode, Metadata, Open, Opened, PathBytes, Read, ReadLink, RealPath, Remove, RemoveAttribute,
        Rename, Seek, SetAttribute, Stat, StatFs, SymbolicLink, Synchronise, TestLock, Write,
    },
    interface::{Interface, ListInterfaces},
};

/// Behind an answer's message: the rest of the stream is the blob, which may be empty.
///
/// The session takes blobs as they come: while it leaves several large ones untaken, others do not go on.
pub const BLOB_FOLLOWS: u8 = 1;

/// Behind an answer's message: nothing more comes.
pub const NO_BLOB: u8 = 0;

/// A request, its reply, and how to wrap it.
pub trait Request: Into<Operation> {
    /// What the agent answers.
    type Reply: Encode + Decode<()>;
}

/// An answer with the bytes that follow it.
#[derive(Debug)]
pub struct Answer<R, B> {
    /// The reply itself.
    pub reply: R,
    /// Source of the bytes behind it; its type is the agent's choice.
    pub blob: Option<B>,
}

impl<R, B> From<R> for Answer<R, B> {
    fn from(reply: R) -> Self {
        Self { reply, blob: None }
    }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $method:ident: $request:ident => $reply:ty,)+) => {
        /// One operation, as it travels.
        #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
        pub enum Operation {
            $(
                $(#[$doc])*
                $request {
                    /// The request. (Named: the encoding's derive cannot name a tuple's field inside a macro.)
                    request: $request,
                },
            )+
        }

        /// Names of all operations, in the order of their numbers on the wire.
        const NAMES: &[&str] = &[$(stringify!($method)),+];

        impl Operation {
            /// Name of the operation, for logs and counters.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$request { .. } => stringify!($method),)+ }
            }
        }

        $(
            impl Request for $request { type Reply = $reply; }
            impl From<$request> for Operation {
                fn from(request: $request) -> Self { Self::$request { request } }
            }
        )+

        /// What the agent implements: one method per line of the table.
        pub trait Operations: Sync {
            /// Source of a blob's bytes.
            type Blob: Send;

            $(
                $(#[$doc])*
                fn $method(&self, request: $request)
                    -> impl Future<Output = Result<Answer<$reply, Self::Blob>, Errno>> + Send;
            )+

            /// Performs `operation`; gives the encoded `Result<Reply, Errno>` and the blob.
            fn perform(&self, operation: Operation)
                -> impl Future<Output = Result<(Vec<u8>, Option<Self::Blob>), EncodeError>> + Send
            {
                async move {
                    match operation {
                        $(Operation::$request { request } => encode_answer(self.$method(request).await),)+
                    }
                }
            }
        }
    };
}

fn encode_answer<R: Encode, B>(answer: Result<Answer<R, B>, Errno>) -> Result<(Vec<u8>, Option<B>), EncodeError> {
    match answer {
        Ok(Answer { reply, blob }) => Ok((codec::encode(&Ok::<R, Errno>(reply))?, blob)),
        Err(errno) => Ok((codec::encode(&Err::<R, Errno>(errno))?, None)),
    }
}

/// Name of an encoded operation, which stays unopened: only its number is read.
pub fn name_of(encoded: &[u8]) -> Option<&'static str> {
    // Numbers of up to 250 are one byte (bincode's variable-length integers).
    NAMES.get(usize::from(*encoded.first()?)).copied()
}

/// Reads the reply to a `R` from the answer's message.
pub fn decode_answer<R: Request>(message: &[u8]) -> Result<Result<R::Reply, Errno>, DecodeError> {
    codec::decode(message)
}

operations! {
    /// Open a file.
    open: Open => Opened,
    /// Bytes of an open file; they are the blob.
    read: Read => (),
    /// Write to an open file.
    write: Write => (),
    /// The listing of an open directory; it is the blob.
    list: List => (),
    /// Wait until an open file is on its medium.
    synchronise: Synchronise => (),
    /// Close an open file.
    close: Close => (),
    /// Reserve or free a part of an open file.
    allocate: Allocate => (),
    /// Find data or holes in an open file.
    seek: Seek => i64,
    /// Lock or unlock an open file.
    lock: Lock => (),
    /// Ask who holds a lock.
    test_lock: TestLock => Option<HeldLock>,
    /// Metadata of a file.
    stat: Stat => Metadata,
    /// Change the metadata or size of a file.
    change: Change => Metadata,
    /// Whether a path may be accessed.
    access: Access => (),
    /// Text of a symbolic link.
    read_link: ReadLink => PathBytes,
    /// A path without links.
    real_path: RealPath => PathBytes,
    /// Create a directory.
    make_directory: MakeDirectory => (),
    /// Create a special file.
    make_node: MakeNode => (),
    /// Remove a name.
    remove: Remove => (),
    /// Rename or exchange.
    rename: Rename => (),
    /// Give a file another name.
    hard_link: HardLink => (),
    /// Create a symbolic link.
    symbolic_link: SymbolicLink => (),
    /// What the file system of a file says of itself.
    stat_fs: StatFs => FsStatus,
    /// An extended attribute.
    get_attribute: GetAttribute => Vec<u8>,
    /// Names of extended attributes.
    list_attributes: ListAttributes => Vec<u8>,
    /// Set an extended attribute.
    set_attribute: SetAttribute => (),
    /// Remove an extended attribute.
    remove_attribute: RemoveAttribute => (),
    /// The target's environment; its entries are the blob.
    environment: ReadEnvironment => Environment,
    /// Addresses of a host name.
    lookup: Lookup => LookupAnswer,
    /// A DNS message to a name server, and its answer.
    query: Query => QueryAnswer,
    /// Names of an address.
    reverse: Reverse => ReverseAnswer,
    /// The target's network interfaces.
    interfaces: ListInterfaces => Vec<Interface>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_known_by_its_first_byte() {
        let path = || b"/".to_vec();
        let operations: [Operation; 3] =
            [Open { path: path(), flags: 0, mode: 0 }.into(), ReadEnvironment.into(), ReadLink { path: path() }.into()];
        for operation in operations {
            let encoded = codec::encode(&operation).unwrap();
            assert_eq!(name_of(&encoded), Some(operation.name()));
        }
        assert_eq!((name_of(&[]), name_of(&[250])), (None, None));
    }
}
