//! `cargo xtask`: finds the program built from exactly these sources, or builds it, and runs it. See
//! ARCHITECTURE.md.

mod about;
mod bytes;
mod cache;
mod cargo_build;
mod compiler;
mod dep_info;
mod identity;
mod include;
mod inputs;
mod launch;
mod lockfile;
mod memo;
mod messages;
mod places;
mod prune;
mod run;
mod say;
mod settings;
mod system;
mod tree;
mod variables;

use std::process::ExitCode;

fn main() -> ExitCode {
    let code = launch::launch(&std::env::vars_os().collect());
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))
}
