//! The verdicts of all ports of a project.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Deref;

pub use crate::ports::Row;

use crate::context::Context;
use crate::decide::{Identity, Publishing};
use crate::error::Result;
use crate::model::{EngineHost, Leases, PortMapping, PortRange};
use crate::ports::{self, PortFacts, Rules};
use crate::project::{self, Project};

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

impl Survey {
    /// The project without a look at any port.
    pub fn of(project: Project) -> Survey {
        let engine = project.containers.is_ok().then_some(&project.ctx.engine);
        let publishing = ports::publishing_of(engine, &project.stack);
        let (rows, refused, avoid) = Default::default();
        Survey { project, rows, refused, avoid, publishing }
    }

    /// Judges every port; once more, where that was done before. `refused` are
    /// ports that are not to be had and why: what cannot be seen from here (the
    /// engine's own books, a machine in between) is believed.
    #[must_use]
    pub fn judge(self, refused: &BTreeMap<u16, String>) -> Survey {
        let (rows, avoid) = with_facts(&self, &self.leases, refused, |mut facts| {
            let mut rows = ports::judge_stack(&mut facts, &self.stack, &self.publishing);
            if !rows.iter().any(|row| row.verdict.is_conflict()) {
                return (rows, BTreeSet::new());
            }
            let mut avoid = ports::ports_of_stopped(&self.ctx.engine, &facts);
            avoid.extend(of_every_profile(&self));
            ports::suggest_for_conflicts(&facts, &mut rows, &rules(&self, &avoid));
            (rows, avoid)
        });
        Survey { rows, avoid, refused: refused.clone(), ..self }
    }

    /// The same, with all that is bound on the machine of an engine elsewhere.
    pub fn with_sockets_there(mut self) -> Result<Survey> {
        if let (Some(host), Ok(containers)) = (&self.host, &self.containers) {
            let sockets = Some(ports::sockets_of_engine_host(&self.ctx, &self.stack, containers)?);
            self.project.host = Some(EngineHost { sockets, ..host.clone() });
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
    project::resolve(ctx).map(|project| Survey::of(project).judge(&BTreeMap::new()))
}

/// Chooses anew for every conflict, with what the ledger says now.
pub fn choose_again(found: &mut Survey, leases: &Leases) {
    let mut rows = std::mem::take(&mut found.rows);
    with_facts(found, leases, &found.refused, |facts| {
        ports::suggest_for_conflicts(&facts, &mut rows, &rules(found, &found.avoid));
    });
    found.rows = rows;
}

/// A block for this project that nobody else has, and on whose ports nobody is.
pub fn free_range(found: &Survey, leases: &Leases) -> Option<PortRange> {
    with_facts(found, leases, &found.refused, |facts| ports::free_range(&facts, &found.rows, &found.avoid))
}

/// Whether `port` could be published in the place of the mapping's own.
pub fn is_free(found: &Survey, mapping: &PortMapping, port: u16) -> bool {
    let effective = ports::effective(&found.publishing, mapping);
    let none = (Leases::default(), BTreeMap::new());
    effective.is_ok_and(|mapping| with_facts(found, &none.0, &none.1, |facts| facts.is_free(&mapping, port)))
}

/// Facts of this moment: what was free before may be held by now.
fn with_facts<T>(
    found: &Survey,
    leases: &Leases,
    refused: &BTreeMap<u16, String>,
    work: impl FnOnce(PortFacts<'_>) -> T,
) -> T {
    let dir = found.real_dir();
    let identity = Identity { name: &found.stack.name, dir: &dir };
    let facts = PortFacts::new(identity, found.containers.as_deref().unwrap_or_default(), found.host.as_ref());
    work(facts.with_leases(leases).with_refused(refused))
}

fn rules<'a>(found: &'a Survey, avoid: &'a BTreeSet<u16>) -> Rules<'a> {
    let (stack, publishing) = (&found.stack, &found.publishing);
    Rules { stack, publishing, port_range: found.settings.port_range, avoid }
}

/// What the project publishes, services of inactive profiles included: they may
/// come up beside the others any time.
fn of_every_profile(project: &Project) -> BTreeSet<u16> {
    let Ok(every) = project.read_every_profile() else { return BTreeSet::new() };
    every.ports().filter_map(|wanted| wanted.mapping.published).flat_map(PortRange::iter).collect()
}
