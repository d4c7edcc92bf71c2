//! The rules that change where a connection leads (iptables, both generations).

use std::fs;
use std::time::Duration;

use crate::exec::{Command, find};
use crate::model::{NatRules, NatTable};
use crate::parse::iptables_save;

/// Reading them takes milliseconds; another program may hold the lock (`/run/xtables.lock`).
const LIMIT: Duration = Duration::from_secs(3);

pub(in crate::host) fn nat_rules() -> NatRules {
    if !rustix::process::geteuid().is_root() {
        return NatRules::unreadable("only root may read the rules that redirect connections");
    }
    std::thread::scope(|scope| {
        let v6 = scope.spawn(|| tables("ip6tables", "/proc/net/ip6_tables_names"));
        let v4 = tables("iptables", "/proc/net/ip_tables_names");
        let v6 = v6.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        NatRules { v4, v6, unread: other_tables() }
    })
}

/// The nat table of the tool's own generation, and that of the older one if it is in use.
fn tables(tool: &str, names_of_legacy: &str) -> Result<Vec<NatTable>, String> {
    let mut tables = vec![table(&format!("{tool}-save"))?];
    // Exists only while the older kernel interface is in use, with a table name per line.
    let names = fs::read_to_string(names_of_legacy).unwrap_or_default();
    if names.lines().any(|name| name == "nat") {
        tables.push(table(&format!("{tool}-legacy-save"))?);
    }
    Ok(tables)
}

fn table(tool: &str) -> Result<NatTable, String> {
    if find(tool).is_none() {
        return Err(format!("rules that redirect connections: `{tool}` is not on PATH"));
    }
    let answer = Command::new(tool).args(["-t", "nat"]).ask(LIMIT);
    match answer {
        // Without the table it prints nothing.
        Ok(answer) if answer.ok() => Ok(iptables_save::nat(&answer.stdout).unwrap_or_default()),
        Ok(answer) => Err(format!("rules that redirect connections: {}", answer.error_text())),
        Err(why) => Err(format!("rules that redirect connections: {}", crate::error::Error::from(why))),
    }
}

/// Tables of nftables that iptables does not show.
fn other_tables() -> Option<String> {
    None
}
