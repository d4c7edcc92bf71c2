//! Firewalls, routes and other facts about this machine's network.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::exec::{Command, LIMIT, find};
use crate::model::{Firewall, FirewallState, Route};
use crate::parse::{firewall, proc_net, proc_route, sock_diag};

/// ufw and firewalld if installed, otherwise the iptables rules.
pub(in crate::host) fn firewalls() -> Vec<Firewall> {
    let mut found: Vec<Firewall> = [ufw(), firewalld()].into_iter().flatten().collect();
    if found.iter().all(|firewall| firewall.state == FirewallState::Off) {
        found.extend(iptables());
    }
    found
}

fn ufw() -> Option<Firewall> {
    let conf = fs::read("/etc/ufw/ufw.conf").ok()?;
    let state = match firewall::ufw_conf(&conf) {
        Some(true) => FirewallState::On,
        Some(false) => FirewallState::Off,
        None => FirewallState::Unknown("/etc/ufw/ufw.conf does not say"),
    };
    Some(Firewall { name: "ufw", state })
}

/// Exit code 0 = running, 252 = not running (firewall-cmd(1)).
fn firewalld() -> Option<Firewall> {
    find("firewall-cmd")?;
    let answer = Command::new("firewall-cmd").arg("--state").ask(LIMIT).ok()?;
    let state = if answer.ok() { FirewallState::On } else { FirewallState::Off };
    Some(Firewall { name: "firewalld", state })
}

/// Rules made by hand. Without root the tool exits with 4.
fn iptables() -> Option<Firewall> {
    find("iptables")?;
    let answer = Command::new("iptables").args(["-S", "INPUT"]).ask(LIMIT).ok()?;
    let state = match firewall::drops_input(&answer.stdout) {
        Some(true) => FirewallState::On,
        Some(false) => FirewallState::Off,
        None => FirewallState::Unknown("only root may read the rules"),
    };
    Some(Firewall { name: "iptables", state })
}

pub(in crate::host) fn routes() -> Vec<Route> {
    fs::read("/proc/net/route").map(|table| proc_route::routes(&table)).unwrap_or_default()
}

pub(in crate::host) fn has_interface(name: &str) -> bool {
    !name.contains(['/', '.']) && !name.is_empty() && Path::new("/sys/class/net").join(name).exists()
}

/// `wslinfo` exists since WSL 2.0; before, there was only NAT. The release of a WSL kernel says so
/// (`5.15.90.1-microsoft-standard-WSL2`).
pub(in crate::host) fn wsl_networking() -> Option<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    if !release.to_ascii_lowercase().contains("microsoft") {
        return None;
    }
    let answer = Command::new("wslinfo").arg("--networking-mode").ask(LIMIT).ok().filter(crate::exec::Answer::ok);
    let mode = answer.map(|answer| String::from_utf8_lossy(&answer.stdout).trim().to_owned());
    Some(mode.filter(|mode| !mode.is_empty()).unwrap_or_else(|| "nat".to_owned()))
}

/// `/proc/PID/net` is the network of that process; for another user's process only root may read
/// it.
pub(in crate::host) fn listening_in(pid: u32) -> Option<Vec<SocketAddr>> {
    let read = |name: &str| fs::read(format!("/proc/{pid}/net/{name}")).ok();
    // IPv6 may be disabled there.
    let tables = [read("tcp")?, read("tcp6").unwrap_or_default()];
    let rows = tables.iter().flat_map(|table| proc_net::rows(table, sock_diag::LISTEN));
    Some(rows.map(|row| SocketAddr::new(row.ip, row.port)).collect())
}

/// `net.ipv4.ip_unprivileged_port_start`.
pub(in crate::host) fn unprivileged_from() -> Option<u16> {
    fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_told_by_its_name() {
        assert!(has_interface("lo"));
        for name in ["br-000000000000", "", "..", "../net/lo"] {
            assert!(!has_interface(name), "{name}");
        }
    }

    #[test]
    fn our_own_listeners_are_in_our_own_network() {
        let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = holder.local_addr().unwrap();
        assert!(listening_in(std::process::id()).unwrap().contains(&address));
        drop(holder);
        assert!(!listening_in(std::process::id()).unwrap().contains(&address));
        assert_eq!(listening_in(u32::MAX), None);
    }
}
