//! Go: Delve's `dlv`, which prints its address and serves one debug session. No library gets into it or into most Go
//! programs: both are watched. It has no terminal.

use super::{Adapter, EnvShape, Transport, go_build, machine::is_program};
use crate::dap::message::Arguments;

/// The table's line. What it is to debug is built before: it would run the whole Go toolchain in the cluster.
pub(super) const DLV: Adapter = Adapter {
    name: "dlv",
    aliases: &["go", "delve"],
    capabilities: include_str!("dlv.json"),
    transport: Transport::Printed,
    program: |arguments, machine| {
        let told = machine.told(arguments, &["dlvToolPath"]);
        let installed = || {
            let folders = [("GOBIN", "dlv"), ("GOPATH", "bin/dlv"), ("HOME", "go/bin/dlv")];
            folders.iter().filter_map(|(variable, path)| machine.below(variable, path)).find(|path| is_program(path))
        };
        told.or_else(|| machine.in_path(&["dlv"])).or_else(installed).ok_or_else(|| {
            "the debugger dlv is neither in PATH nor in ~/go/bin: run `go install \
             github.com/go-delve/delve/cmd/dlv@latest`, or name its path with \"dlvToolPath\""
                .to_owned()
        })
    },
    words: &["dap", "--listen=127.0.0.1:0"],
    check: go_build::check,
    adapt,
    prepare: Some(|job| Box::pin(go_build::prepare(job))),
    environment: EnvShape::Object,
    ..Adapter::COMMON
};

/// Without it the program writes to the standard streams of dlv, where nobody knows whose output it is.
fn adapt(arguments: &mut Arguments) {
    arguments.entry("outputMode").or_insert_with(|| "remote".into());
}
