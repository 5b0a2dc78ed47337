//! `mirrord`: what a terminal user types.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::main()
}
