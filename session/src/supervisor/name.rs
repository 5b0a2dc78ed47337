//! The machine's name. uname(2)

use libc::c_long;
use protocol::Errno;

use super::Call;

/// The calls that come here.
pub(super) const CALLS: &[c_long] = &[libc::SYS_uname];

/// Bytes of each field of `struct utsname`, its NUL included.
const FIELD: usize = 65;

/// `sysname`, `nodename`, `release`, `version`, `machine`, `domainname`.
const FIELDS: usize = 6;

/// As the kernel, but for the pod's host name as `nodename`.
pub(super) fn handle(call: Call) {
    let Some(host_name) = &call.proxy().policy.host_name else { return call.go_on() };
    let result = own().and_then(|names| call.write(call.argument(0), &with_node_name(names, host_name)));
    call.answer(result.map(|()| 0));
}

/// What the kernel says to us. Programs in another UTS namespace of their own would be told another domain name; none of
/// the other fields differs.
fn own() -> Result<[u8; FIELD * FIELDS], Errno> {
    let mut names = [0; FIELD * FIELDS];
    // SAFETY: the kernel fills six fields of 65 bytes (`struct new_utsname`).
    #[expect(unsafe_code, reason = "the wrapper hides the domain name")]
    let result = unsafe { libc::syscall(libc::SYS_uname, names.as_mut_ptr()) };
    if result < 0 { Err(std::io::Error::last_os_error().into()) } else { Ok(names) }
}

fn with_node_name(mut names: [u8; FIELD * FIELDS], host_name: &[u8]) -> [u8; FIELD * FIELDS] {
    let field = &mut names[FIELD..2 * FIELD];
    field.fill(0);
    let len = host_name.len().min(FIELD - 1);
    field[..len].copy_from_slice(&host_name[..len]);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_node_name_changes() {
        let own = own().unwrap();
        let changed = with_node_name(own, b"pod-7");
        assert!(changed[FIELD..].starts_with(b"pod-7\0\0"));
        assert_eq!((&own[..FIELD], &own[2 * FIELD..]), (&changed[..FIELD], &changed[2 * FIELD..]));
        assert!(own.starts_with(b"Linux\0"));
        let long = with_node_name(own, &[b'x'; 100]);
        assert_eq!((long[2 * FIELD - 2], long[2 * FIELD - 1]), (b'x', 0));
    }
}
