//! `iptables-save -t nat` and `ip6tables-save -t nat`: one rule per line, in the syntax of
//! iptables(8). Both generations (legacy and nf_tables) print the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::rows::text;
use crate::model::{IpRange, NatAction, NatMatch, NatRule, NatTable, NatTest, PortRange};

/// The rules of the table `nat`; `None` if the output has no such table, as when the tool may not
/// read it.
pub fn nat(output: &[u8]) -> Option<NatTable> {
    let output = text(output);
    let mut table = None;
    let mut is_nat = false;
    for line in output.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('*') {
            is_nat = name == "nat";
            if is_nat {
                table.get_or_insert_with(NatTable::default);
            }
        } else if is_nat && line.starts_with("-A ") {
            table.get_or_insert_with(NatTable::default).rules.extend(rule(line));
        }
    }
    table
}

/// Modules whose conditions are read, or hold for every new connection.
const KNOWN_MODULES: [&str; 6] = ["tcp", "udp", "comment", "addrtype", "multiport", "conntrack"];

fn rule(line: &str) -> Option<NatRule> {
    let words = words(line);
    let mut words = words.iter().map(String::as_str).peekable();
    (words.next()? == "-A").then_some(())?;
    let chain = words.next()?.to_owned();
    let (mut tests, mut action, mut negated) = (Vec::new(), NatAction::Continue, false);
    while let Some(word) = words.next() {
        if word == "!" {
            negated = true;
            continue;
        }
        let mut value = || words.next().unwrap_or_default();
        let kind = match word {
            "-j" | "-g" => {
                let target = value().to_owned();
                action = action_of(word == "-g", &target, &mut words);
                break;
            }
            "-p" => match value() {
                "all" => None,
                name => Some(NatMatch::Protocol(name.to_owned())),
            },
            "-s" => Some(ip_range(value()).map_or(NatMatch::Unknown, NatMatch::Source)),
            "-d" => Some(ip_range(value()).map_or(NatMatch::Unknown, NatMatch::Destination)),
            "-i" => Some(NatMatch::InInterface(value().to_owned())),
            "-o" => Some(NatMatch::OutInterface(value().to_owned())),
            "--dport" | "--dports" => Some(ports(value()).map_or(NatMatch::Unknown, NatMatch::DestinationPorts)),
            "--dst-type" => Some(if value() == "LOCAL" { NatMatch::DestinationIsLocal } else { NatMatch::Unknown }),
            "--src-type" => Some(if value() == "LOCAL" { NatMatch::SourceIsLocal } else { NatMatch::Unknown }),
            "--comment" => {
                value();
                None
            }
            // The nat table sees the first packet of a connection only.
            "--ctstate" if value().split(',').any(|state| state == "NEW") => None,
            "-m" => {
                let module = value();
                (!KNOWN_MODULES.contains(&module)).then_some(NatMatch::Unknown)
            }
            // Another option, or a value of one.
            _ => Some(NatMatch::Unknown),
        };
        tests.extend(kind.map(|kind| NatTest { negated, kind }));
        negated = false;
    }
    Some(NatRule { chain, text: line.to_owned(), tests, action })
}

fn action_of<'a>(is_goto: bool, target: &str, options: &mut impl Iterator<Item = &'a str>) -> NatAction {
    let mut after = |option: &str| options.find(|word| *word == option).and_then(|_| options.next());
    match target {
        "REDIRECT" => NatAction::Redirect(after("--to-ports").and_then(|ports| ports.parse().ok())),
        "DNAT" => {
            let (ip, port) = after("--to-destination").map_or((None, None), destination);
            NatAction::Dnat(ip, port)
        }
        "NETMAP" => NatAction::Dnat(None, None),
        "RETURN" => NatAction::Return,
        "ACCEPT" | "DROP" | "QUEUE" | "NFQUEUE" => NatAction::Accept,
        "MARK" | "CONNMARK" | "LOG" | "NFLOG" | "TRACE" | "" => NatAction::Continue,
        chain if is_goto => NatAction::Goto(chain.to_owned()),
        chain => NatAction::Jump(chain.to_owned()),
    }
}

/// `172.18.0.2:80`, `[fd00::2]:80-90`, `10.0.0.1`, `10.0.0.1-10.0.0.9:80`.
fn destination(text: &str) -> (Option<IpAddr>, Option<PortRange>) {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (Some(address.ip()), PortRange::new(address.port(), address.port()));
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse() {
        return (Some(ip), None);
    }
    let Some((ip, ports)) = text.rsplit_once(':') else { return (None, None) };
    (ip.trim_matches(['[', ']']).parse().ok(), ports.parse().ok())
}

/// `80`, `80:90`, and several of them for `multiport`.
fn ports(text: &str) -> Option<Vec<PortRange>> {
    let range = |part: &str| {
        let (first, last) = part.split_once(':').unwrap_or((part, part));
        // 0 is allowed there and nobody connects to it.
        PortRange::new(first.parse::<u16>().ok()?.max(1), last.parse().ok()?)
    };
    text.split(',').map(range).collect()
}

