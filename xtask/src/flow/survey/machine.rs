//! This machine as the ports of one project see it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use crate::context::Context;
use crate::decide::{Facts, Identity, judge, needs_explanation};
use crate::flow::holders::name_containers;
use crate::host;
use crate::model::{Container, Owner, PortMapping, Probe, Process, Protocol, Reservation, Socket, Stack, Verdict};
use crate::ui;

/// What is asked about ports, and what was seen already.
pub(super) struct Machine<'a> {
    remote: bool,
    refused: &'a BTreeMap<u16, String>,
    containers: &'a [Container],
    project: Identity<'a>,
    pub(super) reservations: Vec<Reservation>,
    sockets: Vec<Socket>,
    processes: Vec<Process>,
    /// Each address is probed once: two answers could differ.
    seen: RefCell<BTreeMap<(IpAddr, u16, Protocol), Probe>>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        ctx: &Context,
        name: &'a str,
        dir: &'a Path,
        containers: &'a [Container],
        refused: &'a BTreeMap<u16, String>,
    ) -> Self {
        Machine {
            remote: ctx.engine.endpoint().is_remote(),
            refused,
            containers,
            project: Identity { name, dir },
            reservations: host::reservations(),
            sockets: Vec::new(),
            processes: Vec::new(),
            seen: RefCell::default(),
        }
    }

    /// For what is bound on this machine, wherever the engine is.
    pub(super) fn here(self) -> Self {
        Machine { remote: false, ..self }
    }

    /// The ports are bound where the engine is: elsewhere, probing here would
    /// say nothing.
    fn probes(&self, mapping: &PortMapping, port: u16) -> Vec<(IpAddr, Probe)> {
        if self.remote {
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
        match (judge(mapping, port, self.project, &facts), self.refused.get(&port)) {
            (Verdict::Free, Some(why)) => Verdict::Taken(vec![Owner::Unknown { why: why.clone() }]),
            (Verdict::Taken(owners), _) => Verdict::Taken(name_containers(owners, self.containers)),
            (verdict, _) => verdict,
        }
    }

    /// Any single port, or the best of a range, of which the engine takes one.
    pub(super) fn verdict(&self, mapping: &PortMapping) -> Verdict {
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

    pub(super) fn is_free(&self, mapping: &PortMapping, port: u16) -> bool {
        let kept = self.reservations.iter().any(|kept| kept.blocks && kept.range.contains(port));
        let can_bind =
            self.probes(mapping, port).iter().all(|(_, probe)| matches!(probe, Probe::Free | Probe::NoFamily));
        can_bind && !kept && self.judge(mapping, port) == Verdict::Free
    }
}

/// Asks the tables about the ports that cannot be bound, all at once.
pub(super) fn explain(machine: &mut Machine<'_>, stack: &Stack) {
    let ports = stack.ports().map(|wanted| &wanted.mapping);
    let single = ports.flat_map(|mapping| {
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
