//! Names: look-ups, and calls that make, remove and change them.
//!
//! What the session announced is found without a question; the rest is asked of the agent as operations on paths,
//! which it resolves inside the target's root.
//!
//! **No link leads out.** The kernel itself walks the text of a link that we give it, from the link's directory or, if
//! the text is absolute, from the *program's* root. So no text that begins with a slash is ever given: it is rewritten
//! relative to the mount's root. A relative one cannot leave, because `..` at the root of a detached mount stays there.

use std::rc::Rc;

use protocol::{
    Errno,
    file::{
        Content, HardLink, MakeDirectory, MakeNode, Metadata, Open, ReadLink, Remove, Rename, Stat, SymbolicLink, Which,
    },
};

use super::{
    Helper,
    abi::{Body, open_flag},
    file::OpenedHere,
    prime::Announced,
    tree::{FRESH, Node},
};
use crate::descriptors::wire::Moment;

/// Longest text of a link that the kernel takes (a page, its NUL included).
const LINK_LIMIT: usize = 4095;

/// How the kernel may keep what a look-up found.
fn entry_validity(metadata: Option<&Metadata>) -> u64 {
    // Files are looked up each time they are opened, because another one may have taken the name.
    match metadata {
        Some(known) if known.mode & libc::S_IFMT != libc::S_IFDIR => 0,
        _ => FRESH.as_secs(),
    }
}

/// The text of a link in a directory that is `depth` levels below the root, in a form that stays below that root.
fn contained(text: &[u8], directory: &[u8]) -> Result<Vec<u8>, Errno> {
    if text.first() != Some(&b'/') {
        return Ok(text.to_vec());
    }
    let depth = directory.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).count();
    let start = text.iter().position(|byte| *byte != b'/').unwrap_or(text.len());
    let mut relative = b"../".repeat(depth);
    relative.extend(&text[start..]);
    if relative.is_empty() {
        relative.push(b'.');
    }
    if relative.len() > LINK_LIMIT { Err(Errno(libc::ENAMETOOLONG)) } else { Ok(relative) }
}

impl Helper {
    /// A node, if the kernel has not made its number up.
    pub(super) fn node(&self, id: u64) -> Result<Rc<Node>, Errno> {
        self.tree.borrow().get(id).ok_or(Errno(libc::ESTALE))
    }

    /// `struct fuse_entry_out`.
    pub(super) fn entry(&self, node: &Node) -> Body {
        let (metadata, valid) = match node.fresh() {
            Some((metadata, rest)) => (metadata, rest),
            None => (node.metadata().unwrap_or_else(Self::unknown_directory), std::time::Duration::ZERO),
        };
        let entry_valid = entry_validity(node.metadata().as_ref());
        Body::default()
            .u64(node.id)
            .u64(0)
            .u64(entry_valid)
            .u64(valid.as_secs())
            .u32(0)
            .u32(valid.subsec_nanos())
            .attributes(&metadata, self.owners.shown(metadata.uid, metadata.gid))
    }

    /// What is said of a directory that is only passed through; it is not believed for any time.
    pub(super) fn unknown_directory() -> Metadata {
        let time = protocol::file::Timestamp { seconds: 0, nanoseconds: 0 };
        Metadata {
            dev: 0,
            ino: 0,
            mode: libc::S_IFDIR | 0o755,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            size: 0,
            blksize: 4096,
            blocks: 0,
            atime: time,
            mtime: time,
            ctime: time,
        }
    }

    /// Finds an entry of a directory.
    pub(super) async fn look_up(self: &Rc<Self>, parent: &Node, name: &[u8]) -> Result<Rc<Node>, Errno> {
        let path = parent.child(name);
        let announced = self.primes.borrow().look_up(&path);
        match announced {
            Some(Announced::File(metadata, asked)) => {
                let node = self.tree.borrow_mut().found(&path, metadata, asked);
                self.primes.borrow_mut().found(&path, node.id);
                Ok(node)
            }
            Some(Announced::Way) => Ok(self.tree.borrow_mut().passed(&path)),
            None => self.find(&path).await,
        }
    }

    /// Asks what is at a path. Only the answer tells which file that is: if something was written to it that the answer
    /// may not know of, we ask again.
    async fn find(self: &Rc<Self>, path: &[u8]) -> Result<Rc<Node>, Errno> {
        let node = self.find_now(path).await?;
        if node.fresh().is_some() {
            return Ok(node);
        }
        self.tree.borrow_mut().forget(node.id, 1);
        node.writes.settle(self, &node).await;
        self.find_now(path).await
    }

    async fn find_now(&self, path: &[u8]) -> Result<Rc<Node>, Errno> {
        let file = Which::Path { path: path.to_vec(), follow: false };
        let (metadata, asked) = self.caller.ask_lately(Stat { file }).await?;
        Ok(self.tree.borrow_mut().found(path, metadata, asked))
    }

    /// Text of a symbolic link, for the kernel to walk.
    pub(super) async fn read_link(&self, node: &Node) -> Result<Vec<u8>, Errno> {
        let path = node.path();
        let (text, _) = self.caller.ask(ReadLink { path: path.clone() }).await?;
        if text.contains(&0) || text.is_empty() {
            return Err(Errno::EIO);
        }
        let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        contained(&text, &path[..end])
    }

    pub(super) async fn make_directory(
        self: &Rc<Self>,
        parent: &Node,
        name: &[u8],
        mode: u32,
    ) -> Result<Rc<Node>, Errno> {
        let path = parent.child(name);
        self.caller.ask(MakeDirectory { path: path.clone(), mode }).await?;
        parent.changed();
        self.find(&path).await
    }

