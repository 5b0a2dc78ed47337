//! Java: Microsoft's `java-debug`. It lives in the Java language server, which opens a port for it.

use super::{Adapter, EnvShape};

/// The table's line. Without a terminal it ignores `env` in silence.
pub(super) const JAVA_DEBUG: Adapter = Adapter {
    name: "java-debug",
    aliases: &["java"],
    capabilities: include_str!("java-debug.json"),
    program: |_, _| {
        Err("the debug adapter java-debug runs inside the Java language server: ask that for a port (its command \
             `vscode.java.startDebugSession`), and name it: \"adapter\": { \"name\": \"java-debug\", \"address\": \
             \"127.0.0.1:PORT\" }"
            .to_owned())
    },
    environment: EnvShape::Object,
    terminal_needs_environment: true,
    terminal_only: true,
    ..Adapter::COMMON
};
