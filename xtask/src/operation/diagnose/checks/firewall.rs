//! Firewalls, and the fact that Docker's ports pass by most of them.

use crate::model::{Firewall, FirewallState};
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::scene::Scene;
use crate::{host, ui};

pub(crate) fn check(scene: &Scene) -> Vec<Finding> {
    let found: Vec<Finding> = host::firewalls().iter().map(|firewall| finding(firewall, &open_ports(scene))).collect();
    if found.is_empty() { vec![Finding::ok("firewall.state", "firewall", "none found")] } else { found }
}

/// Ports of this project that every address of the machine has.
fn open_ports(scene: &Scene) -> Vec<String> {
    let rows = scene.project().map(|found| found.rows.as_slice()).unwrap_or_default();
    let is_open = |row: &&crate::operation::check::project::Row| {
        row.wanted.mapping.host_ip.is_none_or(|ip| ip.is_unspecified()) && row.wanted.mapping.published.is_some()
    };
    let open = rows.iter().filter(is_open);
    open.map(|row| format!("{} ({})", row.wanted.mapping.address(), ui::clean(&row.wanted.mapping.service))).collect()
}

/// Docker publishes by rules of its own in the tables `nat` and `FORWARD`, which
/// a packet meets before those of ufw and firewalld in `INPUT`
/// (docs.docker.com, "Packet filtering and firewalls").
fn finding(firewall: &Firewall, open: &[String]) -> Finding {
    let (id, title) = ("firewall.state", firewall.name);
    let on_linux = matches!(firewall.name, "ufw" | "firewalld" | "iptables");
    match &firewall.state {
        FirewallState::Off => Finding::ok(id, title, "off"),
        FirewallState::Unknown(why) => Finding::new(id, title, Status::Unknown, format!("could not tell: {why}"))
            .why("ports that Docker publishes pass by it in any case"),
        FirewallState::On if on_linux && !open.is_empty() => Finding::new(
            id,
            title,
            Status::Note,
            format!("on, and open to everybody all the same: {}", open.join(", ")),
        )
        .why("ports that Docker publishes pass by it: a rule against them has no effect")
        .remedy("publish on this machine alone: `\"127.0.0.1:5432:5432\"` under `ports:`"),
        FirewallState::On => Finding::ok(id, title, "on"),
        FirewallState::BlocksAll => Finding::new(id, title, Status::Warning, "refuses everything from outside")
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
