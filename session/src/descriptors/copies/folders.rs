//! Directories of the target as directories of this machine: names and types, under a path that ends with their own.

use std::{
    ffi::OsStr,
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{
            ffi::OsStrExt,
            fs::{PermissionsExt, symlink},
        },
    },
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{OFlag, open as open_here},
    sys::stat::{Mode, SFlag, mknod},
    unistd::{ftruncate, mkfifo},
};
use protocol::{
    Errno,
    file::{Entry, Opened, ReadLink},
};

use super::Shared;
use crate::descriptors::memory;

impl Shared {
    /// Makes a directory that has entries of the same names and types. What is done there without our knowledge fails
    /// with `EACCES`, at least for ordinary users.
    pub(super) fn make_directory(&self, path: &[u8], mut listing: &[u8]) -> Result<PathBuf, Errno> {
        let directory = self.place(path)?;
        fs::create_dir_all(&directory)?;
        while let Some(Entry { kind, name, .. }) = Entry::take_from(&mut listing) {
            if name == b"." || name == b".." {
                continue;
            }
            let entry = directory.join(OsStr::from_bytes(name));
            if let Err(error) = make_entry(&entry, kind) {
                tracing::debug!(path = %entry.display(), %error, "an entry of a copied directory is missing");
            }
        }
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o500))?;
        Ok(directory)
    }

    /// A descriptor that names a file, and does nothing else (`O_PATH`). `kind` is its `S_IFMT`.
    pub(super) async fn name_only(&self, opened: Opened, kind: u32) -> Result<OwnedFd, Errno> {
        let path = match kind {
            libc::S_IFDIR => self.make_directory(&opened.path, &[])?,
            libc::S_IFLNK => {
                let (text, _) = self.ask(ReadLink { path: opened.path.clone() }).await?;
                let link = self.place(&opened.path)?;
                fs::create_dir_all(link.parent().ok_or(Errno(libc::EINVAL))?)?;
                symlink(OsStr::from_bytes(&text), &link)?;
                link
            }
            _ => {
                let memory = memory::create(&opened.path)?;
                ftruncate(&memory, opened.metadata.size).map_err(io::Error::from)?;
                let descriptor = memory::reopen(&memory, OFlag::O_PATH)?;
                memory::dress(&memory, &opened.metadata)?;
                return Ok(descriptor);
            }
        };
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(open_here(&path, flags, Mode::empty()).map_err(io::Error::from)?)
    }

    /// A path of this machine for one of the target, used by nobody else.
    fn place(&self, path: &[u8]) -> Result<PathBuf, Errno> {
        let relative = path.strip_prefix(b"/").ok_or(Errno(libc::EINVAL))?;
        let mut state = self.state();
        let own = self.folder.join(state.directories.len().to_string());
        let place = if relative.is_empty() { own } else { own.join(OsStr::from_bytes(relative)) };
        state.directories.push(place.clone());
        Ok(place)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let directories = std::mem::take(&mut self.state().directories);
        if directories.is_empty() {
            return;
        }
        for directory in directories.iter().filter(|place| place.symlink_metadata().is_ok_and(|found| found.is_dir())) {
            // What cannot be opened for removing is told of below.
            let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "cannot remove copied directories");
        }
    }
}

/// The path inside the target of a directory that was made in `folder`, by the kernel's name for it.
pub(crate) fn original(folder: &Path, name: &[u8]) -> Option<Vec<u8>> {
    let below = name.strip_prefix(folder.as_os_str().as_bytes())?.strip_prefix(b"/")?;
    let end = below.iter().position(|byte| *byte == b'/').unwrap_or(below.len());
    let (number, path) = below.split_at(end);
    let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    is_number.then(|| if path.is_empty() { b"/".to_vec() } else { path.to_vec() })
}

/// Makes something of the type that a listing tells. Devices cannot be made by users, links lead nowhere.
fn make_entry(path: &Path, kind: u8) -> io::Result<()> {
    match kind {
        libc::DT_DIR => fs::create_dir(path),
        libc::DT_LNK => symlink("unknown", path),
        libc::DT_FIFO => Ok(mkfifo(path, Mode::empty())?),
        libc::DT_SOCK => Ok(mknod(path, SFlag::S_IFSOCK, Mode::empty(), 0)?),
        _ => Ok(mknod(path, SFlag::S_IFREG, Mode::empty(), 0)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_tells_what_it_stands_for() {
        let folder = Path::new("/run/mirrord-x-copies");
        let told = |name: &str| original(folder, name.as_bytes()).map(|path| String::from_utf8(path).unwrap());
        assert_eq!(told("/run/mirrord-x-copies/12/app/files").as_deref(), Some("/app/files"));
        assert_eq!(told("/run/mirrord-x-copies/0").as_deref(), Some("/"));
        assert_eq!(told("/run/mirrord-x-copies/a/b"), None);
        assert_eq!(told("/run/mirrord-x-copies2/1/b"), None);
        assert_eq!(told("/run/mirrord-x-copies"), None);
    }
}
