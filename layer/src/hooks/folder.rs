//! Listing folders: those of the target are not carried yet, and must not silently be this machine's.
//!
//! Not covered: glob(3), ftw(3), fts(3), which list inside libc.

use libc::{DIR, c_int, c_void};

use crate::cabi::{Out, Text};
use crate::files;
use crate::hook::hook;
use crate::scope::Hooked;
use crate::state::Layer;

/// `int (*)(…)`: passed on, never called here.
type Callback = *const c_void;

hook! {
    /// opendir(3)
    fn opendir(path: Text) -> *mut DIR => listed;
    /// scandir(3)
    fn scandir(path: Text, list: Out<*mut c_void>, filter: Callback, compare: Callback) -> c_int => scanned;
    /// As scandir.
    fn scandir64(path: Text, list: Out<*mut c_void>, filter: Callback, compare: Callback) -> c_int => scanned;
}

fn listed<T>(layer: &Layer, path: Text) -> Hooked<T> {
    Err(files::open_folder(layer, path.bytes()?))
}

fn scanned(layer: &Layer, path: Text, _list: Out<*mut c_void>, _filter: Callback, _compare: Callback) -> Hooked<c_int> {
    listed(layer, path)
}
