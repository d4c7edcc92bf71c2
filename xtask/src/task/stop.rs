//! `cargo xtask stop`

use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::model::{FixedName, Named};
use crate::operation::proxy::drop_link;
use crate::operation::stop::compose_down::{down, take_down, warn_unnamed};
use crate::project::{self, Project, lock_project};
use crate::{stack, ui};

/// Stop the stack and take its containers and networks away; named volumes stay
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask stop                   data stays in its named volumes
  cargo xtask stop --timeout 2       seconds each container gets to end
  cargo xtask stop --volumes         the data goes too; asks first

Exit code: 0 stopped, 1 not confirmed, 2 it could not be done.")]
pub(crate) struct Args {
    /// Remove the project's volumes, and with them its data; asks first
    #[arg(long)]
    volumes: bool,
    /// Seconds each container gets to end before it is killed [default: 10]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let found = project::resolve_started(ctx)?;
    let ctx = &found.ctx;
    found.ready()?;
    let trouble = |trouble: crate::docker::EngineError| ctx.engine_error(&trouble);
    let name = &found.stack.name;
    let volumes = ctx.engine.volumes_of(name).map_err(trouble)?;
    if args.volumes {
        spare_checkouts(&found)?;
        spare_others(ctx, &volumes)?;
    }
    if args.volumes && !volumes.is_empty() && !ctx.dry_run {
        let names: Vec<String> = volumes.iter().map(|name| ui::clean(name)).collect();
        let question = format!(
            "remove volumes {} of project {name} ({}) and all data in them?",
            names.join(", "),
            ctx.show(&found.stack.dir)
        );
        ctx.confirm(&question, "nothing was stopped and nothing was removed")?;
    }
    let mut words: Vec<String> = args.volumes.then(|| "--volumes".to_owned()).into_iter().collect();
    if let Some(seconds) = args.timeout {
        words.extend(["--timeout".to_owned(), seconds.to_string()]);
    }
    let command = down(ctx, words);
    if ctx.dry_run {
        ui::out(&format!("would run: {}", command.line()));
        return Ok(Exit::Success);
    }
    if !args.volumes {
        let own = found.containers.iter().flatten();
        warn_unnamed(own.filter(|container| container.project.as_ref() == Some(name)));
    }
    let _lock = lock_project(ctx, name);
    take_down(ctx, name, &command)?;
    // A network that Compose does not take away, because it did not make it.
    drop_link(ctx, name);
    left(&found)
}

/// A checkout that was never started goes by the name of the one that it came
/// of: the volumes of that name are not its own.
fn spare_checkouts(found: &Project) -> Result<()> {
    let Some(other) = found.name_owner() else { return Ok(()) };
    let ctx = &found.ctx;
    let name = ui::clean(&found.stack.name);
    Err(Error::new(format!(
        "`{name}` is the project of {}, and this checkout has no container of that name: \
         the volumes that would go are not its own",
        ctx.show(&other)
    ))
    .hint(format!("if its data is to go: `cd {} && cargo xtask stop --volumes`", ctx.typed(&other)))
    .hint(format!("or say whose: `cargo xtask -p {} stop --volumes`", ui::quoted(&found.stack.name))))
}

/// `down --volumes` removes what the compose files name, whoever made it: a
/// volume with a fixed name may be another checkout's.
fn spare_others(ctx: &Context, own: &[String]) -> Result<()> {
    let fixed = stack::fixed_names(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap_or_default();
    let there = ctx.engine.volumes().map_err(|trouble| ctx.engine_error(&trouble))?;
    let is_anothers = |name: &&FixedName| {
        matches!(name.what, Named::Volume(_)) && there.contains(&name.value) && !own.contains(&name.value)
    };
    let Some(name) = fixed.iter().find(is_anothers) else { return Ok(()) };
    Err(Error::new(format!(
        "volume `{}` was not made by this project, and would go too: its name is fixed in {}:{}",
        ui::clean(&name.value),
        ctx.show(&name.file),
        name.line
    ))
    .hint("stop without its data: `cargo xtask stop`")
    .hint(format!("or remove it by name, if it is to go: `docker volume rm {}`", ui::argument(&name.value))))
}

/// What is still there, and how it goes away.
fn left(found: &Project) -> Result<Exit> {
    let (ctx, name, containers) = (&found.ctx, &found.stack.name, found.containers_now()?);
    let trouble = |trouble: crate::docker::EngineError| ctx.engine_error(&trouble);
    let networks = ctx.engine.networks_of(name).map_err(trouble)?;
    let volumes = ctx.engine.volumes_of(name).map_err(trouble)?;
    for container in &containers {
        ui::note(&format!("left: container {} ({})", ui::clean(&container.name), container.state.as_str()));
    }
    for network in &networks {
        ui::note(&format!("left: network {} (something outside this project is on it)", ui::clean(&network.name)));
    }
    if !volumes.is_empty() {
        let names: Vec<String> = volumes.iter().map(|name| ui::clean(name)).collect();
        ui::note(&format!("left: data in {} (`cargo xtask stop --volumes` removes it)", names.join(", ")));
    }
    Ok(Exit::Success)
}
