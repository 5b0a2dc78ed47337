//! Where libc's code lies.
#![expect(unsafe_code, reason = "reads the loader's list of libraries")]

use std::ffi::CStr;
use std::ops::Range;

use libc::{c_int, c_void, dl_phdr_info};

/// Beginnings of file names: libc, its loader, its resolver, and the parts of older versions.
const PARTS: &[&[u8]] =
    &[b"libc.so.", b"libc-2.", b"ld-", b"libpthread", b"libresolv", b"libdl", b"librt", b"libanl", b"libnss_"];

/// Addresses of the code of libc and of what belongs to it. dl_iterate_phdr(3).
pub(crate) fn of_libc() -> Vec<Range<u64>> {
    let mut found: Vec<Range<u64>> = Vec::new();
    // SAFETY: `look` takes the argument for what it is.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut found).cast()) };
    found
}

unsafe extern "C" fn look(info: *mut dl_phdr_info, _: usize, found: *mut c_void) -> c_int {
    // SAFETY: dl_iterate_phdr passes what it describes, and our own argument.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<Range<u64>>>()) };
    if info.dlpi_name.is_null() {
        return 0;
    }
    // SAFETY: the loader's name of the library, which is terminated.
    let path = unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    if !PARTS.iter().any(|part| name.starts_with(part)) {
        return 0;
    }
    // SAFETY: the loader's table has that many entries.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let code = headers.iter().filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0);
    found.extend(code.map(|header| {
        let start = info.dlpi_addr + header.p_vaddr;
        start..start + header.p_memsz
    }));
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_libc_lie_in_it_and_ours_do_not() {
        let code = of_libc();
        let lies_there = |address: *const ()| code.iter().any(|range| range.contains(&(address as u64)));
        assert!(lies_there(libc::syscall as *const ()) && lies_there(libc::openat as *const ()), "{code:x?}");
        assert!(!lies_there(of_libc as *const ()), "{code:x?}");
        assert!(code.len() <= seccomp::filter::RANGE_LIMIT, "{code:x?}");
    }
}