/// `127.0.0.0/8`, `10.0.0.1`, `10.0.0.0/255.0.255.0`, `::1/128`.
fn ip_range(text: &str) -> Option<IpRange> {
    let (ip, mask) = text.split_once('/').map_or((text, None), |(ip, mask)| (ip, Some(mask)));
    let ip: IpAddr = ip.parse().ok()?;
    let full = if ip.is_ipv4() { 32 } else { 128 };
    if let Some(Ok(mask)) = mask.map(str::parse::<IpAddr>) {
        return Some(IpRange { ip, mask });
    }
    let prefix: u32 = mask.map_or(Some(full), |mask| mask.parse().ok()).filter(|prefix| *prefix <= full)?;
    let mask = match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - prefix).unwrap_or(0))),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(u128::MAX.checked_shl(128 - prefix).unwrap_or(0))),
    };
    Some(IpRange { ip, mask })
}

/// Words with spaces in them are in double quotes, in which a backslash keeps the next character.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            continue;
        }
        let mut word = String::new();
        if c == '"' {
            while let Some(c) = chars.next() {
                match c {
                    '"' => break,
                    '\\' => word.extend(chars.next()),
                    c => word.push(c),
                }
            }
        } else {
            word.push(c);
            while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                word.push(c);
            }
        }
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(output: &str) -> Vec<NatAction> {
        nat(output.as_bytes()).unwrap().rules.into_iter().map(|rule| rule.action).collect()
    }

    #[test]
    fn a_recorded_table() {
        let table = nat(include_bytes!("../../tests/fixtures/tools/iptables-save-nat-docker.txt")).unwrap();
        let redirect = table.rules.iter().find(|rule| matches!(rule.action, NatAction::Redirect(_))).unwrap();
        assert_eq!(redirect.chain, "OUTPUT");
        assert_eq!(redirect.action, NatAction::Redirect(Some(PortRange::one(21902))));
        let test = |kind| NatTest { negated: false, kind };
        assert_eq!(
            redirect.tests,
            [
                test(NatMatch::OutInterface("lo".into())),
                test(NatMatch::Protocol("tcp".into())),
                test(NatMatch::DestinationPorts(vec![PortRange::one(21901)])),
            ]
        );
        let docker: Vec<&NatRule> = table.rules.iter().filter(|rule| rule.chain == "DOCKER").collect();
        let dnat = docker.iter().find(|rule| matches!(rule.action, NatAction::Dnat(..))).unwrap();
        assert!(
            matches!(dnat.action, NatAction::Dnat(Some(IpAddr::V4(_)), Some(port)) if port == PortRange::one(8080))
        );
        assert!(dnat.tests.iter().any(|test| test.negated && matches!(&test.kind, NatMatch::InInterface(_))));
        assert!(table.rules.iter().all(|rule| rule.tests.iter().all(|test| test.kind != NatMatch::Unknown)));
    }

    #[test]
    fn other_tables_and_refusals() {
        assert_eq!(nat(b"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j REDIRECT\nCOMMIT\n"), None);
        assert_eq!(
            nat(b"iptables-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied"),
            None
        );
        assert_eq!(nat(b"*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"), Some(NatTable::default()));
    }

    #[test]
    fn destinations_of_both_families() {
        let rules = "*nat\n\
            -A X -j DNAT --to-destination 172.18.0.2:80\n\
            -A X -j DNAT --to-destination [fd00::2]:80\n\
            -A X -j DNAT --to-destination fd00::2\n\
            -A X -j DNAT --to-destination 10.0.0.1-10.0.0.9:80-90 --random\n\
            -A X -j REDIRECT\n\
            -A X -g Y\n\
            -A X -j MARK --set-xmark 0x1/0x1\n";
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(
            actions(rules),
            [
                NatAction::Dnat(ip("172.18.0.2"), Some(PortRange::one(80))),
                NatAction::Dnat(ip("fd00::2"), Some(PortRange::one(80))),
                NatAction::Dnat(ip("fd00::2"), None),
                NatAction::Dnat(None, PortRange::new(80, 90)),
                NatAction::Redirect(None),
                NatAction::Goto("Y".into()),
                NatAction::Continue,
            ]
        );
    }

    #[test]
    fn conditions() {
        let kinds = |line: &str| -> Vec<(bool, NatMatch)> {
            rule(line).unwrap().tests.into_iter().map(|test| (test.negated, test.kind)).collect()
        };
        let ports = |list: &[(u16, u16)]| {
            NatMatch::DestinationPorts(list.iter().map(|(a, b)| PortRange::new(*a, *b).unwrap()).collect())
        };
        assert_eq!(
            kinds("-A X ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER"),
            [(true, NatMatch::Destination(ip_range("127.0.0.0/8").unwrap())), (false, NatMatch::DestinationIsLocal)]
        );
        assert_eq!(
            kinds(r#"-A X -p tcp -m comment --comment "say \"-j\" --dport 1" -m multiport --dports 80,90:99 -j Y"#),
            [(false, NatMatch::Protocol("tcp".into())), (false, ports(&[(80, 80), (90, 99)]))]
        );
        assert_eq!(kinds("-A X -m owner --uid-owner 0 -j REDIRECT").first(), Some(&(false, NatMatch::Unknown)));
        assert!(kinds("-A X -m conntrack --ctstate NEW,RELATED -j Y").is_empty());
        assert!(!ip_range("127.0.0.0/8").unwrap().contains("128.0.0.1".parse().unwrap()));
        assert!(ip_range("10.0.5.0/255.0.255.0").unwrap().contains("10.9.5.1".parse().unwrap()));
        assert!(ip_range("0.0.0.0/0").unwrap().contains("8.8.8.8".parse().unwrap()));
        assert_eq!(ip_range("::1/129"), None);
    }
}
