//! Checks all published ports of a project.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Deref;

pub use crate::ports::Row;

use crate::context::Context;
use crate::decide::{Identity, Publishing};
use crate::error::Result;
use crate::model::{EngineHost, Leases, Owner, PortMapping, PortRange, WildcardBinding};
use crate::ports::{self, PortFacts, Rules};
use crate::project::{self, OtherManager, Project};

/// A project and the verdicts of its ports.
#[derive(Debug, Clone)]
pub struct CheckedProject {
    pub(crate) project: Project,
    /// One row per published port, in the order of the model.
    pub rows: Vec<Row>,
    /// Ports that can't be used although they look free, and why.
    pub(crate) refused: BTreeMap<u16, String>,
    /// Ports that other, stopped stacks will need again.
    pub(crate) avoid: BTreeSet<u16>,
    /// How the ports of each service are published.
    pub(crate) publishing: BTreeMap<String, Publishing>,
    /// What the engine binds for a mapping on every address.
    pub(crate) wildcard: WildcardBinding,
    /// Ask the engine about its Swarm for free ports too.
    pub(crate) asks_swarm: bool,
}

impl Deref for CheckedProject {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.project
    }
}

impl CheckedProject {
    /// No port is judged yet.
    pub(crate) fn new(project: Project) -> CheckedProject {
        let engine = project.containers.is_ok().then_some(&project.ctx.engine);
        let wildcard = ports::wildcard_of(engine, &project.stack);
        let publishing = ports::publishing_of(engine, &project.stack, wildcard);
        let (rows, refused, avoid) = Default::default();
        CheckedProject { project, rows, refused, avoid, publishing, wildcard, asks_swarm: false }
    }

    /// Also names services of a Swarm that want a free port, at the cost of a request.
    #[must_use]
    pub(crate) fn with_swarm_of_free_ports(self) -> CheckedProject {
        CheckedProject { asks_swarm: true, ..self }
    }

    /// Judges every port, also a second time. `refused` are ports that the engine or another
    /// start has refused, for reasons that may not be visible from here.
    #[must_use]
    pub(crate) fn judge(self, refused: &BTreeMap<u16, String>) -> CheckedProject {
        let (rows, avoid) = with_facts(&self, &self.leases, refused, |mut facts| {
            let mut rows = ports::judge_stack(&mut facts, &self.stack, &self.publishing);
            if !rows.iter().any(|row| row.verdict.is_conflict()) {
                return (rows, BTreeSet::new());
            }
            // Other ports would be no remedy: `start` refuses.
            if self.other_manager_among(&rows).is_some() {
                return (rows, BTreeSet::new());
            }
            let mut avoid = ports::ports_of_stopped(&self.ctx.engine, &facts);
            avoid.extend(ports_of_every_profile(&self));
            ports::suggest_for_conflicts(&facts, &mut rows, &rules(&self, &avoid));
            (rows, avoid)
        });
        CheckedProject { rows, avoid, refused: refused.clone(), ..self }
    }

    /// Adds all sockets of a remote engine's machine.
    pub(crate) fn with_remote_sockets(mut self) -> Result<CheckedProject> {
        if let (Some(host), Ok(containers)) = (&self.host, &self.containers) {
            let sockets = Some(ports::sockets_of_engine_host(&self.ctx, &self.stack, containers)?);
            self.project.host = Some(EngineHost { sockets, ..host.clone() });
        }
        Ok(self)
    }

