//! The binary. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::cli::run(std::env::args_os().collect()).into()
}
