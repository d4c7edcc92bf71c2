//! Writes a plan. If Compose does not confirm it, the files are restored.

use std::collections::BTreeMap;

use super::plan::Plan;
use super::{ports, services};
use crate::context::Context;
use crate::decide::Expect;
use crate::error::{Error, Result};
use crate::operation::change::env_file::widens;
use crate::operation::change::proof::Model;
use crate::operation::change::readers;
use crate::operation::change::tracked::WriteMode;
use crate::{disk, stack, ui};

/// Writes the files. If Compose then rejects the project, or publishes or mounts anything in
/// another way, every file is restored. Prints what else reads a port that has changed.
pub fn apply(ctx: &Context, plan: &Plan) -> Result<()> {
    let changed = plan.files.iter().filter(|file| file.before.as_deref() != Some(file.after.render()));
    WriteMode::Files.ask_for_files(ctx, &changed.map(|file| file.path.clone()).collect::<Vec<_>>())?;
    // A project that Compose already rejects may be repaired one value at a time.
    let before = Model::read(&ctx.with_options(plan.options.clone())).ok();
    let copies_template = plan.files.iter().any(|file| file.template.is_some());
    let without_file =
        if copies_template { Model::read(ctx).or_else(|_| Model::read_without_compose(ctx)).ok() } else { None };
    let files = plan.files.iter().map(|file| (file.path.clone(), Some(file.after.render().to_vec())));
    disk::write_proved(&files.collect::<Vec<_>>(), || {
        takes_effect(ctx, plan)?;
        without_file.as_ref().map_or(Ok(()), |before| prove_template(ctx, plan, before))?;
        before.as_ref().map_or(Ok(()), |before| prove(ctx, plan, before))
    })
}

fn takes_effect(ctx: &Context, plan: &Plan) -> Result<()> {
    let files = stack::env_files(&ctx.options, &ctx.dir, &|name| ctx.var(name))?;
    match plan.edits.iter().find(|edit| files.get(&edit.variable).map(|(value, _)| value) != Some(&edit.to)) {
        None => Ok(()),
        Some(edit) => Err(Error::new(format!("{} does not take effect in {}", edit.variable, ctx.show(&edit.file)))
            .hint("the file was restored; `docker compose config --environment` shows what Compose reads")),
    }
}

/// The template's other values may not make a service reachable from more addresses either.
fn prove_template(ctx: &Context, plan: &Plan, before: &Model) -> Result<()> {
    let Ok(after) = before.read_again(ctx) else { return Ok(()) };
    let Some(found) = before.wider_reach(&after).into_iter().find(widens) else { return Ok(()) };
    let template = plan.files.iter().find_map(|file| file.template.as_deref());
    Err(ports::template_refusal(ctx, template.unwrap_or(&ctx.dir), &found))
}

fn prove(ctx: &Context, plan: &Plan, before: &Model) -> Result<()> {
    let values: BTreeMap<String, String> =
        plan.edits.iter().map(|edit| (edit.variable.clone(), edit.to.clone())).collect();
    let cause = ports::cause(&values);
    let restored = |error: Error| error.hint("the file was restored");
    let after = before.read_again(ctx).map_err(|error| {
        restored(Error::new(format!("Compose rejects the project with {cause}: {}", error.message())))
    })?;
    let wider = before.wider_reach(&after);
    if ports::sets_compose_files(&values) {
        return ports::refuse_wider(&wider, &values).map_err(restored);
    }
    let differences = before.port_differences(&after, &|_| Expect::Any);
    ports::same_addresses(&differences, (&before.stack, &after.stack), &values)?;
    ports::refuse_wider(&wider, &values).map_err(restored)?;
    services::changes(&before.stack, &after.stack, &values).map_err(restored)?;
    let Some(mount) = before.mount_difference(&after) else {
        note_readers(ctx, &values, before, &after);
        return Ok(());
    };
    let (service, target) = (ui::clean(&mount.service), ui::clean(&mount.target));
    Err(Error::new(format!(
        "with {cause}, {target} of service `{service}` would be {} instead of {}",
        mount_kind(&mount.after),
        mount_kind(&mount.before)
    ))
    .hint("a path begins with `./`, `../`, `/` or `~`; a single word is the name of a volume")
    .hint("the file was restored; if you mean it, edit the file by hand"))
}

/// Says what else reads the variable of a moved port, because it changes, too.
fn note_readers(ctx: &Context, values: &BTreeMap<String, String>, before: &Model, after: &Model) {
    if !before.port_differences(after, &|_| Expect::Same).is_empty() {
        let names: Vec<&str> = values.keys().map(String::as_str).collect();
        let mut other = before.differences(after, &|_| Expect::Any).other;
        // The plan's warnings list the services that start or no longer start.
        let is_in_both = |name: &str| before.stack.service(name).is_some() && after.stack.service(name).is_some();
        other.retain(|found| found.service.as_deref().is_none_or(is_in_both));
        readers::note_changes(ctx, &names, other);
    }
}

fn mount_kind(kind: &str) -> String {
    match kind {
        "bind" => "a path on this machine".to_owned(),
        "volume" => "a volume".to_owned(),
        other => format!("a mount of type {}", ui::clean(other)),
    }
}
