//! Ports that nobody has now, and that stopped stacks will want again.

use std::collections::BTreeSet;

use super::PortFacts;
use crate::disk;
use crate::docker::Engine;
use crate::model::Container;

/// Inspecting a container costs a millisecond or two.
const MAX_INSPECTED: usize = 200;
/// To a remote engine, where each request is a call of the CLI.
const PARALLEL_REQUESTS: usize = 8;

/// What stopped containers of other Compose projects publish when they are
/// started again. Leases already cover the stacks that this tool started.
pub(crate) fn ports_of_stopped(engine: &Engine, facts: &PortFacts<'_>) -> BTreeSet<u16> {
    let is_anothers = |container: &&Container| {
        let (Some(other), Some(dir)) = (&container.project, &container.working_dir) else { return false };
        !container.state.holds_ports()
            && other != facts.project.name
            && facts.leases.tenant(other, &disk::real_path(dir)).is_none()
    };
    let stopped: Vec<&Container> = facts.containers.iter().filter(is_anothers).take(MAX_INSPECTED).collect();
    let requests = if engine.endpoint().is_remote() { PARALLEL_REQUESTS } else { 1 };
    let share = stopped.len().div_ceil(requests).max(1);
    let ports = |some: &[&Container]| -> Vec<u16> {
        let details = some.iter().filter_map(|container| engine.detail(&container.id).ok());
        details.flat_map(|detail| detail.published).collect()
    };
    std::thread::scope(|scope| {
        let asked: Vec<_> = stopped.chunks(share).map(|some| scope.spawn(|| ports(some))).collect();
        let answers =
            asked.into_iter().map(|asked| asked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        answers.flatten().collect()
    })
}
