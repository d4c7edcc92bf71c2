//! Creates `.env` from its template.

use std::path::Path;

use super::proof::{self, Model};
use crate::context::Context;
use crate::decide::{WiderReach, wider_reach};
use crate::envfile::Document;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::{disk, stack, ui};

/// Creates `.env` from its template if there is none yet, because the project's guide
/// refers to that file.
pub(crate) fn create_from_template(project: &Project) -> Result<()> {
    let (Some(template), Some(file)) = (&project.template, project.env_files.default_file()) else { return Ok(()) };
    copy_template(&project.ctx, template, file)
}

/// Copies the template to `file`, which doesn't exist yet.
pub(crate) fn copy_template(ctx: &Context, template: &Path, file: &Path) -> Result<()> {
    let (from, to) = (ctx.show(template), ctx.show(file));
    refuse_wider_template(ctx, template, file)?;
    if ctx.dry_run {
        ui::note(&format!("{to} would be created from {from}"));
        return Ok(());
    }
    disk::write_atomic(file, &read(ctx, template)?)?;
    ui::note(&format!("{to} created from {from}"));
    Ok(())
}

/// Refuses a template with which a service would be reachable from more addresses than without
/// an env file. Ports that nothing publishes without it don't count, and neither does a project
/// that can't be read without it: it is meant to be used with the template.
pub(crate) fn refuse_wider_template(ctx: &Context, template: &Path, file: &Path) -> Result<()> {
    // Compose rejects a project whose `env_file:` doesn't exist yet, and `--dry-run` doesn't ask it.
    let by_compose = if ctx.dry_run { None } else { Model::read(ctx).ok() };
    let Some(before) = by_compose.or_else(|| Model::read_without_compose(ctx).ok()) else { return Ok(()) };
    // The next step reports what is wrong with the template.
    let Ok(after) = before.read_again(&ctx.with_template(Some(template))) else { return Ok(()) };
    let found = before.wider_reach(&after).into_iter().find(widens);
    found.map_or(Ok(()), |found| Err(wider_template(ctx, template, file, &found)))
}

/// Whether a template may not do it.
pub(crate) fn widens(found: &WiderReach) -> bool {
    !matches!(found, WiderReach::New(_))
}

fn wider_template(ctx: &Context, template: &Path, file: &Path, found: &WiderReach) -> Error {
    let (from, to) = (ctx.show(template), ctx.show(file));
    let by_hand = format!("if you mean it, copy the file by hand: `cp {} {}`", ctx.typed(template), ctx.typed(file));
    let Some(Line { number, name, value }) = responsible_line(ctx, template) else {
        return proof::wider_refusal(&format!("the values of {from} in {to}"), found)
            .hint(format!("write values into {from} that keep the addresses of the compose file"))
            .hint(by_hand)
            .finding();
    };
    let address = match found {
        WiderReach::Port { before, after } => before.host_ip.zip(after.published),
        _ => None,
    };
    let keep = match address {
        Some((ip, port)) if value == port.to_string() => {
            let ip = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
            format!("keep the address: write `{name}={ip}:{port}` into {from}:{number}")
        }
        _ => format!("keep the compose file's own value: comment out {name} in {from}:{number}"),
    };
    let cause = format!("{name}={} ({from}:{number})", ui::mask_value(&name, &value));
    proof::wider_refusal(&cause, found).hint(keep).hint(by_hand).finding()
}

struct Line {
    number: usize,
    name: String,
    value: String,
}

/// The first line of the template that alone makes a service reachable from more addresses.
fn responsible_line(ctx: &Context, template: &Path) -> Option<Line> {
    let document = Document::parse(read(ctx, template).ok()?).ok()?;
    let values = document.values(&|name| ctx.var(name), &|_| None).ok()?;
    let options = ctx.options.clone().with_every_profile();
    let before = stack::read(&options, &ctx.dir, &|name| ctx.var(name)).ok()?;
    let mut lines: Vec<Line> = values
        .into_iter()
        .filter(|(name, _)| ctx.var(name).is_none())
        .map(|(name, value)| Line { number: value.line, name, value: value.value })
        .collect();
    lines.sort_by_key(|line| line.number);
    lines.into_iter().find(|line| {
        let lookup = |name: &str| if *name == line.name { Some(line.value.clone()) } else { ctx.var(name) };
        let after = stack::read(&options, &ctx.dir, &lookup);
        after.is_ok_and(|after| wider_reach(&before, &after).iter().any(widens))
    })
}

pub(crate) fn read(ctx: &Context, file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| {
        Error::new(format!("failed to read {}: {error}", ctx.show(file))).hint("check its permissions: `ls -l`")
    })
}
