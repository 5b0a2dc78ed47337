//! Environment variables of a launch that are no keys of the language.

use std::ffi::{OsStr, OsString};

use super::Here;

/// Ports of debuggers, on the loopback address or on all: `p` or `a-b`, several separated by commas.
const DEBUGGER_PORTS: &str = "MIRRORD_IGNORE_DEBUGGER_PORTS";
/// Reads the debugger's port from the program's command line.
const DETECTED_PORT: &str = "MIRRORD_DETECT_DEBUGGER_PORT";
/// `true`: loopback destinations mean this machine.
const IGNORE_LOCALHOST: &str = "MIRRORD_OUTGOING_IGNORE_LOCALHOST";
/// Name that the program sees instead of the pod's.
const HOST_NAME: &str = "MIRRORD_OVERRIDE_HOSTNAME";
/// `true`: system calls that a program makes behind libc's back are seen, too; see [`protocol::policy::LaunchPolicy`].
const STRICT: &str = "MIRRORD_STRICT";

fn value<'a>(here: &Here<'a>, name: &str) -> Option<&'a OsString> {
    here.environment.get(OsStr::new(name)).filter(|value| !value.is_empty())
}

pub(super) fn outgoing_ignores_localhost(here: &Here<'_>) -> bool {
    value(here, IGNORE_LOCALHOST).is_some_and(|value| value == "true" || value == "1")
}

/// Whether programs with the layer get a filter as well.
pub(super) fn strict(here: &Here<'_>) -> bool {
    value(here, STRICT).is_some_and(|value| value == "true" || value == "1")
}

/// The ranges, ends included; an error for what is none.
pub(super) fn debugger_ports(here: &Here<'_>) -> Result<Vec<(u16, u16)>, String> {
    let Some(text) = value(here, DEBUGGER_PORTS) else { return Ok(Vec::new()) };
    let text = text.to_string_lossy();
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        (from <= to).then_some((from, to))
    };
    let ranges: Option<Vec<(u16, u16)>> = text.split(',').map(range).collect();
    ranges.ok_or_else(|| {
        format!("{DEBUGGER_PORTS} is neither a port nor a range such as 5678-5690, but `{text}`: it is ignored")
    })
}

/// The name that the program shall see instead of the pod's.
pub(crate) fn host_name(here: &Here<'_>) -> Option<Vec<u8>> {
    value(here, HOST_NAME).map(|name| name.as_encoded_bytes().to_vec())
}

/// What cannot be honoured; sentences.
pub(super) fn faults(here: &Here<'_>) -> Vec<String> {
    let detected = value(here, DETECTED_PORT).map(|_| {
        format!("{DETECTED_PORT} has no effect in this version: name the debugger's port with {DEBUGGER_PORTS}, or start it over DAP")
    });
    debugger_ports(here).err().into_iter().chain(detected).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use super::*;

    #[test]
    fn ports_and_ranges_are_read_and_nonsense_is_told() {
        let ports = |text: &str| {
            let environment = BTreeMap::from([(DEBUGGER_PORTS.into(), text.into())]);
            debugger_ports(&Here { environment: &environment, working_directory: Path::new("/") })
        };
        assert_eq!(ports(""), Ok(vec![]));
        assert_eq!(ports("5678"), Ok(vec![(5678, 5678)]));
        assert_eq!(ports("5678, 6000-6010"), Ok(vec![(5678, 5678), (6000, 6010)]));
        for wrong in ["x", "6010-6000", "1-", "70000"] {
            assert!(ports(wrong).is_err_and(|error| error.contains(wrong)), "{wrong}");
        }
    }
}