    pub(super) async fn make_node(self: &Rc<Self>, parent: &Node, name: &[u8], mode: u32) -> Result<Rc<Node>, Errno> {
        let path = parent.child(name);
        self.caller.ask(MakeNode { path: path.clone(), mode }).await?;
        parent.changed();
        self.find(&path).await
    }

    pub(super) async fn make_link(self: &Rc<Self>, parent: &Node, name: &[u8], text: &[u8]) -> Result<Rc<Node>, Errno> {
        let path = parent.child(name);
        self.caller.ask(SymbolicLink { text: text.to_vec(), path: path.clone() }).await?;
        parent.changed();
        self.find(&path).await
    }

    pub(super) async fn hard_link(self: &Rc<Self>, node: &Node, parent: &Node, name: &[u8]) -> Result<Rc<Node>, Errno> {
        let to = parent.child(name);
        let handle = node.files().iter().find_map(|file| file.handle_if_any());
        let file = handle.map_or_else(|| Which::Path { path: node.path(), follow: false }, Which::Open);
        self.caller.ask(HardLink { file, to: to.clone() }).await?;
        parent.changed();
        node.forget_metadata();
        self.find(&to).await
    }

    pub(super) async fn remove(&self, parent: &Node, name: &[u8], directory: bool) -> Result<(), Errno> {
        self.caller.ask(Remove { path: parent.child(name), directory }).await?;
        parent.changed();
        self.forget_all_metadata();
        Ok(())
    }

    pub(super) async fn rename(
        &self,
        (parent, name): (&Node, &[u8]),
        (new_parent, new_name): (&Node, &[u8]),
        flags: u32,
    ) -> Result<(), Errno> {
        let (from, to) = (parent.child(name), new_parent.child(new_name));
        self.caller.ask(Rename { from: from.clone(), to: to.clone(), flags }).await?;
        let mut tree = self.tree.borrow_mut();
        if flags & libc::RENAME_EXCHANGE == 0 {
            tree.renamed(&from, &to);
        } else {
            // By way of a name that no path can have.
            let between = b"//".to_vec();
            tree.renamed(&from, &between);
            tree.renamed(&to, &from);
            tree.renamed(&between, &to);
        }
        drop(tree);
        parent.changed();
        new_parent.changed();
        self.forget_all_metadata();
        Ok(())
    }

    /// Creates a file by name, or opens the one that is there.
    pub(super) async fn create(
        self: &Rc<Self>,
        parent: &Node,
        name: &[u8],
        flags: i32,
        mode: u32,
    ) -> Result<(Rc<Node>, OpenedHere), Errno> {
        let request = Open { path: parent.child(name), flags: flags | libc::O_CREAT | libc::O_NOFOLLOW, mode };
        let asked = Moment::now();
        let (opened, blob) = self.caller.ask(request).await?;
        parent.changed();
        let node = self.tree.borrow_mut().found(&opened.path, opened.metadata, asked);
        let opened = self.keep(&node, flags, opened.content, (blob, asked)).await?;
        Ok((node, opened))
    }

    /// Opens a file without a name, as it was announced or by asking.
    pub(super) async fn create_nameless(
        self: &Rc<Self>,
        parent: &Node,
        flags: i32,
        mode: u32,
    ) -> Result<(Rc<Node>, OpenedHere), Errno> {
        let prime = self.primes.borrow_mut().take_nameless(&parent.path(), flags);
        if let Some(prime) = prime {
            let node = self.tree.borrow_mut().found(&parent.path(), prime.primed.metadata, prime.primed.asked);
            let opened = self.open_primed(&node, flags, &prime).await?;
            return Ok((node, opened));
        }
        let request = Open { path: parent.path(), flags: flags | libc::O_TMPFILE, mode };
        let asked = Moment::now();
        let (opened, blob) = self.caller.ask(request).await?;
        if opened.content == Content::Whole {
            return Err(Errno::EIO);
        }
        let node = self.tree.borrow_mut().found(&opened.path, opened.metadata, asked);
        let opened = self.keep(&node, flags, opened.content, (blob, asked)).await?;
        Ok((node, opened))
    }

    /// `struct fuse_open_out`.
    pub(super) fn open_answer(body: Body, opened: OpenedHere) -> Body {
        // Both at once would keep pages that are never used.
        let flags = if opened.flags & open_flag::DIRECT_IO == 0 { opened.flags } else { open_flag::DIRECT_IO };
        body.u64(opened.number).u32(flags).u32(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_link_begins_with_a_slash() {
        let texts: [(&[u8], &[u8], &[u8]); 9] = [
            (b"a", b"", b"a"),
            (b"../../x", b"/a", b"../../x"),
            (b"/x", b"", b"x"),
            (b"/x", b"/a", b"../x"),
            (b"//etc/passwd", b"/a/b", b"../../etc/passwd"),
            (b"/", b"", b"."),
            (b"/", b"/a", b"../"),
            (b"///", b"/a/b/", b"../../"),
            (b"/..", b"/a", b"../.."),
        ];
        for (text, directory, expected) in texts {
            assert_eq!(contained(text, directory).as_deref(), Ok(expected), "{}", text.escape_ascii());
        }
        assert_eq!(contained(&[b"/".as_slice(), &[b'x'; 4094]].concat(), b"/a"), Err(Errno(libc::ENAMETOOLONG)));
    }
}
