//! Waiting for an engine that is at work on this very project.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::decide::is_engine_process;
use crate::model::{Container, Owner, State, Verdict};
use crate::operation::check::project::{CheckedProject, Row};

/// How often, and how far apart, an engine at work is looked at again.
const RETRIES: (u32, Duration) = (10, Duration::from_millis(200));

/// Looks again for a while where the engine seems to be starting or stopping a
/// container of this very service: its port is held then, and not yet listed as
/// the container's. A start that was killed in the middle leaves that.
#[must_use]
pub(crate) fn wait_while_busy(mut checked: CheckedProject, refused: &BTreeMap<u16, String>) -> CheckedProject {
    // Elsewhere nothing is probed that an engine at work could hold.
    let times = if checked.host.is_some() { 0 } else { RETRIES.0 };
    for _ in 0..times {
        if !checked.conflicts().any(|row| is_busy_with(&checked, row)) {
            break;
        }
        std::thread::sleep(RETRIES.1);
        checked = CheckedProject::new(checked.refreshed()).judge(refused);
    }
    checked
}

fn is_busy_with(checked: &CheckedProject, row: &Row) -> bool {
    let Verdict::Taken(owners) = &row.verdict else { return false };
    let by_engine = |owner: &Owner| match owner {
        Owner::Process(process) => is_engine_process(process),
        Owner::Unknown { .. } => true,
        Owner::Container(_) => false,
    };
    let ours = |container: &Container| {
        container.service.as_deref() == Some(&row.wanted.mapping.service)
            && !matches!(container.state, State::Exited | State::Dead)
    };
    row.clash.is_none() && owners.iter().all(by_engine) && checked.own_containers().any(ours)
}
