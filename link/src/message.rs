//! Whole messages on a stream: a length of 4 bytes, little endian, and that many bytes.

use std::io;

use protocol::codec::{self, MESSAGE_LIMIT};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Writes one message that is encoded already.
pub(crate) async fn write<W: AsyncWrite + Unpin>(stream: &mut W, encoded: &[u8]) -> io::Result<()> {
    let len = u32::try_from(encoded.len()).ok().filter(|len| *len as usize <= MESSAGE_LIMIT);
    let len =
        len.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, codec::EncodeError::TooLarge(encoded.len())))?;
    stream.write_all(&len.to_le_bytes()).await?;
    stream.write_all(encoded).await
}

/// Reads one message, still encoded.
pub(crate) async fn read<R: AsyncRead + Unpin>(stream: &mut R) -> io::Result<Vec<u8>> {
    let mut len = [0; 4];
    stream.read_exact(&mut len).await?;
    let len = u32::from_le_bytes(len) as usize;
    if len > MESSAGE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, codec::EncodeError::TooLarge(len)));
    }
    let mut message = vec![0; len];
    stream.read_exact(&mut message).await?;
    Ok(message)
}
