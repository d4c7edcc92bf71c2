//! A port for something that no compose file knows: a dev server.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use super::{PortFacts, ports_of_stopped};
use crate::context::Context;
use crate::decide::{Identity, Kept, Limits, suggest};
use crate::disk;
use crate::host::Depth;
use crate::model::{Container, Leases, Owner, PortMapping, PortRange, Protocol, Verdict};

/// A dev server that a port is looked for, and what is known.
pub struct DevServer<'a> {
    /// Project name.
    pub project: &'a str,
    /// Project folder, without symbolic links.
    pub dir: &'a Path,
    /// The address to be bound; `None` = the port has to be free on all.
    pub host_ip: Option<IpAddr>,
    /// `port_range` of the project's xtask.toml: no port outside it is chosen.
    pub port_range: Option<PortRange>,
    /// Ports that the project itself wants or keeps.
    pub used: &'a BTreeSet<u16>,
    /// The engine's containers on this machine, with real folders.
    pub containers: &'a [Container],
    /// Everything that is kept.
    pub leases: &'a Leases,
}

impl DevServer<'_> {
    fn facts(&self) -> PortFacts<'_> {
        PortFacts::new(Identity { name: self.project, dir: self.dir }, self.containers, None)
    }

    fn mapping(&self, port: u16) -> PortMapping {
        PortMapping::of_port(self.host_ip, port, Protocol::Tcp)
    }

    /// Whether nobody is on `port`.
    pub fn is_free(&self, port: u16) -> bool {
        self.facts().is_free(&self.mapping(port), port)
    }

    /// Who is on `port`: the first of them.
    pub fn owner(&self, port: u16) -> Option<Owner> {
        let mut facts = self.facts();
        facts.explain([self.mapping(port)], Depth::Quick).ok()?;
        match facts.verdict(&self.mapping(port), port) {
            Verdict::Taken(owners) => owners.into_iter().next(),
            _ => None,
        }
    }

    /// A block that nobody else has, and on whose ports nobody is.
    pub fn free_block(&self) -> Option<PortRange> {
        let mapping = PortMapping::of_port(None, 1, Protocol::Tcp);
        self.facts().free_block(self.leases, 1, &mapping, &|port| self.used.contains(&port))
    }

    /// A port of `port_range`; without one a port of `block`, and one elsewhere
    /// where that is full.
    pub fn choose(&self, ctx: &Context, block: Option<PortRange>) -> Option<u16> {
        let avoid = ports_of_stopped(&ctx.engine, self.project, self.containers, self.leases);
        let kept = Kept::new(self.leases, self.project, self.dir, &disk::is_folder);
        let is_kept = |port: u16| kept.has(port) || avoid.contains(&port);
        let facts = self.facts();
        let unsuitable = facts.unsuitable();
        let within = self.port_range.or(block);
        let limits = Limits { within, outside: &unsuitable, used: self.used, kept: &is_kept };
        let mut is_free = |port: u16| facts.is_free(&self.mapping(port), port);
        // No port is wanted in particular: 0 is in no range.
        let port = within.and_then(|_| suggest(0, &limits, &mut is_free));
        let above = block.map_or(1023, |block| block.last);
        let anywhere = || suggest(above, &Limits { within: None, ..limits }, &mut is_free);
        if self.port_range.is_some() { port } else { port.or_else(anywhere) }
    }
}
