//! Chooses the proxy's ports: the default ones if they are free, else others. The default
//! ports that are taken are reported with their holders.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use super::instance::{Instance, published_ports};
use crate::context::Context;
use crate::decide::{Identity, Limits, suggest};
use crate::disk;
use crate::error::{Error, Result};
use crate::host::{self, Depth};
use crate::labels::Ports;
use crate::ledger::Ledger;
use crate::model::{Container, PortMapping, PortRange, Probe, Protocol, Verdict};
use crate::ports::{PortFacts, reasons};

/// Where the search for other ports starts.
const FALLBACK: Ports = Ports { web: 8880, websecure: 8443, postgres: 15432, redis: 16379 };

/// The port that an entry point should have had, and who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) entrypoint: &'static str,
    pub(super) port: u16,
    pub(super) who: String,
}

/// Requested ports, by entry point.
#[derive(Debug, Clone, Default)]
pub(super) struct Requested {
    /// By this command; if one is taken, the command fails.
    pub(super) now: [Option<u16>; 4],
    /// By an earlier command, instead of the default ones.
    pub(super) saved: [Option<u16>; 4],
    /// The ports that the proxy had last.
    pub(super) last: Option<Ports>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) ports: Ports,
    pub(super) taken: Vec<Taken>,
}

pub(super) fn has_ipv6() -> bool {
    host::probe(IpAddr::V6(Ipv6Addr::LOCALHOST), 0, Protocol::Tcp) == Probe::Free
}

/// The option of `proxy up` for an entry point's port.
pub(super) fn port_option(entrypoint: &str) -> &'static str {
    match entrypoint {
        "web" => "--http-port",
        "websecure" => "--https-port",
        "postgres" => "--postgres-port",
        _ => "--redis-port",
    }
}

impl Requested {
    /// Refuses a port that is requested twice, or that another entry point has now (`now`)
    /// or by an earlier request, and keeps. The probe does not catch it: a port that the
    /// proxy itself holds looks free.
    fn refuse_duplicates(&self, now: [Option<u16>; 4]) -> Result<()> {
        let names = Ports::USUAL.entries().map(|entry| entry.0);
        let kept = now.iter().zip(self.saved).map(|(now, saved)| now.or(saved));
        let claims: Vec<Option<u16>> = self.now.iter().zip(kept).map(|(wish, kept)| wish.or(kept)).collect();
        for (at, port) in self.now.iter().enumerate().filter_map(|(at, wish)| Some((at, (*wish)?))) {
            let Some(other) = (0..claims.len()).find(|other| *other != at && claims[*other] == Some(port)) else {
                continue;
            };
            let (name, whose) = (names[at], names[other]);
            let how = if self.now[other].is_some() { "is to have it too" } else { "has it" };
            return Err(Error::new(format!("port {port} cannot be for {name}: {whose} {how}"))
                .hint(format!("another one for {whose}: `{} PORT`", port_option(whose))));
        }
        Ok(())
    }
}

pub(super) struct PortChooser<'a> {
    ctx: &'a Context,
    instance: &'a Instance,
    containers: &'a [Container],
    dir: PathBuf,
    ips: Vec<IpAddr>,
}

impl<'a> PortChooser<'a> {
    pub(super) fn new(ctx: &'a Context, instance: &'a Instance, containers: &'a [Container]) -> Self {
        let v6 = has_ipv6().then_some(IpAddr::V6(Ipv6Addr::LOCALHOST));
        let ips = std::iter::once(IpAddr::V4(Ipv4Addr::LOCALHOST)).chain(v6).collect();
        let dir = disk::real_path(&instance.dir);
        PortChooser { ctx, instance, containers, dir, ips }
    }

