//! The rules that change where a connection leads: iptables in both generations, and whether
//! nftables has others.

use std::fs;
use std::time::Duration;

use rustix::io::Errno;

use super::netlink;
use crate::exec::{Command, find};
use crate::model::{NatRules, NatTable};
use crate::parse::iptables_save;
use crate::parse::nft_chains::{self, BaseChain};

/// Reading them takes milliseconds; another program may hold the lock (`/run/xtables.lock`).
const LIMIT: Duration = Duration::from_secs(3);

pub(in crate::host) fn nat_rules() -> NatRules {
    if !rustix::process::geteuid().is_root() {
        return NatRules::unreadable("only root may read the rules that redirect connections");
    }
    let (v4, v6) = std::thread::scope(|scope| {
        let v6 = scope.spawn(|| tables("ip6tables", "/proc/net/ip6_tables_names"));
        let v4 = tables("iptables", "/proc/net/ip_tables_names");
        (v4, v6.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let is_shown = |tables: &Result<Vec<Option<NatTable>>, String>| matches!(tables.as_deref(), Ok([Some(_), ..]));
    let unread = unread_chains(is_shown(&v4), is_shown(&v6));
    let known = |tables: Vec<Option<NatTable>>| tables.into_iter().flatten().collect();
    NatRules { v4: v4.map(known), v6: v6.map(known), unread }
}

/// The nat table of the tool's own generation, and that of the older one if it is in use.
fn tables(tool: &str, names_of_legacy: &str) -> Result<Vec<Option<NatTable>>, String> {
    let mut tables = vec![table(&format!("{tool}-save"))?];
    // Exists only while the older kernel interface is in use, with a table name per line.
    let names = fs::read_to_string(names_of_legacy).unwrap_or_default();
    if names.lines().any(|name| name == "nat") {
        tables.push(table(&format!("{tool}-legacy-save"))?);
    }
    Ok(tables)
}

/// `None` without such a table, or if it has rules that the tool does not know.
fn table(tool: &str) -> Result<Option<NatTable>, String> {
    let because = |why: String| format!("rules that redirect connections: {why}");
    if find(tool).is_none() {
        return Err(because(format!("`{tool}` is not on PATH")));
    }
    match Command::new(tool).args(["-t", "nat"]).ask(LIMIT) {
        Ok(answer) if answer.ok() => Ok(iptables_save::nat(&answer.stdout)),
        Ok(answer) => Err(because(answer.error_text())),
        Err(why) => Err(because(why.to_string())),
    }
}

/// Chains of nftables that may redirect connections and that iptables does not show, in words.
fn unread_chains(v4_is_shown: bool, v6_is_shown: bool) -> Option<String> {
    let chains = match base_chains() {
        Ok(chains) => chains,
        Err(why) => return Some(format!("rules of nftables that redirect connections: {why}")),
    };
    let is_shown = |chain: &BaseChain| match chain.family {
        2 => v4_is_shown && chain.table == "nat",
        10 => v6_is_shown && chain.table == "nat",
        _ => false,
    };
    // PREROUTING and OUTPUT.
    let redirects = |chain: &&BaseChain| chain.kind == "nat" && matches!(chain.hook, 0 | 3) && !is_shown(chain);
    let unread: Vec<String> =
        chains.iter().filter(redirects).map(|chain| format!("{} {}", chain.table, chain.name)).collect();
    (!unread.is_empty()).then(|| format!("rules of nftables that redirect connections: {}", unread.join(", ")))
}

/// None where the kernel has no nftables.
fn base_chains() -> std::io::Result<Vec<BaseChain>> {
    /// `NETLINK_NETFILTER`.
    const NETFILTER: i32 = 12;
    let Ok(socket) = netlink::socket(NETFILTER) else { return Ok(Vec::new()) };
    socket.set_read_timeout(Some(LIMIT))?;
    socket.send(&nft_chains::request())?;
    match netlink::answer(&socket, nft_chains::part)? {
        Ok(chains) => Ok(chains),
        Err(Errno::PERM) => Err(Errno::PERM.into()),
        // No such subsystem.
        Err(_) => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a machine without iptables the reason is told, and nothing fails.
    #[test]
    fn rules_are_read_or_the_reason_is_told() {
        let rules = nat_rules();
        for family in [&rules.v4, &rules.v6] {
            match family {
                Ok(tables) => assert!(rustix::process::geteuid().is_root(), "{tables:?}"),
                Err(why) => assert!(why.contains("rules that redirect connections"), "{why}"),
            }
        }
    }
}
