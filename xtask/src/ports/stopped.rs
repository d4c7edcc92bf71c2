//! Ports that are free now but that stopped stacks will need again.

use std::collections::BTreeSet;

use super::PortFacts;
use crate::disk;
use crate::docker::Engine;
use crate::model::Container;

/// Inspecting a container costs a millisecond or two.
const MAX_INSPECTED: usize = 200;
/// For a remote engine, where each request runs the CLI.
const PARALLEL_REQUESTS: usize = 8;

/// The ports that stopped containers of other Compose projects will publish again. Leases
/// already cover the stacks that this tool started.
pub(crate) fn ports_of_stopped(engine: &Engine, facts: &PortFacts<'_>) -> BTreeSet<u16> {
    let is_of_other_project = |container: &&Container| {
        let (Some(other), Some(dir)) = (&container.project, &container.working_dir) else { return false };
        !container.state.holds_ports()
            && other != facts.project.name
            && facts.leases.tenant(other, &disk::real_path(dir)).is_none()
    };
    let stopped: Vec<&Container> = facts.containers.iter().filter(is_of_other_project).take(MAX_INSPECTED).collect();
    let requests = if engine.endpoint().is_remote() { PARALLEL_REQUESTS } else { 1 };
    let share = stopped.len().div_ceil(requests).max(1);
    let ports = |some: &[&Container]| -> Vec<u16> {
        let details = some.iter().filter_map(|container| engine.detail(&container.id).ok());
        details.flat_map(|detail| detail.wanted).map(|binding| binding.published).collect()
    };
    std::thread::scope(|scope| {
        let asked: Vec<_> = stopped.chunks(share).map(|some| scope.spawn(|| ports(some))).collect();
        let answers =
            asked.into_iter().map(|asked| asked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        answers.flatten().collect()
    })
}
