//! Waits for an engine that is still busy with this project's containers.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::decide::is_engine_process;
use crate::model::{Container, Owner, State, Verdict};
use crate::operation::check::project::{CheckedProject, Row};

/// The number of retries, and the time between them.
const RETRIES: (u32, Duration) = (10, Duration::from_millis(200));

/// Checks again for a while if the engine seems to be starting or stopping a container of a
/// service whose port is held: the port isn't listed as the container's yet. This happens
/// after a start that was killed.
#[must_use]
pub(crate) fn wait_while_busy(mut checked: CheckedProject, refused: &BTreeMap<u16, String>) -> CheckedProject {
    // On another machine no ports are probed.
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
    let is_engine = |owner: &Owner| match owner {
        Owner::Process(process) => is_engine_process(process),
        Owner::Unknown { .. } => true,
        Owner::Container(_) | Owner::SwarmService(_) | Owner::Engine(_) => false,
    };
    let is_active = |container: &Container| {
        container.service.as_deref() == Some(&row.wanted.mapping.service)
            && !matches!(container.state, State::Exited | State::Dead)
    };
    row.clash.is_none() && owners.iter().all(is_engine) && checked.own_containers().any(is_active)
}
