//! Firewalls, most of which do not filter the ports that Docker publishes.

use crate::model::{Firewall, FirewallState};
use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::{host, ui};

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let found: Vec<Finding> = host::firewalls().iter().map(|firewall| finding(firewall, &open_ports(facts))).collect();
    if found.is_empty() { vec![Finding::ok("firewall.state", "firewall", "none found")] } else { found }
}

/// Ports of this project that are published on every address.
fn open_ports(facts: &Facts) -> Vec<String> {
    let rows = facts.project().map(|found| found.rows.as_slice()).unwrap_or_default();
    let is_open = |row: &&crate::operation::check::project::Row| {
        row.wanted.mapping.host_ip.is_none_or(|ip| ip.is_unspecified()) && row.wanted.mapping.published.is_some()
    };
    let open = rows.iter().filter(is_open);
    open.map(|row| format!("{} ({})", row.wanted.mapping.address(), ui::clean(&row.wanted.mapping.service))).collect()
}

/// Docker publishes ports with its own rules in `nat` and `FORWARD`; such packets never
/// reach the rules of ufw and firewalld in `INPUT`
/// (docs.docker.com, "Packet filtering and firewalls").
fn finding(firewall: &Firewall, open: &[String]) -> Finding {
    let (id, title) = ("firewall.state", firewall.name);
    let on_linux = matches!(firewall.name, "ufw" | "firewalld" | "iptables");
    match &firewall.state {
        FirewallState::Off => Finding::ok(id, title, "off"),
        FirewallState::Unknown(why) => Finding::new(id, title, Status::Unknown, format!("unknown: {why}"))
            .why("ports that Docker publishes bypass it in any case"),
        FirewallState::On if on_linux && !open.is_empty() => Finding::new(
            id,
            title,
            Status::Note,
            format!("on, but open to everybody all the same: {}", open.join(", ")),
        )
        .why("ports that Docker publishes bypass it: a rule against them has no effect")
        .remedy("publish on this machine only: `\"127.0.0.1:5432:5432\"` under `ports:`"),
        FirewallState::On => Finding::ok(id, title, "on"),
        FirewallState::BlocksAll => Finding::new(id, title, Status::Warning, "blocks all incoming connections")
            .why("other machines and phones cannot reach the stack; this machine can")
            .remedy("System Settings, Network, Firewall, Options: allow incoming connections"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_are_open_in_spite_of_a_firewall_are_named() {
        let ufw = |state| Firewall { name: "ufw", state };
        let open = ["5432 (db)".to_owned()];
        let found = finding(&ufw(FirewallState::On), &open);
        assert!(found.status == Status::Note && found.seen.contains("5432 (db)"), "{found:?}");
        assert_eq!(finding(&ufw(FirewallState::On), &[]).status, Status::Ok);
        assert_eq!(finding(&ufw(FirewallState::Off), &open).status, Status::Ok);
        assert_eq!(finding(&ufw(FirewallState::Unknown("no")), &open).status, Status::Unknown);
        let macos = Firewall { name: "macOS firewall", state: FirewallState::BlocksAll };
        assert_eq!(finding(&macos, &open).status, Status::Warning);
    }
}
