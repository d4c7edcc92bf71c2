//! `cargo xtask proxy`

use clap::Subcommand;
use serde::Serialize;

use crate::context::Context;
use crate::docker::log_lines;
use crate::error::{Error, Exit, Result};
use crate::operation::proxy::{self, Instance, Options, lint, names, trust};
use crate::project;
use crate::ui::{self, Column, Format};

/// One Traefik for all projects: host names instead of ports
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask proxy up                  http://traefik.localhost shows what it routes
  cargo xtask proxy labels --write      docker-compose.traefik.yml, from the project's services
  docker compose -f docker-compose.yml -f docker-compose.traefik.yml up -d
  cargo xtask proxy status
  cargo xtask proxy trust               browsers on this system accept https
  cargo xtask proxy down

It listens on 127.0.0.1 and ::1 only, and reads the engine's socket: whoever takes
over Traefik controls the engine. PROXY_NETWORK=NAME selects another proxy, on the
network of that name.

Exit codes: 0 done, 1 a finding, 2 it could not be done, 130 interrupted.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(UpArgs),
    Down(DownArgs),
    Status(StatusArgs),
    Trust(TrustArgs),
    Logs(LogsArgs),
    Labels(LabelsArgs),
}

/// Start the proxy, or check that it runs and answers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask proxy up
  cargo xtask proxy up --http-port 8880      another port, also next time
  cargo xtask proxy up --image mirror.example/traefik:v3.7
  cargo xtask proxy up --dry-run

If a default port is taken, the next free one is used, and the holder is named.

Exit codes: 0 it runs and answers, 1 it does not, or a requested port is taken,
2 it could not be started.")]
struct UpArgs {
    /// Traefik image, 3.6.1 or later; also used next time [default: traefik:v3.7, or XTASK_PROXY_IMAGE]
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Port for HTTP [default: 80]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    http_port: Option<u16>,
    /// Port for HTTPS [default: 443]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    https_port: Option<u16>,
    /// Port for PostgreSQL [default: 5432]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    postgres_port: Option<u16>,
    /// Port for Redis [default: 6379]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    redis_port: Option<u16>,
}

/// Remove the proxy; refuses while running projects depend on it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask proxy down
  cargo xtask proxy down --force     even while running projects depend on it

Exit codes: 0 removed, 1 running projects depend on it, 2 it could not be done.")]
struct DownArgs {
    /// Remove it even while running projects depend on it
    #[arg(long)]
    force: bool,
}

/// Show the proxy's ports, certificates and routes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask proxy status
  cargo xtask proxy status --format json

Exit codes: 0 it runs and all routes work, 1 it does not, or a route is broken,
2 the state is unknown.")]
struct StatusArgs {}

/// Have this system trust the proxy's certificates; asks first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask proxy trust              shows the commands, asks, runs them
  cargo xtask proxy trust --dry-run    only shows them

The CA can sign only for names that end in .localhost. For programs with their own
certificate store the command to run is printed.

Exit codes: 0 trusted, 1 not confirmed or no known store, 2 it could not be done.")]
struct TrustArgs {}

/// Show the proxy's logs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask proxy logs
  cargo xtask proxy logs --follow --tail 10

Exit codes: 0 shown, 2 it could not be shown.")]
struct LogsArgs {
    /// Keep showing new lines; Ctrl-C ends it
    #[arg(long)]
    follow: bool,
    /// How many past lines, or `all`
    #[arg(long, default_value = "100", value_name = "LINES", value_parser = log_lines)]
    tail: String,
}

/// Give this project's services host names, with a compose file of labels
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask proxy labels             print docker-compose.traefik.yml
  cargo xtask proxy labels --write     write it; never overwrites a file of your own
  cargo xtask proxy labels --lint      check labels, hand-written ones too

