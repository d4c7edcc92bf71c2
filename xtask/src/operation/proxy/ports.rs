//! Ports for the proxy: the usual ones where they are free, else others that
//! are; who has the usual ones is told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use super::home::{Home, published};
use crate::context::Context;
use crate::decide::{Identity, Limits, suggest};
use crate::disk;
use crate::error::{Error, Result};
use crate::host::{self, Depth};
use crate::labels::Ports;
use crate::ledger::Ledger;
use crate::model::{Container, PortMapping, PortRange, Probe, Protocol, Verdict};
use crate::ports::{PortFacts, reasons};

/// Where other ports are looked for first.
const FALLBACK: Ports = Ports { web: 8880, websecure: 8443, postgres: 15432, redis: 16379 };

/// An entry point that could not have the port it should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) entrypoint: &'static str,
    pub(super) port: u16,
    pub(super) who: String,
}

/// Ports that somebody asked for, by entry point.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// With this command: these or none.
    pub(super) now: [Option<u16>; 4],
    /// Once, in place of the usual ones.
    pub(super) ever: [Option<u16>; 4],
    /// What the proxy had last.
    pub(super) last: Option<Ports>,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) ports: Ports,
    pub(super) taken: Vec<Taken>,
}

/// Whether this machine has an IPv6 loopback address.
pub(super) fn has_ipv6() -> bool {
    host::probe(IpAddr::V6(Ipv6Addr::LOCALHOST), 0, Protocol::Tcp) == Probe::Free
}

/// The option of `proxy up` that gives an entry point its port.
pub(super) fn option(entrypoint: &str) -> &'static str {
    match entrypoint {
        "web" => "--http-port",
        "websecure" => "--https-port",
        "postgres" => "--postgres-port",
        _ => "--redis-port",
    }
}

impl Wanted {
    /// Refuses a port that is asked for twice, or that another entry point has
    /// in `now` or by an earlier wish, and keeps. To the machine it is the
    /// proxy's own, and looks free.
    fn refuse_equal(&self, now: [Option<u16>; 4]) -> Result<()> {
        let names = Ports::USUAL.entries().map(|entry| entry.0);
        let kept = now.iter().zip(self.ever).map(|(now, ever)| now.or(ever));
        let claims: Vec<Option<u16>> = self.now.iter().zip(kept).map(|(wish, kept)| wish.or(kept)).collect();
        for (at, port) in self.now.iter().enumerate().filter_map(|(at, wish)| Some((at, (*wish)?))) {
            let Some(other) = (0..claims.len()).find(|other| *other != at && claims[*other] == Some(port)) else {
                continue;
            };
            let (name, whose) = (names[at], names[other]);
            let how = if self.now[other].is_some() { "is to have it too" } else { "has it" };
            return Err(Error::new(format!("port {port} cannot be for {name}: {whose} {how}"))
                .hint(format!("another one for {whose}: `{} PORT`", option(whose))));
        }
        Ok(())
    }
}

/// Chooses ports for the proxy.
pub(super) struct PortChooser<'a> {
    ctx: &'a Context,
    home: &'a Home,
    containers: &'a [Container],
    dir: PathBuf,
    ips: Vec<IpAddr>,
}

impl<'a> PortChooser<'a> {
    pub(super) fn new(ctx: &'a Context, home: &'a Home, containers: &'a [Container]) -> Self {
        let v6 = has_ipv6().then_some(IpAddr::V6(Ipv6Addr::LOCALHOST));
        let ips = std::iter::once(IpAddr::V4(Ipv4Addr::LOCALHOST)).chain(v6).collect();
        let dir = disk::real_path(&home.dir);
        PortChooser { ctx, home, containers, dir, ips }
    }

