//! The verdict of each published port of a stack, in the order of the model.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{PortFacts, effective};
use crate::decide::{Publishing, clashes, is_bound, replicas_sharing_port};
use crate::disk;
use crate::host::Depth;
use crate::model::{
    Container, Owner, PortMapping, PortRange, Protocol, Source, Stack, State, Tenant, Unpublished, Verdict, Wanted,
};
use crate::ui;

/// One published port and its verdict.
#[derive(Debug, Clone)]
pub struct Row {
    /// The mapping and where it is written.
    pub wanted: Wanted,
    /// Whether it can be published and, if not, who has the port.
    pub verdict: Verdict,
    /// Index of an earlier row with the same port.
    pub clash: Option<usize>,
    /// A free port that could be used instead.
    pub suggestion: Option<u16>,
    /// Another project, with its folder, that has leased the port.
    pub kept_for: Option<(String, PathBuf)>,
}

impl Row {
    /// The variable that feeds the port.
    pub fn variable(&self) -> Option<&str> {
        self.wanted.origin.as_ref()?.variable.as_deref()
    }

    /// Whether the port's value comes from the shell, which overrides every file.
    pub fn from_shell(&self) -> bool {
        self.wanted.origin.as_ref().is_some_and(|origin| origin.source == Source::Shell)
    }
}

pub(crate) fn judge_stack(
    facts: &mut PortFacts<'_>,
    stack: &Stack,
    publishing: &BTreeMap<String, Publishing>,
) -> Vec<Row> {
    let effective: Vec<Result<PortMapping, Verdict>> =
        stack.ports().map(|wanted| effective(publishing, &wanted.mapping)).collect();
    if let Err(error) = facts.explain(effective.iter().flatten().cloned(), Depth::Complete) {
        ui::detail(&format!("cannot find out who holds the ports: {error}"));
    }
    // A port that is not bound can't clash.
    let unbound = PortMapping { published: None, ..PortMapping::single(None, 1, Protocol::Tcp) };
    let clashes = clashes(&effective.iter().map(|mapping| mapping.as_ref().unwrap_or(&unbound)).collect::<Vec<_>>());
    let judge = |(wanted, (effective, clash)): (&Wanted, (Result<PortMapping, Verdict>, Option<usize>))| {
        let earlier = clash.and_then(|earlier| stack.ports().nth(earlier)).map(|other| {
            let mapping = &other.mapping;
            format!("service `{}` of this project also publishes {}", mapping.service, mapping.address())
        });
        let verdict = effective.map_or_else(std::convert::identity, |effective| {
            match earlier.or_else(|| too_many_replicas(stack, &wanted.mapping)) {
                Some(why) => Verdict::Taken(vec![Owner::Unknown { why }]),
                None => facts.verdict_of_mapping(&effective),
            }
        });
        let kept_for = facts.leased_by_other(&wanted.mapping);
        Row { wanted: wanted.clone(), verdict, clash, suggestion: None, kept_for }
    };
    stack.ports().zip(effective.into_iter().zip(clashes)).map(judge).collect()
}

/// Describes a service with more containers than published ports, which moving the port
/// would not solve.
pub(crate) fn too_many_replicas(stack: &Stack, mapping: &PortMapping) -> Option<String> {
    let count = replicas_sharing_port(stack.service(&mapping.service)?, mapping)?;
    Some(format!("{count} containers of `{}` cannot all publish {}", mapping.service, mapping.address()))
}

impl PortFacts<'_> {
    /// The verdict of the mapping's port, or the best one of a range, from which the engine
    /// picks a port.
    fn verdict_of_mapping(&self, mapping: &PortMapping) -> Verdict {
        if let Some(name) = self.running_without_binding(mapping) {
            let why =
                format!("{name} is running, but the engine has not bound this port: `cargo xtask start` recreates it");
            return Verdict::NotPublished { why, cause: Unpublished::Missing };
        }
        let mut first = None;
        for port in mapping.published.into_iter().flat_map(PortRange::iter) {
            let verdict = self.verdict(mapping, port);
            if !verdict.is_conflict() {
                return verdict;
            }
            first.get_or_insert(verdict);
        }
        first.unwrap_or(Verdict::Free)
    }

    /// The name of this project's container that runs without the mapping's binding
    /// although its port is free.
    fn running_without_binding(&self, mapping: &PortMapping) -> Option<String> {
        let is_own = |container: &&Container| {
            self.project.owns(container)
                && container.service.as_deref() == Some(&mapping.service)
                && !container.one_off
                && !container.podman_compose
                && container.state == State::Running
        };
        let own: Vec<&Container> = self.containers.iter().filter(is_own).collect();
        let has_any = own.iter().any(|container| container.held().next().is_some());
        let lacks = own.iter().find(|container| !is_bound(mapping, container.held()))?;
        // A container with other bindings was created for another mapping: `up` replaces it.
        let is_free = || mapping.published.is_none_or(|range| self.verdict(mapping, range.first) == Verdict::Free);
        (!has_any && is_free()).then(|| ui::clean(&lacks.name))
    }

    /// Another project, whose folder still exists, that has leased the mapping's port.
    fn leased_by_other(&self, mapping: &PortMapping) -> Option<(String, PathBuf)> {
        let port = mapping.published.filter(|range| range.is_one())?.first;
        let keeps = |tenant: &&Tenant| tenant.has_lease(port, mapping.protocol) && disk::is_folder(&tenant.dir);
        let other = self.other_tenants().find(keeps)?;
        Some((other.project.clone(), other.dir.clone()))
    }
}
