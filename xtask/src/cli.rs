//! The command line: parses it, builds the context, dispatches, prints errors.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use serde::Serialize;

use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::model::ComposeOptions;
use crate::task;
use crate::ui::{self, Format};

/// Check the ports that a Docker Compose stack needs, show who holds them, and start it
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 done, 1 a finding (a conflict, a service that failed), 2 it could
not be done or the command line was wrong, 130 interrupted.

The help of each command has examples: cargo xtask start --help")]
struct Cli {
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Project (as in Compose)")]
struct ProjectArgs {
    /// Compose file; several are merged in order
    #[arg(short, long, global = true, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Project name
    #[arg(short, long, global = true, value_name = "NAME")]
    project_name: Option<String>,
    /// Profile to enable
    #[arg(long, global = true, value_name = "NAME")]
    profile: Vec<String>,
    /// Env file to read instead of .env
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Project folder
    #[arg(long, global = true, value_name = "DIR")]
    project_directory: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global")]
struct GlobalArgs {
    /// Answer yes to all questions
    #[arg(short, long, global = true)]
    yes: bool,
    /// Print what would be done, and do nothing
    #[arg(long, global = true)]
    dry_run: bool,
    /// Format of reports
    #[arg(long, global = true, value_enum, default_value = "text")]
    format: FormatArg,
    /// Print only data and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Print more details
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// [`Format`], and Markdown for `diagnose`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FormatArg {
    /// For people
    Text,
    /// For programs: one documented, versioned object on stdout
    Json,
    /// For an issue; only diagnose
    #[value(hide = true)]
    Markdown,
}

#[derive(Debug, Subcommand)]
enum Command {
    CheckPorts(task::check_ports::Args),
    Start(task::start::Args),
    Stop(task::stop::Args),
    Restart(task::restart::Args),
    Logs(task::logs::Args),
    Open(task::open::Args),
    Diagnose(task::diagnose::Args),
    Who(task::who::Args),
    Kill(task::kill::Args),
    PruneNetwork(task::prune_network::Args),
    Completions(task::completions::Args),
    Adopt(task::adopt::Args),
    Env(task::env::Args),
    Proxy(task::proxy::Args),
    Ls(task::ls::Args),
    Ranges(task::ranges::Args),
    Release(task::release::Args),
    Run(task::run::Args),
}

/// Runs a command line; the first word is the program's name.
pub fn run(args: Vec<OsString>) -> Exit {
    let as_json = asks_for_json(&args);
    match Cli::try_parse_from(args) {
        Ok(cli) => {
            // `who` has nothing to clean up on Ctrl-C, and a thread that waits for it
            // would take a tenth of its time.
            if !matches!(cli.command, Command::Who(_)) {
                crate::exec::install_interrupt();
            }
            let json = cli.global.format == FormatArg::Json;
            let exit = dispatch(cli).unwrap_or_else(|error| fail(&error, json));
            ui::output_error()
                .map_or(exit, |why| fail(&Error::new(format!("cannot write to standard output: {why}")), false))
        }
        Err(error) => usage(&error, as_json),
    }
}

fn dispatch(cli: Cli) -> Result<Exit> {
    let dir = std::env::current_dir().map_err(|error| {
        Error::new(format!("cannot read the current folder: {error}")).hint("`cd` to one that exists")
    })?;
    let project = cli.project;
    let options = ComposeOptions {
        files: project.file,
        project_name: project.project_name,
        profiles: project.profile,
        env_files: project.env_file,
        project_directory: project.project_directory,
    };
    let global = cli.global;
    let format = if global.format == FormatArg::Json { Format::Json } else { Format::Text };
    let ctx = Context { yes: global.yes, dry_run: global.dry_run, format, ..Context::new(dir, options) };
    let markdown = global.format == FormatArg::Markdown;
    if markdown && !matches!(cli.command, Command::Diagnose(_)) {
        return Err(
            Error::new("only diagnose prints Markdown").hint("every command has `--format text` and `--format json`")
        );
    }
    let level = if global.quiet { -1 } else { i8::try_from(global.verbose).unwrap_or(i8::MAX) };
    ui::set_up(level, &|name| ctx.var(name));
    match &cli.command {
        Command::CheckPorts(args) => task::check_ports::run(args, &ctx),
        Command::Start(args) => task::start::run(args, &ctx),
        Command::Stop(args) => task::stop::run(args, &ctx),
        Command::Restart(args) => task::restart::run(args, &ctx),
        Command::Logs(args) => task::logs::run(args, &ctx),
        Command::Open(args) => task::open::run(args, &ctx),
        Command::Diagnose(args) => task::diagnose::run(args, &ctx, markdown),
        Command::Who(args) => task::who::run(args, &ctx),
        Command::Kill(args) => task::kill::run(args, &ctx),
        Command::PruneNetwork(args) => task::prune_network::run(args, &ctx),
        Command::Completions(args) => Ok(task::completions::run(args, Cli::command())),
        Command::Adopt(args) => task::adopt::run(args, &ctx),
        Command::Env(args) => task::env::run(args, &ctx),
        Command::Proxy(args) => task::proxy::run(args, &ctx),
        Command::Ls(args) => task::ls::run(args, &ctx),
        Command::Ranges(args) => Ok(task::ranges::run(args, &ctx)),
        Command::Release(args) => task::release::run(args, &ctx),
        Command::Run(args) => task::run::run(args, &ctx),
    }
}

#[derive(Serialize)]
struct ErrorReport<'a> {
    schema: u32,
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    message: &'a str,
    hints: &'a [String],
}

/// With JSON a failure is an object on stdout; for a finding the report is already there.
fn fail(error: &Error, json: bool) -> Exit {
    if json && error.exit() == Exit::Failure {
        ui::json(&ErrorReport { schema: 1, error: ErrorBody { message: error.message(), hints: error.hints() } });
    } else {
        ui::error(error);
    }
    error.exit()
}

/// Prints help and version with exit code 0, usage errors with 2.
fn usage(error: &clap::Error, json: bool) -> Exit {
    if error.use_stderr() && json {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        return fail(&Error::new(message).hint("`cargo xtask --help`"), true);
    }
    // If stderr is closed there is nowhere left to report it.
    drop(error.print());
    if error.use_stderr() { Exit::Failure } else { Exit::Success }
}

fn asks_for_json(args: &[OsString]) -> bool {
    let is = |at: usize, word: &str| args.get(at).is_some_and(|arg| arg == word);
    (0..args.len()).any(|at| is(at, "--format=json") || is(at, "--format") && is(at + 1, "json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
