//! Facts about ports: whether each can be bound and, if not, what explains that.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;

use super::engine_host;
use super::swarm::SwarmFacts;
use crate::decide::{Facts, Identity, LeasedPorts, helper, judge, judge_by_tables, needs_explanation};
use crate::disk;
use crate::docker::Engine;
use crate::error::Result;
use crate::host::{self, Depth};
use crate::model::{
    Container, EngineHost, Leases, Owner, PortMapping, PortRange, Probe, Process, Protocol, Reservation, Socket,
    Tenant, Verdict, WildcardBinding,
};

const NO_LEASES: &Leases = &Leases { tenants: Vec::new() };

/// The facts by which one command judges ports. Each address is probed only once, when
/// it is first needed, because two probes could give different results.
pub(crate) struct PortFacts<'a> {
    pub(crate) project: Identity<'a>,
    pub(super) containers: &'a [Container],
    engine_host: Option<&'a EngineHost>,
    pub(super) leases: &'a Leases,
    refused: Option<&'a BTreeMap<u16, String>>,
    swarm: SwarmFacts<'a>,
    wildcard: WildcardBinding,
    reservations: Vec<Reservation>,
    sockets: BTreeMap<(u16, Protocol), Vec<Socket>>,
    processes: Vec<Process>,
    probes: RefCell<BTreeMap<(IpAddr, u16, Protocol), Probe>>,
}

impl<'a> PortFacts<'a> {
    /// `containers`: the engine's, with folders without symbolic links.
    /// `engine_host`: the machine that binds the ports, if it isn't this one.
    pub(crate) fn new(project: Identity<'a>, containers: &'a [Container], engine_host: Option<&'a EngineHost>) -> Self {
        PortFacts {
            project,
            containers,
            engine_host,
            leases: NO_LEASES,
            refused: None,
            swarm: SwarmFacts::default(),
            wildcard: WildcardBinding::default(),
            reservations: if engine_host.is_some() { Vec::new() } else { host::reservations() },
            sockets: BTreeMap::new(),
            processes: Vec::new(),
            probes: RefCell::default(),
        }
    }

    #[must_use]
    pub(crate) fn with_containers(self, containers: &'a [Container]) -> Self {
        PortFacts { containers, ..self }
    }

    /// With the engine that binds the ports, to ask about its Swarm if need be.
    #[must_use]
    pub(crate) fn with_engine(self, engine: &'a Engine) -> Self {
        PortFacts { swarm: SwarmFacts::of(engine), ..self }
    }

    /// Asks the engine about its Swarm for free ports too.
    #[must_use]
    pub(crate) fn with_swarm_of_free_ports(self) -> Self {
        PortFacts { swarm: self.swarm.also_about_free(), ..self }
    }

    /// Every port of the Swarm's routing mesh.
    pub(super) fn ingress_ports(&self) -> Vec<(u16, Protocol)> {
        self.swarm.ingress_ports(self.containers)
    }

    /// With the leases on the machine that binds the ports.
    #[must_use]
    pub(crate) fn with_leases(self, leases: &'a Leases) -> Self {
        PortFacts { leases, ..self }
    }

    /// With ports that can't be used although they look free, and the reasons.
    #[must_use]
    pub(crate) fn with_refused(self, refused: &'a BTreeMap<u16, String>) -> Self {
        PortFacts { refused: Some(refused), ..self }
    }

    /// With what the engine binds for a mapping on every address.
    #[must_use]
    pub(crate) fn with_wildcard(self, wildcard: WildcardBinding) -> Self {
        PortFacts { wildcard, ..self }
    }

    /// Reads the system's tables once for those of `mappings` that can't be bound.
    pub(crate) fn explain(&mut self, mappings: impl IntoIterator<Item = PortMapping>, depth: Depth) -> Result<()> {
        let mut held: Vec<(u16, Protocol)> = Vec::new();
        for mapping in mappings {
            let ports = mapping.published.into_iter().flat_map(PortRange::iter);
            let needs_explanation = |port: &u16| {
                let facts = Facts { probes: &self.probes(&mapping, *port), ..self.facts() };
                needs_explanation(&mapping, *port, self.project, &facts)
            };
            held.extend(ports.filter(needs_explanation).map(|port| (port, mapping.protocol)));
        }
        held.sort_unstable();
        held.dedup();
        if held.is_empty() { Ok(()) } else { self.read_tables(&held, depth) }
    }

    /// Reads the system's tables for `ports`, whether they can be bound or not.
    pub(crate) fn read_tables(&mut self, ports: &[(u16, Protocol)], depth: Depth) -> Result<()> {
        let sockets = host::sockets(ports, depth)?;
        self.processes = host::processes_of(&sockets);
        self.sockets.clear();
        for socket in sockets {
            self.sockets.entry((socket.port, socket.protocol)).or_default().push(socket);
        }
        Ok(())
    }

