//! Extended attributes. xattr(7)

use protocol::{
    Errno,
    file::{GetAttribute, ListAttributes, RemoveAttribute, SetAttribute, WRITE_LIMIT},
};

use super::{
    super::Call,
    file::File,
    table::{Attribute, Follow},
};

/// Longest name, its namespace included. xattr(7)
const NAME_LIMIT: usize = 255;

/// Largest value of any attribute. xattr(7)
const VALUE_LIMIT: usize = 64 * 1024;

/// getxattr(2), setxattr(2), listxattr(2), removexattr(2) and their forms for links.
pub(super) async fn perform(call: &Call, file: &File, does: Attribute, follow: Follow) -> Result<i64, Errno> {
    let which = file.which(follow.of(call));
    match does {
        Attribute::Get => {
            let value = file.perform(GetAttribute { file: which, name: name(call)? }).await?;
            fill(call, 2, 3, &value)
        }
        Attribute::List => {
            let names = file.perform(ListAttributes { file: which }).await?;
            fill(call, 1, 2, &names)
        }
        Attribute::Set => {
            let name = name(call)?;
            let (size, flags) = (usize::try_from(call.argument(3)).unwrap_or(usize::MAX), call.int(4));
            if flags & !(libc::XATTR_CREATE | libc::XATTR_REPLACE) != 0 {
                return Err(Errno::EINVAL);
            }
            if size > VALUE_LIMIT {
                return Err(Errno(libc::E2BIG));
            }
            if size > WRITE_LIMIT {
                return Err(Errno(libc::ENOSPC)); // what a file system says that has no room for it
            }
            let mut value = vec![0; size];
            call.read(call.argument(2), &mut value)?;
            file.perform(SetAttribute { file: which, name, value, flags }).await?;
            Ok(0)
        }
        Attribute::Remove => {
            file.perform(RemoveAttribute { file: which, name: name(call)? }).await?;
            Ok(0)
        }
    }
}

fn name(call: &Call) -> Result<Vec<u8>, Errno> {
    let mut room = [0; NAME_LIMIT + 1];
    match call.text(1, &mut room) {
        Ok(b"") | Err(Errno(libc::ENAMETOOLONG)) => Err(Errno(libc::ERANGE)),
        Ok(name) => Ok(name.to_vec()),
        Err(errno) => Err(errno),
    }
}

/// Room for 0 bytes asks for the length only.
fn fill(call: &Call, into: usize, room: usize, bytes: &[u8]) -> Result<i64, Errno> {
    let room = usize::try_from(call.argument(room)).unwrap_or(usize::MAX);
    let len = i64::try_from(bytes.len()).map_err(|_| Errno::EIO)?;
    if room == 0 {
        return Ok(len);
    }
    if bytes.len() > room {
        return Err(Errno(libc::ERANGE));
    }
    call.write(call.argument(into), bytes)?;
    Ok(len)
}
