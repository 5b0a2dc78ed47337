//! The plain form of a path, for matching.

use std::borrow::Cow;

/// `path`, absolute, without `.`, `..`, doubled and final slashes: what patterns are matched against.
///
/// Lexical: `..` takes away a name even when the name is a symbolic link. It serves the decision only; whoever opens
/// the file gets the path as the program wrote it.
pub fn normalise(path: &[u8]) -> Cow<'_, [u8]> {
    if is_plain(path) {
        return Cow::Borrowed(path);
    }
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    let mut plain = vec![b'/'];
    plain.extend(names.join(&b'/'));
    Cow::Owned(plain)
}

fn is_plain(path: &[u8]) -> bool {
    path == b"/" || path[1..].split(|byte| *byte == b'/').all(|name| !matches!(name, b"" | b"." | b".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_slashes_are_resolved() {
        let check = |path: &str, plain: &str| assert_eq!(*normalise(path.as_bytes()), *plain.as_bytes(), "{path}");
        check("/", "/");
        check("/a/b", "/a/b");
        check("//a///b/", "/a/b");
        check("/a/./b/../c", "/a/c");
        check("/../../etc", "/etc");
        check("/a/..", "/");
        check("/a/...", "/a/...");
        assert!(matches!(normalise(b"/a/.b/..c"), Cow::Borrowed(_)));
    }
}
