//! Replaces the launcher with the program.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::variables::Variables;

/// Unix: replaces this process, so that the program has the terminal, signals and exit code. Returns only
/// if it cannot be started.
#[cfg(unix)]
pub(crate) fn run(program: &Path, arguments: &[OsString], environment: &Variables) -> Result<Infallible, io::Error> {
    Err(std::os::unix::process::CommandExt::exec(&mut command(program, arguments, environment)))
}

/// Elsewhere it waits and exits with the program's exit code.
#[cfg(not(unix))]
#[expect(clippy::exit, reason = "Windows has exit codes that `ExitCode` cannot hold")]
pub(crate) fn run(program: &Path, arguments: &[OsString], environment: &Variables) -> Result<Infallible, io::Error> {
    crate::system::ignore_interrupts();
    let status = command(program, arguments, environment).status()?;
    std::process::exit(crate::cargo_build::code(status))
}

#[expect(clippy::disallowed_methods, reason = "one of the places that start programs")]
fn command(program: &Path, arguments: &[OsString], environment: &Variables) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment);
    command
}
