//! `cargo xtask stop`

use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::model::{FixedName, Named};
use crate::operation::change::earlier_name::refuse_doubtful_volumes;
use crate::operation::change::records;
use crate::operation::proxy::remove_link;
use crate::operation::stop::compose_down::{compose_down, down_command, warn_unnamed_volumes};
use crate::project::{self, Project, lock_project};
use crate::{stack, ui};

/// Stop the stack and remove its containers and networks; named volumes stay
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask stop                   data stays in its named volumes
  cargo xtask stop --timeout 2       seconds each container gets to exit
  cargo xtask stop --volumes         removes the data too; asks first

Exit code: 0 stopped, 1 not confirmed, 2 it could not be done.")]
pub(crate) struct Args {
    /// Also remove the project's volumes and all data in them; asks first
    #[arg(long)]
    volumes: bool,
    /// Seconds each container gets to exit before it is killed [default: 10]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let found = project::resolve_started(ctx)?;
    let ctx = &found.ctx;
    found.require_ready()?;
    found.refuse_unseen_containers(None)?;
    let trouble = |trouble: crate::docker::EngineError| ctx.engine_error(&trouble);
    let name = &found.stack.name;
    let volumes = ctx.engine.volumes_of(name).map_err(trouble)?;
    if args.volumes {
        refuse_other_checkout(&found)?;
        refuse_doubtful_volumes(&found)?;
        refuse_foreign_volumes(ctx, &volumes)?;
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
    let command = down_command(ctx, words);
    if ctx.dry_run {
        ui::out(&format!("would run: {}", command.line()));
        return Ok(Exit::Success);
    }
    if !args.volumes {
        let own = found.containers.iter().flatten();
        warn_unnamed_volumes(own.filter(|container| container.project.as_ref() == Some(name)));
    }
    let _lock = lock_project(ctx, name);
    compose_down(ctx, name, &command)?;
    // Compose does not remove this network, because it did not create it.
    remove_link(ctx, name);
    report_leftovers(&found, args.volumes)
}

/// Refuses if the project name belongs to another checkout: a checkout that was never started
/// has the name of the one it was made from, so the volumes are not its own.
fn refuse_other_checkout(found: &Project) -> Result<()> {
    let Some(other) = found.name_owner() else { return Ok(()) };
    let ctx = &found.ctx;
    let name = ui::clean(&found.stack.name);
    Err(Error::new(format!(
        "`{name}` is the project of {}, and this checkout has no container of that name: \
         the volumes are not its own",
        ctx.show(&other)
    ))
    .hint(format!("to remove its data: `cd {} && cargo xtask stop --volumes`", ctx.typed(&other)))
    .hint(format!("or name the project: `cargo xtask -p {} stop --volumes`", ui::quoted(&found.stack.name))))
}

/// Refuses if a volume with a fixed name belongs to another project: `down --volumes` removes
/// every volume that the compose files name.
fn refuse_foreign_volumes(ctx: &Context, own: &[String]) -> Result<()> {
    let fixed = stack::fixed_names(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap_or_default();
    let there = ctx.engine.volumes().map_err(|trouble| ctx.engine_error(&trouble))?;
    let is_anothers = |name: &&FixedName| {
        matches!(name.what, Named::Volume(_)) && there.contains(&name.value) && !own.contains(&name.value)
    };
    let Some(name) = fixed.iter().find(is_anothers) else { return Ok(()) };
    Err(Error::new(format!(
        "volume `{}` was not created by this project, but would be removed too: its name is fixed in {}:{}",
        ui::clean(&name.value),
        ctx.show(&name.file),
        name.line
    ))
    .hint("to keep all data: `cargo xtask stop`")
    .hint(format!("or remove that volume first: `docker volume rm {}`", ui::argument(&name.value))))
}

/// Reports what is left, and how to remove it.
fn report_leftovers(found: &Project, removed_volumes: bool) -> Result<Exit> {
    let (ctx, name, containers) = (&found.ctx, &found.stack.name, found.containers_now()?);
    let trouble = |trouble: crate::docker::EngineError| ctx.engine_error(&trouble);
    let networks = ctx.engine.networks_of(name).map_err(trouble)?;
    let volumes = ctx.engine.volumes_of(name).map_err(trouble)?;
    if removed_volumes {
        records::record_volumes(ctx, name, &volumes);
    }
    for container in &containers {
        ui::note(&format!("left: container {} ({})", ui::clean(&container.name), container.state.as_str()));
    }
    for network in &networks {
        ui::note(&format!("left: network {} (something outside this project is connected)", ui::clean(&network.name)));
    }
    if !volumes.is_empty() {
        let names: Vec<String> = volumes.iter().map(|name| ui::clean(name)).collect();
        ui::note(&format!("left: data in {} (`cargo xtask stop --volumes` removes it)", names.join(", ")));
    }
    Ok(Exit::Success)
}
