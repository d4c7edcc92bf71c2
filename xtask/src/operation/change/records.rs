//! Keeps `checkouts.json` up: which folder each project name, and so its volumes, belongs to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::ledger::checkouts::FolderMove;
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
        let steps: Vec<(&Path, &Path)> = moves.iter().map(|step| (step.from.as_path(), step.to.as_path())).collect();
        // Without them only `--restore-ports` has nothing to restore.
        drop(ledger::moves::move_folders(&state, &steps));
        drop(ledger::values::move_folders(&state, &steps));
    }
    move_override_files(ctx, moves);
    project.refreshed()
}

/// Moves the override files outside the projects. All at once, because two folders may have changed
/// places.
fn move_override_files(ctx: &Context, moves: &[FolderMove]) {
    let file = |dir: &Path| ctx.override_file(dir, "").ok();
    let mut found: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for step in moves {
        let (Some(from), Some(to)) = (file(&step.from), file(&step.to)) else { continue };
        found.extend(disk::read_own(&from).ok().flatten().map(|bytes| (to, bytes)));
    }
    // A file that is at the new path belongs to another folder that was there.
    for old in moves.iter().flat_map(|step| [&step.from, &step.to]).filter_map(|dir| file(dir)) {
        drop(std::fs::remove_file(old));
    }
    for (to, bytes) in found {
        if let Err(error) = disk::write_private(&to, &bytes) {
            leases::warn_not_kept(&error);
        }
    }
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
