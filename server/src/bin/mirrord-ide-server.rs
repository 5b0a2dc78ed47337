//! `mirrord-ide-server`: what editors start; the same program as `mirrord`, with `lsp` as its default.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::main()
}
