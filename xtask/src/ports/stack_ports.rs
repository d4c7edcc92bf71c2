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

/// One published port.
#[derive(Debug, Clone)]
pub struct Row {
    /// The mapping and where it stands.
    pub wanted: Wanted,
    /// Whether it can be published, and who has it if not.
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

pub(crate) fn judge_stack(
    facts: &mut PortFacts<'_>,
    stack: &Stack,
    publishing: &BTreeMap<String, Publishing>,
) -> Vec<Row> {
    let effective: Vec<Result<PortMapping, Verdict>> =
        stack.ports().map(|wanted| effective(publishing, &wanted.mapping)).collect();
    if let Err(error) = facts.explain(effective.iter().flatten().cloned(), Depth::Complete) {
        ui::detail(&format!("who holds a port cannot be told: {error}"));
    }
    // A port that is not bound is in nobody's way.
    let unbound = PortMapping { published: None, ..PortMapping::single(None, 1, Protocol::Tcp) };
    let clashes = clashes(&effective.iter().map(|mapping| mapping.as_ref().unwrap_or(&unbound)).collect::<Vec<_>>());
    let judge = |(wanted, (effective, clash)): (&Wanted, (Result<PortMapping, Verdict>, Option<usize>))| {
        let earlier = clash.and_then(|earlier| stack.ports().nth(earlier)).map(|other| {
            let mapping = &other.mapping;
            format!("service `{}` of this project publishes {} too", mapping.service, mapping.address())
        });
        let verdict = effective.map_or_else(std::convert::identity, |effective| {
            match earlier.or_else(|| too_many_replicas(stack, &wanted.mapping)) {
                Some(why) => Verdict::Taken(vec![Owner::Unknown { why }]),
                None => facts.verdict_of_mapping(&effective),
            }
        });
        let kept_for = facts.kept_for_another(&wanted.mapping);
        Row { wanted: wanted.clone(), verdict, clash, suggestion: None, kept_for }
    };
    stack.ports().zip(effective.into_iter().zip(clashes)).map(judge).collect()
}

/// That a service has more containers than ports to publish, which no other port
/// would solve.
pub(crate) fn too_many_replicas(stack: &Stack, mapping: &PortMapping) -> Option<String> {
    let count = replicas_sharing_port(stack.service(&mapping.service)?, mapping)?;
    Some(format!("{count} containers of `{}` cannot all publish {}", mapping.service, mapping.address()))
}

impl PortFacts<'_> {
    /// That of its port, or the best of a range, of which the engine takes one.
    fn verdict_of_mapping(&self, mapping: &PortMapping) -> Verdict {
        if let Some(name) = self.running_without(mapping) {
            let why = format!("{name} runs, and the engine has not bound it: `cargo xtask start` makes it anew");
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

    /// The container of this project that runs without what the mapping asks for,
    /// while nobody has it.
    fn running_without(&self, mapping: &PortMapping) -> Option<String> {
        let is_own = |container: &&Container| {
            self.project.owns(container)
                && container.service.as_deref() == Some(&mapping.service)
                && !container.one_off
                && container.state == State::Running
        };
        let own: Vec<&Container> = self.containers.iter().filter(is_own).collect();
        let has_any = own.iter().any(|container| container.held().next().is_some());
        let lacks = own.iter().find(|container| !is_bound(mapping, container.held()))?;
        // One that has others was made for another mapping: `up` replaces it.
        let nobody = || mapping.published.is_none_or(|range| self.verdict(mapping, range.first) == Verdict::Free);
        (!has_any && nobody()).then(|| ui::clean(&lacks.name))
    }

    /// Who else keeps the port of a mapping; a folder that is gone keeps nothing.
    fn kept_for_another(&self, mapping: &PortMapping) -> Option<(String, PathBuf)> {
        let port = mapping.published.filter(|range| range.is_one())?.first;
        let keeps = |tenant: &&Tenant| tenant.has_lease(port, mapping.protocol) && disk::is_folder(&tenant.dir);
        let other = self.other_tenants().find(keeps)?;
        Some((other.project.clone(), other.dir.clone()))
    }
}
