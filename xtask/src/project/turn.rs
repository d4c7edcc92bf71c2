//! Starts and stops of one project take turns.

use crate::context::Context;
use crate::ledger::Turn;
use crate::ui;

/// Waits until no other start or stop of the project is in progress. Without a state folder
/// there are no turns, and Compose's own errors must do.
pub(crate) fn take_turn(ctx: &Context, name: &str) -> Option<Turn> {
    if ctx.dry_run {
        return None;
    }
    let note = || ui::note(&format!("another start or stop of {} is in progress: waiting for it", ui::clean(name)));
    let turn = ctx.state_dir().and_then(|state| Turn::take(&state, name, note));
    turn.inspect_err(|error| ui::detail(&format!("no turn was taken: {error}"))).ok()
}
