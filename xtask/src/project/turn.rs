//! Whose turn it is to start or stop a project.

use crate::context::Context;
use crate::ledger::Turn;
use crate::ui;

/// Waits for another start or stop of the project of that name. Without a folder
/// to remember in there is no turn, and Compose's own errors have to do.
pub fn turn(ctx: &Context, name: &str) -> Option<Turn> {
    if ctx.dry_run {
        return None;
    }
    let note = || ui::note(&format!("another start or stop of {} is on its way: waiting for it", ui::clean(name)));
    let turn = ctx.state_dir().and_then(|state| Turn::take(&state, name, note));
    turn.inspect_err(|error| ui::detail(&format!("no turn was taken: {error}"))).ok()
}
