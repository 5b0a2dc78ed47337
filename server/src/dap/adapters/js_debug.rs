//! JavaScript and TypeScript under Node: Microsoft's `js-debug`, a server that prints its port. It takes a connection for
//! each debug session; what really runs the program is a child session. It must be killed.

use serde_json::Value;

use super::{Adapter, EnvShape, Transport};
use crate::dap::message::Arguments;

/// The table's line. A list as `env` is wrong in silence; `null` removes a variable.
pub(super) const JS_DEBUG: Adapter = Adapter {
    name: "js-debug",
    aliases: &["pwa-node", "node", "js-debug-adapter"],
    capabilities: include_str!("js-debug.json"),
    transport: Transport::Printed,
    program: |arguments, machine| {
        let told = machine.told(arguments, &["jsDebugPath"]);
        let mason =
            || machine.below("HOME", ".local/share/nvim/mason/bin/js-debug-adapter").filter(|path| path.is_file());
        told.or_else(|| machine.in_path(&["js-debug-adapter"])).or_else(mason).ok_or_else(|| {
            "the debug adapter js-debug is not in PATH (as js-debug-adapter): `:MasonInstall js-debug-adapter`, or unpack \
             js-debug-dap-*.tar.gz of github.com/microsoft/vscode-js-debug/releases and name it: \"adapter\": \
             { \"name\": \"js-debug\", \"command\": [\"node\", \"/path/to/js-debug/src/dapDebugServer.js\", \"0\", \"127.0.0.1\"] }"
                .to_owned()
        })
    },
    words: &["0", "127.0.0.1"],
    adapt,
    environment: EnvShape::Object,
    terminal_needs_environment: true,
    ..Adapter::COMMON
};

/// It goes by the type of the configuration, which is the editor's name for us.
fn adapt(arguments: &mut Arguments) {
    if !arguments.get("type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("pwa-")) {
        arguments.insert("type".to_owned(), "pwa-node".into());
    }
}