    fn facts(&self, ports: &[u16]) -> PortFacts<'_> {
        let project = Identity { name: &self.home.project, dir: &self.dir };
        let mut facts = PortFacts::new(project, self.containers, None);
        let mappings = ports.iter().flat_map(|port| self.ips.iter().map(|ip| mapping(*ip, *port)));
        // Without the tables a port is held all the same, by nobody known.
        drop(facts.explain(mappings, Depth::Quick));
        facts
    }

    /// Who keeps the proxy from `port`; `None` where nobody does.
    pub(super) fn holder(&self, port: u16) -> Option<String> {
        self.holder_by(&self.facts(&[port]), port)
    }

    fn holder_by(&self, facts: &PortFacts<'_>, port: u16) -> Option<String> {
        self.ips.iter().find_map(|ip| match facts.verdict(&mapping(*ip, port), port) {
            Verdict::Free | Verdict::Ours(_) | Verdict::NotPublished { .. } => None,
            verdict => Some(reasons(self.ctx, &verdict).join(" and ")),
        })
    }

    /// A port for each entry point. What is asked for now beats all; what the
    /// proxy has while it runs stays; else the usual port (or what was asked for
    /// once), the one it had last, and the next one that is free. `refused` is
    /// what the engine would not give, and why.
    pub(super) fn choose(&self, wanted: &Wanted, refused: &BTreeMap<u16, String>) -> Result<Choice> {
        let wish = wanted.now;
        let now = self.home.own(self.containers).and_then(published).map(|ports| ports.entries().map(|entry| entry.1));
        let now =
            now.map_or([None; 4], |ports| ports.map(|port| Some(port).filter(|port| !refused.contains_key(port))));
        wanted.refuse_equal(now)?;
        let ephemeral: Vec<PortRange> = host::ephemeral().into_iter().collect();
        let mut used: BTreeSet<u16> = wish.iter().zip(now).filter_map(|(wish, now)| wish.or(now)).collect();
        // A project may ask for its own again; a usual port is everybody's.
        let leases = self.home.dir.parent().map(Ledger::peek).unwrap_or_default();
        let leases = leases.tenants.iter().flat_map(|tenant| &tenant.leases);
        let kept: BTreeSet<u16> = leases.map(|lease| lease.published).collect();
        let mut taken = Vec::new();
        let mut chosen = [0; 4];
        let candidates = |at: usize| {
            let usual = wanted.ever[at].unwrap_or(Ports::USUAL.entries()[at].1);
            let last = wanted.last.map(|ports| ports.entries()[at].1).filter(|port| *port != usual);
            std::iter::once(usual).chain(last)
        };
        let open = (0..4).filter(|at| wish[*at].is_none() && now[*at].is_none());
        let facts = self.facts(&wish.into_iter().flatten().chain(open.flat_map(candidates)).collect::<Vec<_>>());
        let who = |port: u16| refused.get(&port).cloned().or_else(|| self.holder_by(&facts, port));
        for (at, (entrypoint, ..)) in Ports::USUAL.entries().into_iter().enumerate() {
            if let Some(port) = wish[at] {
                if let Some(who) = who(port) {
                    return Err(Error::new(format!("port {port} for {entrypoint} is taken: {who}"))
                        .hint(format!("`cargo xtask who {port}`; or leave the port out, and a free one is taken"))
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
            let port = port.ok_or_else(|| Error::new(format!("no free port for {entrypoint} was found")))?;
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
            let ever = [now[0], now[1], now[2].or(Some(7000)), now[3]];
            Wanted { now, ever, last: None }.refuse_equal(running)
        };
        let said = |now, running| ask(now, running).unwrap_err();
        let error = said([Some(5432), None, None, None], running);
        assert_eq!(error.message(), "port 5432 cannot be for web: postgres has it");
        assert_eq!(error.hints(), ["another one for postgres: `--postgres-port PORT`"]);
        assert_eq!(error.exit(), crate::error::Exit::Failure);
        let error = said([Some(443), Some(443), None, None], running);
        assert_eq!(error.message(), "port 443 cannot be for web: websecure is to have it too");
        // Asked for once, while the proxy does not run.
        let error = said([None, None, None, Some(7000)], [None; 4]);
        assert_eq!(error.message(), "port 7000 cannot be for redis: postgres has it");
        // Its own, another that is left, and two that change places.
        for now in [[Some(80), None, None, None], [Some(81), None, None, None], [Some(443), Some(80), None, None]] {
            assert_eq!(ask(now, running), Ok(()));
        }
        assert_eq!(ask([Some(5432), None, None, None], [None; 4]), Ok(()));
    }
}
