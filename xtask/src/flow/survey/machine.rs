//! This machine as the ports of one project see it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use crate::decide::{Facts, Identity, Publishing, is_bound, judge, judge_there, needs_explanation};
use crate::flow::holders::name_containers;
use crate::host;
use crate::model::{
    Container, EngineHost, Owner, PortMapping, PortRange, Probe, Process, Protocol, Reservation, Socket, Stack, State,
    Unpublished, Verdict,
};
use crate::project::EPHEMERAL;
use crate::ui;

/// What is asked about ports, and what was seen already.
pub(super) struct Machine<'a> {
    /// The machine of an engine elsewhere; `None` = this one.
    there: Option<&'a EngineHost>,
    refused: &'a BTreeMap<u16, String>,
    containers: &'a [Container],
    /// What becomes of each service's ports.
    publishing: &'a BTreeMap<String, Publishing>,
    project: Identity<'a>,
    pub(super) reservations: Vec<Reservation>,
    sockets: Vec<Socket>,
    processes: Vec<Process>,
    /// Each address is probed once: two answers could differ.
    seen: RefCell<BTreeMap<(IpAddr, u16, Protocol), Probe>>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        there: Option<&'a EngineHost>,
        name: &'a str,
        dir: &'a Path,
        containers: &'a [Container],
        refused: &'a BTreeMap<u16, String>,
        publishing: &'a BTreeMap<String, Publishing>,
    ) -> Self {
        Machine {
            there,
            refused,
            containers,
            publishing,
            project: Identity { name, dir },
            // What this system keeps is no matter elsewhere.
            reservations: if there.is_some() { Vec::new() } else { host::reservations() },
            sockets: Vec::new(),
            processes: Vec::new(),
            seen: RefCell::default(),
        }
    }

    /// Ports that are not for choosing: ephemeral ones, which an outgoing
    /// connection may take at any moment, and those that the system keeps.
    pub(super) fn outside(&self) -> Vec<PortRange> {
        let ephemeral = match self.there {
            Some(_) => PortRange::new(EPHEMERAL.0, EPHEMERAL.1),
            None => host::ephemeral(),
        };
        ephemeral.into_iter().chain(self.reservations.iter().map(|kept| kept.range)).collect()
    }

    /// Where blocks begin: at the first one, or where the person's own begin.
    pub(super) fn seed(&self) -> u64 {
        self.there.map_or(0, |there| there.seed)
    }

    /// The ports are bound where the engine is: elsewhere, probing here would
    /// say nothing.
    fn probes(&self, mapping: &PortMapping, port: u16) -> Vec<(IpAddr, Probe)> {
        if self.there.is_some() {
            return Vec::new();
        }
        let addresses = host::probe_addresses(mapping.host_ip);
        let mut seen = self.seen.borrow_mut();
        let mut probe = |ip: IpAddr| {
            *seen.entry((ip, port, mapping.protocol)).or_insert_with(|| host::probe(ip, port, mapping.protocol))
        };
        addresses.into_iter().map(|ip| (ip, probe(ip))).collect()
    }

    fn judge(&self, mapping: &PortMapping, port: u16) -> Verdict {
        let facts = Facts {
            probes: &self.probes(mapping, port),
            containers: self.containers,
            sockets: &self.sockets,
            processes: &self.processes,
            reservations: &self.reservations,
        };
        let verdict = match self.there {
            Some(there) => judge_there(mapping, port, self.project, self.containers, there),
            None => judge(mapping, port, self.project, &facts),
        };
        match (verdict, self.refused.get(&port)) {
            (Verdict::Free, Some(why)) => Verdict::Taken(vec![Owner::Unknown { why: why.clone() }]),
            (Verdict::Taken(owners), _) if self.there.is_none() => {
                Verdict::Taken(name_containers(owners, self.containers))
            }
            (verdict, _) => verdict,
        }
    }

    /// The mapping with the address that the engine binds; `None` where it binds
    /// nothing.
    pub(super) fn effective(&self, mapping: &PortMapping) -> Option<PortMapping> {
        match self.publishing.get(&mapping.service) {
            Some(publishing @ Publishing::Bound(_)) => Some(publishing.effective(mapping)),
            Some(_) => None,
            None => Some(mapping.clone()),
        }
    }

    /// Any single port, or the best of a range, of which the engine takes one.
    pub(super) fn verdict(&self, mapping: &PortMapping) -> Verdict {
        match self.publishing.get(&mapping.service) {
            Some(Publishing::Discarded(why)) => {
                return Verdict::NotPublished { why: why.clone(), cause: Unpublished::Discarded };
            }
            Some(Publishing::Refused(why)) => {
                return Verdict::NotPublished { why: why.clone(), cause: Unpublished::Refused };
            }
            Some(Publishing::Bound(_)) | None => {}
        }
        let Some(mapping) = &self.effective(mapping) else { return Verdict::Free };
        if let Some(name) = self.unbound(mapping) {
            let why = format!("{name} runs, and the engine has not bound it: `cargo xtask start` makes it anew");
            return Verdict::NotPublished { why, cause: Unpublished::Missing };
        }
        let Some(range) = mapping.published else { return Verdict::Free };
        let mut first = None;
        for port in range.iter() {
            let verdict = self.judge(mapping, port);
            if !verdict.is_conflict() {
                return verdict;
            }
            first.get_or_insert(verdict);
        }
        first.unwrap_or(Verdict::Free)
    }

    /// The container of ours that runs without what the mapping asks for, while
    /// nobody has it.
    fn unbound(&self, mapping: &PortMapping) -> Option<String> {
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
        let nobody = || mapping.published.is_none_or(|range| self.judge(mapping, range.first) == Verdict::Free);
        (!has_any && nobody()).then(|| ui::clean(&lacks.name))
    }

    pub(super) fn is_free(&self, mapping: &PortMapping, port: u16) -> bool {
        let Some(mapping) = &self.effective(mapping) else { return false };
        let kept = self.reservations.iter().any(|kept| kept.blocks && kept.range.contains(port));
        let can_bind =
            self.probes(mapping, port).iter().all(|(_, probe)| matches!(probe, Probe::Free | Probe::NoFamily));
        can_bind && !kept && self.judge(mapping, port) == Verdict::Free
    }
}

/// Asks the tables about the ports that cannot be bound, all at once.
pub(super) fn explain(machine: &mut Machine<'_>, stack: &Stack) {
    let ports: Vec<PortMapping> = stack.ports().filter_map(|wanted| machine.effective(&wanted.mapping)).collect();
    let single = ports.iter().flat_map(|mapping| {
        mapping.published.into_iter().flat_map(move |range| range.iter().map(move |port| (mapping, port)))
    });
    let unexplained: BTreeSet<(u16, Protocol)> = single
        .filter(|(mapping, port)| {
            let probes = machine.probes(mapping, *port);
            needs_explanation(mapping, *port, machine.project, machine.containers, &probes)
        })
        .map(|(mapping, port)| (port, mapping.protocol))
        .collect();
    if unexplained.is_empty() {
        return;
    }
    let unexplained: Vec<(u16, Protocol)> = unexplained.into_iter().collect();
    match host::sockets(&unexplained, host::Depth::Complete) {
        Ok(sockets) => machine.sockets = sockets,
        Err(error) => ui::detail(&format!("who holds a port cannot be told: {error}")),
    }
    let pids: BTreeSet<u32> = machine.sockets.iter().flat_map(|socket| socket.pids.iter().copied()).collect();
    machine.processes = host::processes(&pids.into_iter().collect::<Vec<u32>>());
}
