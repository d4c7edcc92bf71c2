//! Keeps `checkouts.json` up: which folder each project name, and so its volumes, belongs to.

use crate::context::Context;
use crate::ledger::{self, checkouts};
use crate::model::{CheckoutRecord, Leases};
use crate::project::records::apply_moves;
use crate::project::{Project, leases};
use crate::{disk, ui};

/// Moves the leases and records of folders that were renamed since their last start.
pub(crate) fn follow_moves(project: Project) -> Project {
    let moves = &project.records.moves;
    if moves.is_empty() || project.ctx.dry_run {
        return project;
    }
    let ctx = &project.ctx;
    let Some(mut ledger) = leases::open(ctx, project.containers.as_deref().ok()) else { return project };
    apply_moves(moves, &mut ledger.leases);
    leases::close(ledger);
    change_records(ctx, |records| checkouts::move_folders(records, moves));
    if let Ok(state) = ctx.state_dir() {
        for step in moves {
            // Without them only `--restore-ports` has nothing to restore.
            drop(ledger::moves::move_folder(&state, &step.from, &step.to));
            drop(ledger::values::move_folder(&state, &step.from, &step.to));
        }
    }
    project.refreshed()
}

/// Records that the project's name and volumes belong to its folder.
pub(crate) fn record(project: &Project) {
    if project.ctx.dry_run {
        return;
    }
    let ctx = &project.ctx;
    // Volumes by the engine's labels; a start that fails later has made some of them already.
    let Ok(volumes) = ctx.engine.volumes_of(&project.stack.name) else { return };
    let new = project.records.new_record(&project.stack, project.checkout.as_ref(), project.name_origin(), volumes);
    if new.dir.to_str().is_none() {
        return;
    }
    let leases = ctx.leases();
    change_records(ctx, |records| {
        checkouts::record(records, new, &disk::is_folder);
        checkouts::add_leased(records, &leases, &disk::folder_id);
    });
}

/// Records which volumes the project has after a stop.
pub(crate) fn record_volumes(ctx: &Context, name: &str, volumes: &[String]) {
    change_records(ctx, |records| {
        for record in records.iter_mut().filter(|record| record.project == name) {
            record.volumes = volumes.to_vec();
        }
    });
}

/// Forgets the names of folders whose leases were all released, unless they have volumes.
pub(crate) fn forget_released(ctx: &Context, left: &Leases, was_released: &dyn Fn(&CheckoutRecord) -> bool) {
    let is_kept = |record: &CheckoutRecord| left.tenant(&record.project, &record.dir).is_some();
    change_records(ctx, |records| {
        records.retain(|record| !record.volumes.is_empty() || is_kept(record) || !was_released(record));
    });
}

fn change_records(ctx: &Context, change: impl FnOnce(&mut Vec<CheckoutRecord>)) {
    match ctx.ledger_dir().and_then(|state| checkouts::change(&state, change)) {
        Ok(Some(aside)) => ui::warn(&format!(
            "the record of which folder has which project name was damaged and was moved to {}; a new one starts now",
            ctx.show(&aside)
        )),
        Ok(None) => {}
        Err(error) => leases::warn_not_kept(&error),
    }
}