The kind of a service is guessed from its ports, image, healthcheck and name.
xtask.toml can state it:
  [proxy]
  host = \"performia\"
  [proxy.services]
  backend = { kind = \"api\", port = 8000, host = \"api\" }     web, api, postgres, redis, other

Exit codes: 0 done, 1 labels with mistakes, 2 it could not be done.")]
struct LabelsArgs {
    /// Write docker-compose.traefik.yml
    #[arg(long, conflicts_with = "lint")]
    write: bool,
    /// Check the existing labels for mistakes
    #[arg(long)]
    lint: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    match &args.command {
        Command::Up(args) => up(args, ctx),
        Command::Down(args) => proxy::down(ctx, args.force).map(|()| Exit::Success),
        Command::Status(StatusArgs {}) => status(ctx),
        Command::Trust(TrustArgs {}) => trust(ctx),
        Command::Logs(args) => logs(args, ctx),
        Command::Labels(args) if args.lint => lint(ctx),
        Command::Labels(args) => labels(args, ctx),
    }
}

fn up(args: &UpArgs, ctx: &Context) -> Result<Exit> {
    let ports = [args.http_port, args.https_port, args.postgres_port, args.redis_port];
    proxy::up(ctx, &Options { image: args.image.clone(), ports })?;
    if ctx.dry_run {
        return Ok(Exit::Success);
    }
    show(ctx, &proxy::status(ctx)?);
    Ok(Exit::Success)
}

fn status(ctx: &Context) -> Result<Exit> {
    let status = proxy::status(ctx)?;
    show(ctx, &status);
    if !status.is_up() {
        ui::note("`cargo xtask proxy up` starts it");
    }
    Ok(if status.is_healthy() { Exit::Success } else { Exit::Finding })
}

fn show(ctx: &Context, status: &proxy::Status) {
    ctx.print(|| status, || proxy::print(ctx, status));
}

#[derive(Serialize)]
struct Trust<'a> {
    schema: u32,
    ca: String,
    system: Vec<String>,
    undo: Vec<String>,
    others: Vec<(&'a str, String)>,
}

fn trust(ctx: &Context) -> Result<Exit> {
    if !ctx.dry_run {
        trust::ensure_ca(ctx)?;
    }
    let plan = trust::plan(ctx)?;
    let others = trust::manual_steps(&plan.ca);
    match ctx.format {
        Format::Json => {
            let lines = |commands: &[crate::exec::Command]| commands.iter().map(crate::exec::Command::line).collect();
            ui::json(&Trust {
                schema: 1,
                ca: plan.ca.display().to_string(),
                system: plan.steps.as_deref().map(lines).unwrap_or_default(),
                undo: lines(&plan.undo),
                others,
            });
        }
        Format::Text => {
            let rows: Vec<Vec<String>> = others.into_iter().map(|(who, how)| vec![who.to_owned(), how]).collect();
            for line in ui::table(&[Column::Left; 2], &rows) {
                ui::out(&line);
            }
        }
    }
    trust::trust(ctx, &plan)?;
    Ok(Exit::Success)
}

fn logs(args: &LogsArgs, ctx: &Context) -> Result<Exit> {
    let Some(logs) = Instance::resolve(ctx)?.logs(ctx, &args.tail, args.follow)? else {
        return Err(Error::new("there is no proxy").hint("`cargo xtask proxy up`"));
    };
    let code = logs.show(true)?;
    Ok(if code == 0 { Exit::Success } else { Exit::Failure })
}

fn lint(ctx: &Context) -> Result<Exit> {
    // With the host and network that the checkout was started with.
    let linted = lint::lint(&project::started_context(ctx)?)?;
    ctx.print(|| lint::json(&linted), || lint::print(ctx, &linted));
    Ok(if linted.findings.is_empty() { Exit::Success } else { Exit::Finding })
}

#[derive(Serialize)]
struct Labels<'a> {
    schema: u32,
    file: String,
    written: bool,
    host: &'a str,
    routes: Vec<LabelsRow<'a>>,
    unrouted: Vec<&'a str>,
}

#[derive(Serialize)]
struct LabelsRow<'a> {
    service: &'a str,
    kind: &'a str,
    host: String,
    port: u16,
}

fn labels(args: &LabelsArgs, ctx: &Context) -> Result<Exit> {
    let plan = names::plan(&project::resolve(ctx)?, &[])?;
    let hint_no_write = |error: Error| {
        let hint = "`cargo xtask start --traefik --no-write` passes the labels to Compose without writing a file here";
        if error.is_unwritable() { error.hint(hint) } else { error }
    };
    let changed = args.write && names::write(ctx, &plan).map_err(hint_no_write)?;
    let row = |route: &'_ crate::labels::Route| (route.kind.as_str(), route.host(&plan.host), route.port);
    if ctx.format == Format::Json {
        let routes = plan.routes.iter().map(|route| {
            let (kind, host, port) = row(route);
            LabelsRow { service: &route.service, kind, host, port }
        });
        ui::json(&Labels {
            schema: 1,
            file: plan.file.display().to_string(),
            written: changed && !ctx.dry_run,
            host: &plan.host,
            routes: routes.collect(),
            unrouted: plan.unrouted.iter().map(|unrouted| unrouted.service.as_str()).collect(),
        });
        return Ok(Exit::Success);
    }
    if !args.write {
        ui::out(plan.text.trim_end());
        return Ok(Exit::Success);
    }
    let file = ctx.show(&plan.file);
    ui::note(&match (changed, ctx.dry_run) {
        (true, true) => format!("would write {file}"),
        (true, false) => format!("wrote {file}"),
        (false, _) => format!("{file} is up to date"),
    });
    let rows: Vec<Vec<String>> = plan
        .routes
        .iter()
        .map(|route| {
            let (kind, host, port) = row(route);
            vec![ui::clean(&route.service), kind.to_owned(), host, port.to_string()]
        })
        .collect();
    for line in ui::table(&[Column::Left, Column::Left, Column::Left, Column::Right], &rows) {
        ui::out(&line);
    }
    if plan.needs_host_variable {
        ui::note(&format!(
            "note: this worktree needs PROXY_HOST={} in .env for these names (else {}.localhost)",
            plan.host, plan.base
        ));
    }
    for route in plan.routes.iter().filter(|route| !route.lost.is_empty()) {
        ui::note(&format!(
            "note: {} also publishes {}, which has no name and is unreachable in this mode",
            ui::clean(&route.service),
            route.lost.join(", ")
        ));
    }
    for unrouted in &plan.unrouted {
        ui::note(&format!("note: no name for {}: {}", ui::clean(&unrouted.service), ui::clean(&unrouted.why)));
    }
    Ok(Exit::Success)
}
