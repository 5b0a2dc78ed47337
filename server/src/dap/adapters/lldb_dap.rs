//! C, C++, Rust, Swift and whatever else LLVM compiles: `lldb-dap`, on its standard streams. It aborts after `disconnect`,
//! which is no failure.

use super::{Adapter, EnvShape, check_program};

/// The table's line. An object as `env` is ignored in silence. In a terminal a launcher of its own gets the variables of
/// the request, and the program is what it executes.
pub(super) const LLDB_DAP: Adapter = Adapter {
    name: "lldb-dap",
    aliases: &["lldb-vscode"],
    capabilities: include_str!("lldb-dap.json"),
    program: |arguments, machine| {
        let told = machine.told(arguments, &["lldbDAPPath", "debugAdapterExecutable"]);
        let versions: Vec<String> = (NEWEST_FIRST.0..=NEWEST_FIRST.1).rev().map(|n| format!("lldb-dap-{n}")).collect();
        let names: Vec<&str> = ["lldb-dap"].into_iter().chain(versions.iter().map(String::as_str)).collect();
        told.or_else(|| machine.in_path(&names)).or_else(|| machine.in_path(&["lldb-vscode"])).ok_or_else(|| {
            "the debug adapter lldb-dap is not in PATH: install LLDB (`apt install lldb-19`, `dnf install lldb`), or name its \
             path: \"adapter\": { \"name\": \"lldb-dap\", \"command\": [\"/path/to/lldb-dap\"] }"
                .to_owned()
        })
    },
    check: check_program,
    environment: EnvShape::List,
    terminal_needs_environment: true,
    ..Adapter::COMMON
};

/// Versions under which distributions install it beside others: the first that was called so, and more than there are.
const NEWEST_FIRST: (u32, u32) = (18, 29);
