//! Changing what stat(2) tells.

use protocol::{
    Errno,
    file::{Change, SetTime, Timestamp, Which},
};

use super::{
    super::Call,
    file::File,
    open::PERMISSIONS,
    table::{Follow, Times},
};

fn nothing(file: Which) -> Change {
    Change { file, mode: None, uid: None, gid: None, size: None, atime: SetTime::Keep, mtime: SetTime::Keep }
}

/// `AT_SYMLINK_NOFOLLOW` is all that may be asked for (`AT_EMPTY_PATH` has no meaning beside a path).
fn followed(call: &Call, follow: Follow) -> Result<bool, Errno> {
    match follow {
        Follow::Unless(flags) if call.int(flags.into()) & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH) != 0 => {
            Err(Errno::EINVAL)
        }
        _ => Ok(follow.of(call)),
    }
}

/// chmod(2).
pub(super) async fn mode(call: &Call, file: &File, mode: usize, follow: Follow) -> Result<i64, Errno> {
    let which = file.which(followed(call, follow)?);
    let mode = Some(call.int(mode).cast_unsigned() & PERMISSIONS);
    file.perform(Change { mode, ..nothing(which) }).await?;
    Ok(0)
}

/// chown(2); -1 leaves what it is.
pub(super) async fn owner(call: &Call, file: &File, user: usize, group: usize, follow: Follow) -> Result<i64, Errno> {
    let which = file.which(followed(call, follow)?);
    let id = |index| Some(call.int(index).cast_unsigned()).filter(|id| *id != u32::MAX);
    file.perform(Change { uid: id(user), gid: id(group), ..nothing(which) }).await?;
    Ok(0)
}

/// truncate(2).
pub(super) async fn truncate(call: &Call, file: &File, size: usize) -> Result<i64, Errno> {
    let size = call.argument(size).cast_signed();
    if size < 0 {
        return Err(Errno::EINVAL);
    }
    file.perform(Change { size: Some(size), ..nothing(file.which(true)) }).await?;
    Ok(0)
}

/// utimensat(2), utimes(2), utime(2).
pub(super) async fn times(call: &Call, file: &File, times: Times, follow: Follow) -> Result<i64, Errno> {
    let which = file.which(followed(call, follow)?);
    let (Times::Nanoseconds(at) | Times::Microseconds(at) | Times::Seconds(at)) = times;
    let [atime, mtime] = match call.argument(at.into()) {
        0 => [SetTime::Now; 2],
        address => read_times(call, times, address)?,
    };
    file.perform(Change { atime, mtime, ..nothing(which) }).await?;
    Ok(0)
}

fn read_times(call: &Call, times: Times, address: u64) -> Result<[SetTime; 2], Errno> {
    if let Times::Seconds(_) = times {
        let numbers: [i64; 2] = read_numbers(call, address)?;
        return Ok(numbers.map(|seconds| SetTime::At(Timestamp { seconds, nanoseconds: 0 })));
    }
    let [first, first_part, second, second_part]: [i64; 4] = read_numbers(call, address)?;
    Ok([set_time(times, first, first_part)?, set_time(times, second, second_part)?])
}

/// The second number is a part of a second, or, of nanoseconds, a special value.
fn set_time(times: Times, seconds: i64, part: i64) -> Result<SetTime, Errno> {
    let nanoseconds = match times {
        Times::Nanoseconds(_) if part == libc::UTIME_NOW => return Ok(SetTime::Now),
        Times::Nanoseconds(_) if part == libc::UTIME_OMIT => return Ok(SetTime::Keep),
        Times::Nanoseconds(_) => part,
        Times::Microseconds(_) | Times::Seconds(_) => part.checked_mul(1_000).ok_or(Errno::EINVAL)?,
    };
    if !(0..1_000_000_000).contains(&nanoseconds) {
        return Err(Errno::EINVAL);
    }
    Ok(SetTime::At(Timestamp { seconds, nanoseconds }))
}

/// Numbers that stand one behind the other in the program's memory.
fn read_numbers<const COUNT: usize>(call: &Call, address: u64) -> Result<[i64; COUNT], Errno> {
    let mut numbers = [[0; 8]; COUNT];
    call.read(address, numbers.as_flattened_mut())?;
    Ok(numbers.map(i64::from_ne_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_second_are_read_as_the_kernel_reads_them() {
        let (nano, micro) = (Times::Nanoseconds(0), Times::Microseconds(0));
        let at = |seconds, nanoseconds| Ok(SetTime::At(Timestamp { seconds, nanoseconds }));
        let cases = [
            (nano, 5, 999_999_999, at(5, 999_999_999)),
            (nano, -5, 0, at(-5, 0)),
            (nano, 5, libc::UTIME_NOW, Ok(SetTime::Now)),
            (nano, 5, libc::UTIME_OMIT, Ok(SetTime::Keep)),
            (nano, 5, 1_000_000_000, Err(Errno::EINVAL)),
            (nano, 5, -1, Err(Errno::EINVAL)),
            (micro, 5, 999_999, at(5, 999_999_000)),
            (micro, 5, 1_000_000, Err(Errno::EINVAL)),
            (micro, 5, i64::MAX, Err(Errno::EINVAL)),
        ];
        for (times, seconds, part, expected) in cases {
            assert_eq!(set_time(times, seconds, part), expected, "{times:?} {seconds} {part}");
        }
    }
}