    /// The sockets on a port whose tables were read.
    pub(crate) fn sockets_on(&self, port: u16, protocol: Protocol) -> &[Socket] {
        self.sockets.get(&(port, protocol)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether `port` could be published for `mapping`, and who has it if not.
    pub(crate) fn verdict(&self, mapping: &PortMapping, port: u16) -> Verdict {
        let verdict = if let Some(host) = self.engine_host {
            judge_by_tables(mapping, port, self.project, &self.facts(), host)
        } else {
            let facts = Facts {
                probes: &self.probes(mapping, port),
                sockets: self.sockets_on(port, mapping.protocol),
                ..self.facts()
            };
            judge(mapping, port, self.project, &facts)
        };
        match (verdict, self.refused.and_then(|refused| refused.get(&port))) {
            (Verdict::Free, Some(why)) => Verdict::Taken(vec![Owner::Unknown { why: why.clone() }]),
            (Verdict::Taken(owners), _) => {
                let is_here = self.engine_host.is_none() && !self.containers.is_empty();
                let owners = if is_here { name_containers(owners, self.containers) } else { owners };
                self.ours_or_taken(mapping, self.swarm.name(owners, port, mapping.protocol))
            }
            (Verdict::Free, None) => {
                self.swarm.of_free(port, mapping.protocol, self.containers).unwrap_or(Verdict::Free)
            }
            (verdict, _) => verdict,
        }
    }

    /// Helpers may show that only this service's own container holds the port.
    fn ours_or_taken(&self, mapping: &PortMapping, owners: Vec<Owner>) -> Verdict {
        let is_ours = |owner: &Owner| {
            matches!(owner, Owner::Container(container) if self.project.owns(container)
                && container.service.as_deref() == Some(&mapping.service) && !container.one_off && !container.podman_compose)
        };
        match owners.first() {
            Some(Owner::Container(first)) if owners.iter().all(is_ours) => Verdict::Ours(Box::new(first.clone())),
            _ => Verdict::Taken(owners),
        }
    }

    /// Without what is known of single ports.
    fn facts(&self) -> Facts<'_> {
        Facts {
            probes: &[],
            containers: self.containers,
            sockets: &[],
            processes: &self.processes,
            reservations: &self.reservations,
            wildcard: self.wildcard,
        }
    }

    /// Whether `port` can be bound and has no owner.
    pub(crate) fn is_free(&self, mapping: &PortMapping, port: u16) -> bool {
        let is_reserved = self.reservations.iter().any(|kept| kept.blocks && kept.range.contains(port));
        let can_bind =
            self.probes(mapping, port).iter().all(|(_, probe)| matches!(probe, Probe::Free | Probe::NoFamily));
        can_bind && !is_reserved && self.verdict(mapping, port) == Verdict::Free
    }

    /// Whether every address of `mapping` could be bound.
    pub(crate) fn can_bind_all(&self, mapping: &PortMapping, port: u16) -> bool {
        let probes = self.probes(mapping, port);
        !probes.is_empty() && probes.iter().all(|(_, probe)| *probe == Probe::Free)
    }

    /// Ports that are never suggested: ephemeral ones, which an outgoing connection may
    /// take at any moment, and those that the system reserves.
    pub(crate) fn unsuitable(&self) -> Vec<PortRange> {
        let ephemeral = if self.engine_host.is_some() { engine_host::default_ephemeral() } else { host::ephemeral() };
        ephemeral.into_iter().chain(self.reservations.iter().map(|kept| kept.range)).collect()
    }

    pub(crate) fn tenant(&self) -> Option<&'a Tenant> {
        self.leases.tenant(self.project.name, self.project.dir)
    }

    pub(crate) fn other_tenants(&self) -> impl Iterator<Item = &'a Tenant> + use<'a> {
        self.leases.others(self.project.name, self.project.dir)
    }

    pub(super) fn kept_for_others(&self) -> LeasedPorts<'a> {
        LeasedPorts::new(self.leases, self.project.name, self.project.dir, &disk::is_folder)
    }

    /// Where the search for a block of ports starts.
    pub(crate) fn seed(&self) -> u64 {
        self.engine_host.map_or(0, |host| host.seed)
    }

    /// Empty if the engine is on another machine, because a probe here would be meaningless.
    fn probes(&self, mapping: &PortMapping, port: u16) -> Vec<(IpAddr, Probe)> {
        if self.engine_host.is_some() {
            return Vec::new();
        }
        let mut known = self.probes.borrow_mut();
        let mut probe = |ip: IpAddr| {
            *known.entry((ip, port, mapping.protocol)).or_insert_with(|| host::probe(ip, port, mapping.protocol))
        };
        host::probe_addresses(mapping.host_ip).into_iter().map(|ip| (ip, probe(ip))).collect()
    }
}

/// Replaces processes by their containers: helpers that name one of the engine's, and those in
/// containers on the host's network, except for the container that this process runs in.
fn name_containers(owners: Vec<Owner>, containers: &[Container]) -> Vec<Owner> {
    let of_process = |process: &Process| {
        if let Some(helper) = helper(process) {
            let served = helper.container?;
            return containers.iter().find(|container| served.is(container));
        }
        let id = host::container_of(process.pid)?;
        let is_own = host::container_of(std::process::id()).as_ref() == Some(&id);
        containers.iter().find(|container| !is_own && container.id == id)
    };
    let mut named: Vec<Owner> = Vec::new();
    for owner in owners {
        let container = match &owner {
            Owner::Process(process) => of_process(process),
            _ => None,
        };
        let owner = container.map_or(owner, |container| Owner::Container(container.clone()));
        if !named.contains(&owner) {
            named.push(owner);
        }
    }
    named
}
