//! C, C++ and Rust: `codelldb`, on its standard streams. It must be killed after `disconnect`.

use super::{Adapter, EnvShape, check_program, machine::is_program};

/// The table's line. A `null` in `env` makes it refuse the launch.
pub(super) const CODELLDB: Adapter = Adapter {
    name: "codelldb",
    aliases: &["lldb"],
    capabilities: include_str!("codelldb.json"),
    program: |arguments, machine| {
        let extension = || machine.extension("vadimcn.vscode-lldb").map(|folder| folder.join("adapter/codelldb"));
        let mason = || machine.below("HOME", ".local/share/nvim/mason/bin/codelldb");
        let told = machine.told(arguments, &["codelldbPath"]);
        let found = told.or_else(|| machine.in_path(&["codelldb"]));
        found.or_else(|| [mason(), extension()].into_iter().flatten().find(|path| is_program(path))).ok_or_else(|| {
            "the debug adapter codelldb is neither in PATH nor among the extensions of an editor: install the extension \
             vadimcn.vscode-lldb (or `:MasonInstall codelldb`), or name its path: \
             \"adapter\": { \"name\": \"codelldb\", \"command\": [\"/path/to/adapter/codelldb\"] }"
                .to_owned()
        })
    },
    check: check_program,
    environment: EnvShape::Texts,
    terminal_needs_environment: true,
    ..Adapter::COMMON
};
