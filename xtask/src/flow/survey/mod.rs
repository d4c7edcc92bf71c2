//! The verdicts of all ports of a project.

mod choose;
mod machine;
mod networks;
mod rows;
mod solo;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};

pub use choose::{choose_again, free_range, kept_for_row};
pub use rows::crowd;
pub use solo::Solo;

use crate::context::Context;
use crate::decide::Publishing;
use crate::disk;
use crate::error::Result;
use crate::flow::remote;
use crate::model::{Container, EngineHost, Leases, PortMapping, PortRange, Source, Verdict, Wanted};
use crate::project::{self, Project};
use machine::{Machine, explain};
use rows::rows;

/// A project and the verdicts of its ports.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The project.
    pub project: Project,
    /// One row a published port, in the order of the model.
    pub rows: Vec<Row>,
    /// Ports that are not to be had although they look free, and why.
    pub refused: BTreeMap<u16, String>,
    /// Ports that stopped stacks of others will want again.
    pub avoid: BTreeSet<u16>,
    /// What becomes of the ports of each service.
    pub publishing: BTreeMap<String, Publishing>,
}

impl Deref for Survey {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.project
    }
}

/// One published port.
#[derive(Debug, Clone)]
pub struct Row {
    /// The mapping and where it stands.
    pub wanted: Wanted,
    /// The answer.
    pub verdict: Verdict,
    /// Index of the earlier row of this model on the same port.
    pub clash: Option<usize>,
    /// Another port that is really free, for a conflict.
    pub suggestion: Option<u16>,
    /// The project and folder of somebody else that the port is kept for.
    pub kept_for: Option<(String, PathBuf)>,
}

impl Row {
    /// The variable that feeds the port.
    pub fn variable(&self) -> Option<&str> {
        self.wanted.origin.as_ref()?.variable.as_deref()
    }

    /// Whether the port's value comes from the shell, which beats every file.
    pub fn from_shell(&self) -> bool {
        self.wanted.origin.as_ref().is_some_and(|origin| origin.source == Source::Shell)
    }
}

impl Survey {
    /// The project without a look at any port.
    pub fn of(project: Project) -> Survey {
        let (rows, refused, avoid, publishing) = Default::default();
        let found = Survey { project, rows, refused, avoid, publishing };
        Survey { publishing: networks::publishing_of(&found.ctx, &found), ..found }
    }

    /// Looks at every port; once more, where that was done before. `refused` are
    /// ports that are not to be had and why: what cannot be seen from here (the
    /// engine's own books, a machine in between) is believed.
    #[must_use]
    pub fn look(mut self, refused: &BTreeMap<u16, String>) -> Survey {
        self.refused.clone_from(refused);
        let containers = self.containers.clone().unwrap_or_default();
        let (name, dir) = (self.stack.name.clone(), self.real_dir());
        let (host, publishing) = (self.host.clone(), self.publishing.clone());
        let mut machine = Machine::new(host.as_ref(), &name, &dir, &containers, refused, &publishing);
        explain(&mut machine, &self.stack);
        let kept_for = |row: Row| Row { kept_for: kept_for(&row.wanted.mapping, &self.leases, &name, &dir), ..row };
        self.rows = rows(&machine, &self.stack).into_iter().map(kept_for).collect();
        if self.has_conflicts() {
            self.avoid = wanted_by_stopped(&self.ctx, &name, &containers, &self.leases);
            self.avoid.extend(of_every_profile(&self));
            let leases = self.leases.clone();
            choose::choose(&machine, &mut self, &leases);
        }
        self
    }

    /// The same, with all that is bound on the machine of an engine elsewhere.
    pub fn with_sockets_there(mut self) -> Result<Survey> {
        if self.host.is_some() && self.containers.is_ok() {
            let sockets = remote::probe(&self.ctx, &self)?;
            self.project.host = self.project.host.map(|host| EngineHost { sockets: Some(sockets), ..host });
        }
        Ok(self)
    }

