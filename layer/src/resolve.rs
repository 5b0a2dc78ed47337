//! realpath(3), name by name.

use protocol::Errno;

/// Links followed at most, as in the kernel. path_resolution(7)
const LINK_LIMIT: usize = 40;

/// `path`, absolute, with every link replaced by what it points to. `read_link` fails with `EINVAL` for what is no
/// link, and with the true error for what is not there.
pub(crate) fn real_path(
    path: &[u8],
    mut read_link: impl FnMut(&[u8]) -> Result<Vec<u8>, Errno>,
) -> Result<Vec<u8>, Errno> {
    let mut resolved: Vec<u8> = Vec::new();
    // Names still to be walked, the next one last.
    let mut names = names_reversed(path);
    let mut links = 0;
    while let Some(name) = names.pop() {
        if name == b".." {
            let parent = resolved.iter().rposition(|byte| *byte == b'/');
            resolved.truncate(parent.unwrap_or(0));
            continue;
        }
        let parent_len = resolved.len();
        resolved.push(b'/');
        resolved.extend(&name);
        match read_link(&resolved) {
            Err(Errno::EINVAL) => {}
            Err(errno) => return Err(errno),
            Ok(target) => {
                links += 1;
                if links > LINK_LIMIT {
                    return Err(Errno(libc::ELOOP));
                }
                let absolute = target.first() == Some(&b'/');
                resolved.truncate(if absolute { 0 } else { parent_len });
                names.extend(names_reversed(&target));
            }
        }
    }
    if resolved.is_empty() {
        resolved.push(b'/');
    }
    if resolved.len() >= libc::PATH_MAX.unsigned_abs() as usize {
        return Err(Errno(libc::ENAMETOOLONG));
    }
    Ok(resolved)
}

fn names_reversed(path: &[u8]) -> Vec<Vec<u8>> {
    path.rsplit(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b".")).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(path: &str) -> Result<String, Errno> {
        let links = [("/a/link", "../b/./c"), ("/b", "/real"), ("/loop", "loop")];
        let real = real_path(path.as_bytes(), |asked| {
            if asked.ends_with(b"missing") {
                return Err(Errno::ENOENT);
            }
            let found = links.iter().find(|(from, _)| from.as_bytes() == asked);
            found.map_or(Err(Errno::EINVAL), |(_, to)| Ok(to.as_bytes().to_vec()))
        })?;
        Ok(String::from_utf8(real).expect("the test's names are ASCII"))
    }

    #[test]
    fn links_are_replaced() {
        assert_eq!(resolve("/x//y/."), Ok("/x/y".into()));
        assert_eq!(resolve("/a/link/d"), Ok("/real/c/d".into()));
        assert_eq!(resolve("/x/../../y"), Ok("/y".into()));
        assert_eq!(resolve("/.."), Ok("/".into()));
        assert_eq!(resolve("/x/missing/y"), Err(Errno::ENOENT));
        assert_eq!(resolve("/loop"), Err(Errno(libc::ELOOP)));
    }
}
