//! `cargo xtask kill`

use std::time::Duration;

use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::host::{self, Depth};
use crate::model::{PortRange, Verdict};
use crate::operation::ports::stop_holders::{self, Outcome, Request, StopOptions};
use crate::operation::ports::who::{self, Report};
use crate::ports::{Holders, PortHolders, each_port, find_holders};
use crate::ui::{self, Format};

/// Free a port: stop whatever listens on it, and nothing else
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask kill 8000                show the listeners, ask, SIGTERM, wait 5 s, verify
  cargo xtask kill 8000-8009 --yes     for scripts
  cargo xtask kill 8000 --dry-run
  cargo xtask kill 8000 --yes --force  SIGKILL, without asking, what ignores SIGTERM

Containers are stopped by their engine, services by systemd. Clients of the port, the
engine's helper processes and this command's parent processes are never signalled.

Exit code: 0 all free, even if they were before, 1 something still holds a port, 2 it
could not be done. With --dry-run, 0 means that every holder would be stopped.")]
pub(crate) struct Args {
    /// Ports and ranges of ports
    #[arg(value_name = "PORT", required = true)]
    ports: Vec<PortRange>,
    /// UDP instead of TCP
    #[arg(long)]
    udp: bool,
    /// Seconds a process gets to exit cleanly
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = clap::value_parser!(u64).range(0..=3600))]
    grace: u64,
    /// Then SIGKILL what still runs, without asking
    #[arg(long)]
    force: bool,
    /// First signal instead of SIGTERM
    #[arg(
        long,
        value_enum,
        value_name = "NAME",
        ignore_case = true,
        default_value = "term",
        hide_default_value = true
    )]
    signal: Signal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Signal {
    Term,
    Int,
    Hup,
    Quit,
    Usr1,
    Usr2,
    Kill,
}

impl From<Signal> for host::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Term => host::Signal::Term,
            Signal::Int => host::Signal::Int,
            Signal::Hup => host::Signal::Hup,
            Signal::Quit => host::Signal::Quit,
            Signal::Usr1 => host::Signal::Usr1,
            Signal::Usr2 => host::Signal::Usr2,
            Signal::Kill => host::Signal::Kill,
        }
    }
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    if args.signal == Signal::Kill && !args.force {
        return Err(Error::new("SIGKILL gives a program no chance to save anything")
            .hint("if that is meant: `--signal kill --force`"));
    }
    let found = find_holders(ctx, &each_port(&args.ports, args.udp), Depth::Complete)?;
    let requests: Vec<Request> =
        found.ports.iter().filter(|port| port.verdict != Verdict::Free).map(Request::from).collect();
    let plan = stop_holders::plan(ctx, &requests, found.containers.as_deref().ok());
    let text = ctx.format == Format::Text;
    // Before stopping: the folder of an exited process is no longer known.
    let before = (!text).then(|| who::json(ctx, &found));
    let report = |outcome: Outcome, good: &str| report(&found, before, outcome, good);
    if requests.is_empty() {
        return report(Outcome { actions: Vec::new(), error: None }, "already free");
    }
    if text {
        who::text(ctx, &found);
    }
    stop_holders::show(&plan, !text);
    if ctx.dry_run {
        let error = stop_holders::refusal(&plan);
        return report(Outcome { actions: Vec::new(), error }, "");
    }
    if let Err(error) = stop_holders::consent(ctx, &plan) {
        return report(Outcome { actions: Vec::new(), error: Some(error) }, "");
    }
    let options = StopOptions { grace: Duration::from_secs(args.grace), signal: args.signal.into(), force: args.force };
    let outcome = stop_holders::run(ctx, &plan, &requests, &options);
    report(outcome, "free now")
}

/// JSON has the state before and the actions; the error goes to stderr.
fn report(found: &Holders, before: Option<Report<'static>>, outcome: Outcome, good: &str) -> Result<Exit> {
    if let Some(before) = before {
        ui::json(&before.with_actions(&outcome.actions));
    } else if outcome.error.is_none() && !good.is_empty() {
        let ports: Vec<String> = found.ports.iter().map(PortHolders::address).collect();
        ui::out(&format!("{}: {good}", ports.join(", ")));
    }
    outcome.error.map_or(Ok(Exit::Success), Err)
}
