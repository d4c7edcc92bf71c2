//! A port for something that no compose file knows: a dev server.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use super::choose::block;
use super::machine::Machine;
use super::wanted_by_stopped;
use crate::context::Context;
use crate::decide::{Kept, Limits, suggest};
use crate::disk;
use crate::model::{Container, Leases, PortMapping, PortRange, Protocol};

/// What a port is looked for, and what is known.
pub struct Solo<'a> {
    /// Project name.
    pub project: &'a str,
    /// Project folder, without symbolic links.
    pub dir: &'a Path,
    /// The address to be bound; `None` = the port has to be free on all.
    pub host_ip: Option<IpAddr>,
    /// `port_range` of the project's xtask.toml: a rule.
    pub rule: Option<PortRange>,
    /// Ports that the project itself wants or keeps.
    pub used: &'a BTreeSet<u16>,
    /// The engine's containers on this machine, with real folders.
    pub containers: &'a [Container],
    /// Everything that is kept.
    pub leases: &'a Leases,
}

impl Solo<'_> {
    fn mapping(&self) -> PortMapping {
        let published = Some(PortRange::one(1));
        PortMapping { service: String::new(), host_ip: self.host_ip, published, target: 0, protocol: Protocol::Tcp }
    }

    fn machine<T>(&self, work: impl FnOnce(&Machine<'_>) -> T) -> T {
        let refused = BTreeMap::new();
        work(&Machine::new(None, self.project, self.dir, self.containers, &refused, &BTreeMap::new()))
    }

    /// Whether nobody is on `port`.
    pub fn is_free(&self, port: u16) -> bool {
        self.machine(|machine| machine.is_free(&self.mapping(), port))
    }

    /// A block that nobody else has, and on whose ports nobody is.
    pub fn block(&self) -> Option<PortRange> {
        let mapping = PortMapping { host_ip: None, ..self.mapping() };
        let used = |port: u16| self.used.contains(&port);
        self.machine(|machine| block(machine, self.leases, (self.project, self.dir), 1, &mapping, &used))
    }

    /// A port of the rule; without a rule one of `block`, and one elsewhere
    /// where that is full.
    pub fn choose(&self, ctx: &Context, block: Option<PortRange>) -> Option<u16> {
        let avoid = wanted_by_stopped(ctx, self.project, self.containers, self.leases);
        let kept = Kept::new(self.leases, self.project, self.dir, &disk::is_folder);
        let not_to_have = |port: u16| kept.has(port) || avoid.contains(&port);
        self.machine(|machine| {
            let outside = machine.outside();
            let limits = Limits { within: self.rule.or(block), outside: &outside, used: self.used, kept: &not_to_have };
            let mut is_free = |port: u16| machine.is_free(&self.mapping(), port);
            // No port is wanted in particular: 0 is in no range.
            let port = limits.within.and_then(|_| suggest(0, &limits, &mut is_free));
            let above = block.map_or(1023, |block| block.last);
            let anywhere = || suggest(above, &Limits { within: None, ..limits }, &mut is_free);
            if self.rule.is_some() { port } else { port.or_else(anywhere) }
        })
    }
}
