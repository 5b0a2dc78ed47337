//! Other paths for a real function: where a mapping leads on this machine, or a folder of the target by its descriptor.
#![expect(unsafe_code, reason = "lends memory and a descriptor for the time of a call")]

use std::any::Any;
use std::ffi::{CString, c_char};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use libc::c_long;

use crate::cabi::Text;
use crate::sys;

/// What takes the place of a call's paths. Arguments are known by the program's own pointer.
#[derive(Debug, Default)]
pub(crate) struct Instead {
    paths: [Option<(Text, CString)>; 2],
    /// Open as long as the real function runs.
    kept: Option<OwnedFd>,
}

impl Instead {
    /// `path` in the place of `argument`.
    pub(crate) fn of(argument: Text, path: CString) -> Self {
        Self { paths: [Some((argument, path)), None], kept: None }
    }

    /// A folder of the target in the place of `argument`, for functions that open it themselves.
    pub(crate) fn open_folder(argument: Text, folder: OwnedFd) -> Self {
        let path = sys::descriptor_path(folder.as_raw_fd());
        Self { kept: Some(folder), ..Self::of(argument, path) }
    }

    /// Both for one call.
    pub(crate) fn and(self, other: Option<Self>) -> Self {
        let [first, _] = self.paths;
        let [second, _] = other.unwrap_or_default().paths;
        Self { paths: [first, second], kept: self.kept }
    }

    /// For the time of a call.
    pub(crate) fn lend(self) -> Lent {
        Lent {
            paths: self.paths.map(|entry| entry.map(|(argument, path)| (argument, path.into_raw()))),
            kept: self.kept.map(IntoRawFd::into_raw_fd),
        }
    }
}

/// An [`Instead`] without a destructor: a thread that is cancelled in the real function unwinds past it, and the few
/// bytes are lost.
#[derive(Clone, Copy)]
pub(crate) struct Lent {
    paths: [Option<(Text, *mut c_char)>; 2],
    kept: Option<RawFd>,
}

impl Lent {
    /// `argument`, or the path that takes its place.
    pub(crate) fn replace<T: Any + Copy>(&self, mut argument: T) -> T {
        if let Some(text) = (&mut argument as &mut dyn Any).downcast_mut::<Text>()
            && let Some(path) = self.path_for(*text)
        {
            *text = path;
        }
        argument
    }

    /// As [`Self::replace`], for the arguments of syscall(2).
    pub(crate) fn replace_number(&self, argument: c_long) -> c_long {
        self.path_for(Text::from_number(argument)).map_or(argument, |path| path.pointer() as c_long)
    }

    fn path_for(&self, argument: Text) -> Option<Text> {
        let mut entries = self.paths.iter().flatten();
        let (_, path) = entries.find(|(replaced, _)| replaced.pointer() == argument.pointer())?;
        Some(Text::at(*path))
    }

    /// After the call; keeps `errno`.
    pub(crate) fn take_back(self) {
        let errno = sys::errno();
        for (_, path) in self.paths.into_iter().flatten() {
            // SAFETY: it came from `into_raw` in `lend`, and nobody writes to paths.
            drop(unsafe { CString::from_raw(path) });
        }
        // SAFETY: `lend` gave the descriptor up to this value.
        drop(self.kept.map(|kept| unsafe { OwnedFd::from_raw_fd(kept) }));
        sys::set_errno(protocol::Errno(errno));
    }
}