    fn facts(&self, ports: &[u16]) -> PortFacts<'_> {
        let project = Identity { name: &self.instance.project, dir: &self.dir };
        let mut facts = PortFacts::new(project, self.containers, None).with_engine(&self.ctx.engine);
        let mappings = ports.iter().flat_map(|port| self.ips.iter().map(|ip| mapping(*ip, *port)));
        // Without the tables a held port is still held, by an unknown owner.
        drop(facts.explain(mappings, Depth::Quick));
        facts
    }

    /// Who keeps the proxy from using `port`, if anybody.
    pub(super) fn holder(&self, port: u16) -> Option<String> {
        self.holder_in(&self.facts(&[port]), port)
    }

    fn holder_in(&self, facts: &PortFacts<'_>, port: u16) -> Option<String> {
        self.ips.iter().find_map(|ip| match facts.verdict(&mapping(*ip, port), port) {
            Verdict::Free | Verdict::Ours(_) | Verdict::NotPublished { .. } => None,
            verdict => Some(reasons(self.ctx, &verdict).join(" and ")),
        })
    }

    /// Chooses a port for each entry point: the requested one; else the one that the running
    /// proxy has; else the default (or earlier requested) one, the one it had last, or the
    /// next free one. `refused` has the ports that the engine refused, and why.
    pub(super) fn choose(&self, requested: &Requested, refused: &BTreeMap<u16, String>) -> Result<Choice> {
        let wish = requested.now;
        let now = self
            .instance
            .container(self.containers)
            .and_then(published_ports)
            .map(|ports| ports.entries().map(|entry| entry.1));
        let now =
            now.map_or([None; 4], |ports| ports.map(|port| Some(port).filter(|port| !refused.contains_key(port))));
        requested.refuse_duplicates(now)?;
        let ephemeral: Vec<PortRange> = host::ephemeral().into_iter().collect();
        let mut used: BTreeSet<u16> = wish.iter().zip(now).filter_map(|(wish, now)| wish.or(now)).collect();
        // Avoid ports that are kept for projects; the default ports are exempt.
        let leases = self.instance.dir.parent().map(Ledger::peek).unwrap_or_default();
        let leases = leases.tenants.iter().flat_map(|tenant| &tenant.leases);
        let kept: BTreeSet<u16> = leases.map(|lease| lease.published).collect();
        let mut taken = Vec::new();
        let mut chosen = [0; 4];
        let candidates = |at: usize| {
            let usual = requested.saved[at].unwrap_or(Ports::USUAL.entries()[at].1);
            let last = requested.last.map(|ports| ports.entries()[at].1).filter(|port| *port != usual);
            std::iter::once(usual).chain(last)
        };
        let open = (0..4).filter(|at| wish[*at].is_none() && now[*at].is_none());
        let facts = self.facts(&wish.into_iter().flatten().chain(open.flat_map(candidates)).collect::<Vec<_>>());
        let who = |port: u16| refused.get(&port).cloned().or_else(|| self.holder_in(&facts, port));
        for (at, (entrypoint, ..)) in Ports::USUAL.entries().into_iter().enumerate() {
            if let Some(port) = wish[at] {
                if let Some(who) = who(port) {
                    return Err(Error::new(format!("port {port} for {entrypoint} is taken: {who}"))
                        .hint(format!(
                            "`cargo xtask who {port}` shows the holder; without the option a free port is chosen"
                        ))
                        .finding());
                }
                chosen[at] = port;
                continue;
            }
            if let Some(port) = now[at] {
                chosen[at] = port;
                continue;
            }
            let mut port = None;
            for (nth, candidate) in candidates(at).enumerate().filter(|(_, candidate)| !used.contains(candidate)) {
                match who(candidate) {
                    None => {
                        port = Some(candidate);
                        break;
                    }
                    Some(who) if nth == 0 => taken.push(Taken { entrypoint, port: candidate, who }),
                    Some(_) => {}
                }
            }
            let limits = Limits { within: None, outside: &ephemeral, used: &used, kept: &|port| kept.contains(&port) };
            let first = FALLBACK.entries()[at].1 - 1;
            let port = port.or_else(|| suggest(first, &limits, &mut |port| who(port).is_none()));
            let port = port.ok_or_else(|| Error::new(format!("no free port found for {entrypoint}")))?;
            chosen[at] = port;
            used.insert(port);
        }
        let [web, websecure, postgres, redis] = chosen;
        Ok(Choice { ports: Ports { web, websecure, postgres, redis }, taken })
    }
}

fn mapping(ip: IpAddr, port: u16) -> PortMapping {
    PortMapping { service: "traefik".to_owned(), ..PortMapping::single(Some(ip), port, Protocol::Tcp) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_port_is_never_for_two_entry_points() {
        let running = [Some(80), Some(443), Some(5432), Some(6379)];
        let ask = |now: [Option<u16>; 4], running| {
            let saved = [now[0], now[1], now[2].or(Some(7000)), now[3]];
            Requested { now, saved, last: None }.refuse_duplicates(running)
        };
        let said = |now, running| ask(now, running).unwrap_err();
        let error = said([Some(5432), None, None, None], running);
        assert_eq!(error.message(), "port 5432 cannot be for web: postgres has it");
        assert_eq!(error.hints(), ["another one for postgres: `--postgres-port PORT`"]);
        assert_eq!(error.exit(), crate::error::Exit::Failure);
        let error = said([Some(443), Some(443), None, None], running);
        assert_eq!(error.message(), "port 443 cannot be for web: websecure is to have it too");
        // Requested earlier, while the proxy is not running.
        let error = said([None, None, None, Some(7000)], [None; 4]);
        assert_eq!(error.message(), "port 7000 cannot be for redis: postgres has it");
        // Its own port, an unused one, and two that swap.
        for now in [[Some(80), None, None, None], [Some(81), None, None, None], [Some(443), Some(80), None, None]] {
            assert_eq!(ask(now, running), Ok(()));
        }
        assert_eq!(ask([Some(5432), None, None, None], [None; 4]), Ok(()));
    }
}
