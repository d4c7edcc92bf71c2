//! Ports for dev servers, which are in no compose file.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{PortFacts, ports_of_stopped};
use crate::context::Context;
use crate::decide::{Limits, suggest};
use crate::host::Depth;
use crate::model::{Owner, PortMapping, PortRange, Protocol};

/// What the choice of a port for a dev server depends on.
pub(crate) struct DevServer<'a> {
    pub(crate) facts: PortFacts<'a>,
    /// The address to bind; `None`: the port must be free on all addresses.
    pub(crate) host_ip: Option<IpAddr>,
    /// `port_range` in the project's xtask.toml: no port outside it is chosen.
    pub(crate) port_range: Option<PortRange>,
    /// Ports that the project itself publishes or has leased.
    pub(crate) used: &'a BTreeSet<u16>,
}

impl DevServer<'_> {
    fn mapping(&self, port: u16) -> PortMapping {
        PortMapping::single(self.host_ip, port, Protocol::Tcp)
    }

    pub(crate) fn is_free(&self, port: u16) -> bool {
        self.facts.is_free(&self.mapping(port), port)
    }

    /// The first owner of `port`.
    pub(crate) fn owner(&mut self, port: u16) -> Option<Owner> {
        let mapping = self.mapping(port);
        self.facts.explain([mapping.clone()], Depth::Quick).ok()?;
        self.facts.verdict(&mapping, port).owners().first().cloned()
    }

    /// A block that no other project has and whose ports are free.
    pub(crate) fn free_block(&self) -> Option<PortRange> {
        let mapping = PortMapping::single(None, 1, Protocol::Tcp);
        self.facts.free_block(1, &mapping, &|port| self.used.contains(&port))
    }

    /// A port of `port_range`. Without a `port_range` a port of `block`, or any other port
    /// if the block is full.
    pub(crate) fn choose(&self, ctx: &Context, block: Option<PortRange>) -> Option<u16> {
        let (avoid, kept) = (ports_of_stopped(&ctx.engine, &self.facts), self.facts.kept_for_others());
        let is_kept = |port: u16| kept.contains(port) || avoid.contains(&port);
        let unsuitable = self.facts.unsuitable();
        let within = self.port_range.or(block);
        let limits = Limits { within, outside: &unsuitable, used: self.used, kept: &is_kept };
        let mut is_free = |port: u16| self.is_free(port);
        // 0 is in no range: no particular port is preferred.
        let port = within.and_then(|_| suggest(0, &limits, &mut is_free));
        let above = block.map_or(1023, |block| block.last);
        let anywhere = || suggest(above, &Limits { within: None, ..limits }, &mut is_free);
        if self.port_range.is_some() { port } else { port.or_else(anywhere) }
    }
}
