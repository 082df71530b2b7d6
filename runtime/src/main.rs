//! The `zi` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    zi::main()
}