    /// Rows that will make `up` fail.
    pub fn conflicts(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.verdict.is_conflict())
    }

    /// Whether anything will make `up` fail.
    pub fn has_conflicts(&self) -> bool {
        self.conflicts().next().is_some()
    }

    /// The address that the engine binds for a mapping because of its network.
    pub fn network_ip(&self, mapping: &PortMapping) -> Option<IpAddr> {
        match self.publishing.get(&mapping.service) {
            Some(Publishing::Bound(ip)) if mapping.host_ip.is_none() => *ip,
            _ => None,
        }
    }

    /// The rows of `services` and of all they depend on.
    pub fn narrow(mut self, services: &[String]) -> Result<Survey> {
        if services.is_empty() {
            return Ok(self);
        }
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        let mut queue: Vec<String> = services.to_vec();
        while let Some(name) = queue.pop() {
            let service = self.has_service(&name)?;
            if wanted.insert(name) {
                queue.extend(service.depends_on.keys().cloned());
            }
        }
        self.rows.retain(|row| wanted.contains(&row.wanted.mapping.service));
        self.project.stack.services.retain(|service| wanted.contains(&service.name));
        Ok(self)
    }
}

/// Surveys the project that `ctx` means.
pub fn survey(ctx: &Context) -> Result<Survey> {
    project::resolve(ctx).map(|project| Survey::of(project).look(&BTreeMap::new()))
}

/// Who else keeps the port of a mapping; a folder that is gone keeps nothing.
fn kept_for(mapping: &PortMapping, leases: &Leases, name: &str, dir: &Path) -> Option<(String, PathBuf)> {
    let port = mapping.published.filter(|range| range.is_one())?.first;
    let mut others = leases.others(name, dir).filter(|tenant| tenant.keeps(port, mapping.protocol));
    others.find(|tenant| disk::is_folder(&tenant.dir)).map(|tenant| (tenant.project.clone(), tenant.dir.clone()))
}

/// What the project publishes, services of inactive profiles included: they may
/// come up beside the others any time.
fn of_every_profile(project: &Project) -> BTreeSet<u16> {
    let Ok(every) = project.read_every_profile() else { return BTreeSet::new() };
    every.ports().filter_map(|wanted| wanted.mapping.published).flat_map(PortRange::iter).collect()
}

/// Inspecting a container costs a millisecond or two.
const INSPECTED: usize = 200;
/// Questions at a time to an engine elsewhere.
const PARALLEL_REQUESTS: usize = 8;

/// What stopped containers of other Compose projects will publish when they are
/// started again. Leases already cover the stacks that this tool started.
fn wanted_by_stopped(ctx: &Context, name: &str, containers: &[Container], leases: &Leases) -> BTreeSet<u16> {
    let is_anothers = |container: &&Container| {
        let (Some(project), Some(dir)) = (&container.project, &container.working_dir) else { return false };
        !container.state.holds_ports() && project != name && leases.tenant(project, dir).is_none()
    };
    let stopped: Vec<&Container> = containers.iter().filter(is_anothers).take(INSPECTED).collect();
    // Elsewhere each question is a call of the CLI: several at a time.
    let hands = if ctx.engine.endpoint().is_remote() { PARALLEL_REQUESTS } else { 1 };
    let share = stopped.len().div_ceil(hands).max(1);
    let ports = |some: &[&Container]| -> Vec<u16> {
        let details = some.iter().filter_map(|container| ctx.engine.detail(&container.id).ok());
        details.flat_map(|detail| detail.published).collect()
    };
    std::thread::scope(|scope| {
        let asked: Vec<_> = stopped.chunks(share).map(|some| scope.spawn(|| ports(some))).collect();
        asked.into_iter().flat_map(|asked| join(asked.join())).collect()
    })
}

/// A panic of ours stays one.
fn join<T>(result: std::thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Whether `port` could be published in the place of the mapping's own.
pub fn is_free(survey: &Survey, mapping: &PortMapping, port: u16) -> bool {
    let containers = survey.containers.as_deref().unwrap_or_default();
    let dir = survey.real_dir();
    let refused = BTreeMap::new();
    let machine =
        Machine::new(survey.host.as_ref(), &survey.stack.name, &dir, containers, &refused, &survey.publishing);
    machine.is_free(mapping, port)
}
