//! The one module that knows the encoding (bincode 2, little endian, variable-length integers).

use bincode::config::Config;
pub use bincode::{Decode, Encode};

/// Largest encoded message, in bytes: a hostile length prefix cannot make us allocate more.
///
/// One message must fit into a `SOCK_SEQPACKET` datagram with Linux's default `net.core.wmem_max` (208 KiB).
pub const MESSAGE_LIMIT: usize = 128 * 1024;

/// Why bytes are not a message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes do not follow the encoding, or a length in them passes [`MESSAGE_LIMIT`].
    #[error("malformed message: {0}")]
    Malformed(#[from] bincode::error::DecodeError),
    /// A whole message was decoded and bytes are left: the peer speaks another version.
    #[error("{0} bytes left after the message")]
    Trailing(usize),
}

/// Why a value cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The value does not fit; with our types only [`MESSAGE_LIMIT`] can be the reason.
    #[error("message cannot be encoded: {0}")]
    Unencodable(#[from] bincode::error::EncodeError),
    /// Encoded size in bytes, over [`MESSAGE_LIMIT`].
    #[error("message of {0} bytes is over the limit of {MESSAGE_LIMIT}")]
    TooLarge(usize),
}

fn config() -> impl Config {
    bincode::config::standard().with_limit::<MESSAGE_LIMIT>()
}

/// Encodes `value`; at most [`MESSAGE_LIMIT`] bytes.
pub fn encode<T: Encode>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let bytes = bincode::encode_to_vec(value, config())?;
    if bytes.len() > MESSAGE_LIMIT {
        return Err(EncodeError::TooLarge(bytes.len()));
    }
    Ok(bytes)
}

/// Encodes `value` into `buffer`, without allocating; gives the part that holds it.
pub fn encode_into<T: Encode>(value: T, buffer: &mut [u8]) -> Result<&[u8], EncodeError> {
    let len = bincode::encode_into_slice(value, buffer, config())?;
    Ok(&buffer[..len])
}

/// Adds the encoding of `value`, which has no text or list in it, to `out`.
pub(crate) fn append<T: Encode>(value: &T, out: &mut Vec<u8>) {
    bincode::encode_into_std_write(value, out, config()).expect("memory takes all, and numbers are below the limit");
}

/// Takes a `T` off the beginning of `bytes`.
pub(crate) fn take<T: Decode<()>>(bytes: &mut &[u8]) -> Result<T, DecodeError> {
    let (value, used) = bincode::decode_from_slice(bytes, config())?;
    *bytes = &bytes[used..];
    Ok(value)
}

/// Decodes exactly one `T` from all of `bytes`.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, used) = bincode::decode_from_slice(bytes, config())?;
    if used != bytes.len() {
        return Err(DecodeError::Trailing(bytes.len() - used));
    }
    Ok(value)
}
