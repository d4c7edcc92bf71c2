//! Waiting for an engine that is at work on this very project.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::decide::is_engine_process;
use crate::model::{Container, Owner, State, Verdict};
use crate::operation::check::survey::{Row, Survey};

/// How often, and how far apart, an engine at work is looked at again.
const SETTLING: (u32, Duration) = (10, Duration::from_millis(200));

/// Looks again for a while where the engine seems to be starting or stopping a
/// container of this very service: its port is held then, and not yet listed as
/// the container's. A start that was killed in the middle leaves that.
#[must_use]
pub(crate) fn until_settled(mut found: Survey, refused: &BTreeMap<u16, String>) -> Survey {
    // Elsewhere nothing is probed that an engine at work could hold.
    let times = if found.host.is_some() { 0 } else { SETTLING.0 };
    for _ in 0..times {
        if !found.conflicts().any(|row| is_settling(&found, row)) {
            break;
        }
        std::thread::sleep(SETTLING.1);
        found = Survey::of(found.refreshed()).judge(refused);
    }
    found
}

fn is_settling(found: &Survey, row: &Row) -> bool {
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
    row.clash.is_none() && owners.iter().all(by_engine) && found.own_containers().any(ours)
}
