//! Files with new names, for mkstemp(3) and its like: libc opens them without coming past us.

use libc::c_int;
use protocol::Errno;

use crate::cabi::{Room, Text};
use crate::paths::{self, At, File};
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::sys;

/// What a new name is made of.
const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The end of a template, which is replaced.
const BLANKS: &[u8; 6] = b"XXXXXX";

/// Names that are tried; that all of them are taken is no accident.
const ATTEMPTS: usize = 100;

/// Finds a name for `template`, which ends with six `X` and `suffix_len` more bytes, and makes it with `make`, which
/// fails with `EEXIST` where there is something. The template becomes the name. Templates of this machine are left to
/// the real function.
pub(crate) fn make<T>(
    layer: &Layer,
    template: Text,
    suffix_len: c_int,
    mut make: impl FnMut(File) -> Result<T, Errno>,
) -> Hooked<T> {
    let mut name = template.bytes()?.to_vec();
    if let File::Local(None) = paths::file(layer, At::here(template), rules::path::Access::Write)? {
        return Err(Otherwise::Native);
    }
    let suffix_len = usize::try_from(suffix_len).map_err(|_| Otherwise::Native)?;
    let Some(blanks) = (name.len().checked_sub(suffix_len + BLANKS.len())).map(|start| start..start + BLANKS.len())
    else {
        return fail(libc::EINVAL);
    };
    if name[blanks.clone()] != BLANKS[..] {
        return fail(libc::EINVAL);
    }
    for _ in 0..ATTEMPTS {
        fill(&mut name[blanks.clone()], sys::random());
        let terminated = [name.as_slice(), b"\0"].concat();
        let file = paths::file(layer, At::here(Text::at(terminated.as_ptr().cast())), rules::path::Access::Write)?;
        match make(file) {
            Err(Errno(libc::EEXIST)) => {}
            Err(errno) => return Err(errno.into()),
            Ok(made) => {
                Room::new(template.pointer().cast_mut()).fill(name.len(), &name)?;
                return Ok(made);
            }
        }
    }
    fail(libc::EEXIST)
}

fn fill(blanks: &mut [u8], mut random: u64) {
    for blank in blanks {
        let letter = usize::try_from(random % 62).unwrap_or(0);
        *blank = LETTERS[letter];
        random /= 62;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_become_letters() {
        let mut name = *BLANKS;
        fill(&mut name, 0);
        assert_eq!(&name, b"aaaaaa");
        fill(&mut name, u64::MAX);
        assert!(name.iter().all(u8::is_ascii_alphanumeric) && name != *b"aaaaaa");
    }
}
