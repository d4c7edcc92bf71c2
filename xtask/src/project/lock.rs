//! The lock that lets one command at a time start or stop a project.

use crate::context::Context;
use crate::ledger::ProjectLock;
use crate::ui;

/// Waits for another start or stop of the project of that name. Without a state
/// folder there is no lock, and Compose's own errors have to do.
pub fn lock_project(ctx: &Context, name: &str) -> Option<ProjectLock> {
    if ctx.dry_run {
        return None;
    }
    let note = || ui::note(&format!("another start or stop of {} is in progress: waiting for it", ui::clean(name)));
    let lock = ctx.state_dir().and_then(|state| ProjectLock::acquire(&state, name, note));
    lock.inspect_err(|error| ui::detail(&format!("the project is not locked: {error}"))).ok()
}