    /// The rows that would make `up` fail.
    pub(crate) fn conflicts(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.verdict.is_conflict())
    }

    pub(crate) fn has_conflicts(&self) -> bool {
        self.conflicts().next().is_some()
    }

    /// What else runs this project, according to its containers and the holders of its ports.
    pub(crate) fn other_manager(&self) -> Option<OtherManager> {
        self.other_manager_among(&self.rows)
    }

    fn other_manager_among(&self, rows: &[Row]) -> Option<OtherManager> {
        let of_containers = if self.is_renamed_by_start() { None } else { self.project.other_manager() };
        of_containers.or_else(|| rows.iter().find_map(|row| self.manager_of(row)))
    }

    /// The first start gives a second checkout a name of its own.
    fn is_renamed_by_start(&self) -> bool {
        self.is_secondary_checkout && !self.is_name_explicit()
    }

    /// What else runs this project and so holds the port of `row`.
    pub(crate) fn manager_of(&self, row: &Row) -> Option<OtherManager> {
        let owners = row.verdict.owners();
        if self.is_renamed_by_start() {
            return None;
        }
        let manager = match owners.first()? {
            Owner::SwarmService(_) => OtherManager::Stack,
            _ => OtherManager::PodmanCompose,
        };
        owners.iter().all(|owner| self.is_own_elsewhere(owner)).then_some(manager)
    }

    /// The address that a network sets for a mapping without a host IP.
    pub(crate) fn network_ip(&self, mapping: &PortMapping) -> Option<IpAddr> {
        match self.publishing.get(&mapping.service) {
            Some(Publishing::Bound { host_ip, .. }) if mapping.host_ip.is_none() => *host_ip,
            _ => None,
        }
    }

    /// Keeps only `services` and their dependencies.
    pub(crate) fn only_services(mut self, services: &[String]) -> Result<CheckedProject> {
        if services.is_empty() {
            return Ok(self);
        }
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        let mut queue: Vec<String> = services.to_vec();
        while let Some(name) = queue.pop() {
            let service = self.require_service(&name)?;
            if wanted.insert(name) {
                queue.extend(service.depends_on.keys().cloned());
            }
        }
        self.rows.retain(|row| wanted.contains(&row.wanted.mapping.service));
        self.project.stack.services.retain(|service| wanted.contains(&service.name));
        Ok(self)
    }
}

/// Resolves the project of a context, and judges its ports.
pub fn check_project(ctx: &Context) -> Result<CheckedProject> {
    project::resolve(ctx).map(|project| CheckedProject::new(project).judge(&BTreeMap::new()))
}

/// Suggests ports for every conflict again, with the given leases.
pub(crate) fn suggest_again(checked: &mut CheckedProject, leases: &Leases) {
    let mut rows = std::mem::take(&mut checked.rows);
    with_facts(checked, leases, &checked.refused, |facts| {
        ports::suggest_for_conflicts(&facts, &mut rows, &rules(checked, &checked.avoid));
    });
    checked.rows = rows;
}

/// A block for this project that no other project has and whose ports are free.
pub(crate) fn free_range(checked: &CheckedProject, leases: &Leases) -> Option<PortRange> {
    with_facts(checked, leases, &checked.refused, |facts| ports::free_range(&facts, &checked.rows, &checked.avoid))
}

/// Whether `port` could be published instead of the mapping's own.
pub(crate) fn is_free(checked: &CheckedProject, mapping: &PortMapping, port: u16) -> bool {
    let effective = ports::effective(&checked.publishing, mapping);
    let none = (Leases::default(), BTreeMap::new());
    effective.is_ok_and(|mapping| with_facts(checked, &none.0, &none.1, |facts| facts.is_free(&mapping, port)))
}

/// Gathers new facts, because a port that was free before may be held now.
fn with_facts<T>(
    checked: &CheckedProject,
    leases: &Leases,
    refused: &BTreeMap<u16, String>,
    work: impl FnOnce(PortFacts<'_>) -> T,
) -> T {
    let dir = checked.real_dir();
    let identity = Identity { name: &checked.stack.name, dir: &dir };
    let facts = PortFacts::new(identity, checked.containers.as_deref().unwrap_or_default(), checked.host.as_ref());
    let facts = if checked.containers.is_ok() { facts.with_engine(&checked.ctx.engine) } else { facts };
    let facts = if checked.asks_swarm { facts.with_swarm_of_free_ports() } else { facts };
    work(facts.with_leases(leases).with_refused(refused).with_wildcard(checked.wildcard))
}

fn rules<'a>(checked: &'a CheckedProject, avoid: &'a BTreeSet<u16>) -> Rules<'a> {
    let (stack, publishing) = (&checked.stack, &checked.publishing);
    Rules { stack, publishing, port_range: checked.settings.port_range, avoid }
}

/// The project's ports, including those of inactive profiles, which may be started at any
/// time.
fn ports_of_every_profile(project: &Project) -> BTreeSet<u16> {
    let Ok(every) = project.read_every_profile() else { return BTreeSet::new() };
    every.ports().filter_map(|wanted| wanted.mapping.published).flat_map(PortRange::iter).collect()
}
