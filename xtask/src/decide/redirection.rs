//! Whether a rule of the nat table sends a connection elsewhere before it reaches the socket or
//! the rule of the engine. Evaluates the chains as the kernel does (iptables-extensions(8)): in
//! order, until an action ends the way.

use std::net::{IpAddr, SocketAddr};

use crate::model::{NatAction, NatMatch, NatRule, NatTable, NatTest, PortRange};

/// A new TCP connection to a published port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewConnection {
    /// The address of this machine that it is made to; `None` = any except loopback.
    pub ip: Option<IpAddr>,
    pub port: u16,
    /// It is made on this machine (chain OUTPUT), not on another one (PREROUTING).
    pub is_local: bool,
}

/// What the rules do with a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redirection {
    /// The rule that sends it elsewhere.
    pub certain: Option<String>,
    /// Rules that may send it elsewhere: they depend on something unknown.
    pub possible: Vec<String>,
}

/// `targets`: the addresses and ports of the containers that it should reach.
pub fn redirection(table: &NatTable, connection: NewConnection, targets: &[SocketAddr]) -> Redirection {
    let mut walk = Walk { table, connection, targets, found: Redirection::default(), steps: MAX_STEPS };
    walk.chain(if connection.is_local { "OUTPUT" } else { "PREROUTING" }, true, MAX_DEPTH);
    walk.found
}

/// The kernel refuses tables with loops; a damaged listing may have some.
const MAX_STEPS: u32 = 100_000;
const MAX_DEPTH: u32 = 64;

struct Walk<'a> {
    table: &'a NatTable,
    connection: NewConnection,
    targets: &'a [SocketAddr],
    found: Redirection,
    steps: u32,
}

/// How a chain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The way of every connection that entered it is decided.
    Decided,
    /// The calling chain goes on, with `all` of them or only some.
    Return { all: bool },
}

/// Whether a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Applies {
    No,
    Maybe,
    Yes,
}

impl Walk<'_> {
    /// `certain`: the connection surely enters the chain.
    fn chain(&mut self, name: &str, certain: bool, depth: u32) -> End {
        let table = self.table;
        // Whether it surely is still in this chain, and whether it surely is not decided yet.
        let (mut is_here, mut all) = (true, true);
        for rule in table.rules.iter().filter(|rule| rule.chain == name) {
            self.steps = self.steps.saturating_sub(1);
            if self.steps == 0 || depth == 0 {
                return End::Return { all: false };
            }
            let applies = self.applies(rule);
            if applies == Applies::No {
                continue;
            }
            let sure = certain && is_here && applies == Applies::Yes;
            let is_jump = matches!(rule.action, NatAction::Jump(_));
            let end = match &rule.action {
                NatAction::Continue => continue,
                NatAction::Jump(chain) | NatAction::Goto(chain) => self.chain(chain, sure, depth - 1),
                NatAction::Return => End::Return { all: true },
                NatAction::Accept => End::Decided,
                NatAction::Redirect(ports) => {
                    self.note_redirect(rule, *ports, sure);
                    End::Decided
                }
                NatAction::Dnat(ip, ports) => {
                    self.note_dnat(rule, *ip, *ports, sure);
                    End::Decided
                }
            };
            all &= end == End::Return { all: true };
            let goes_on = is_jump && end != End::Decided;
            if applies == Applies::Yes && !goes_on {
                return if is_here && end == End::Decided { End::Decided } else { End::Return { all } };
            }
            is_here &= is_jump && end == End::Return { all: true };
        }
        End::Return { all }
    }

    fn note_redirect(&mut self, rule: &NatRule, ports: Option<PortRange>, sure: bool) {
        // To the same port: the socket that listens there is checked by itself.
        if ports.is_some_and(|ports| ports != PortRange::one(self.connection.port)) {
            self.note(rule, sure);
        }
    }

    fn note_dnat(&mut self, rule: &NatRule, ip: Option<IpAddr>, ports: Option<PortRange>, sure: bool) {
        let port = ports.map_or(Some(self.connection.port), |ports| ports.is_one().then_some(ports.first));
        let to = ip.zip(port).map(|(ip, port)| SocketAddr::new(ip, port));
        let stays = to.is_some_and(|to| {
            to.port() == self.connection.port && (to.ip().is_loopback() || Some(to.ip()) == self.connection.ip)
        });
        if !stays && !to.is_some_and(|to| self.targets.contains(&to)) {
            self.note(rule, sure);
        }
    }

    fn note(&mut self, rule: &NatRule, sure: bool) {
        if sure {
            self.found.certain.get_or_insert_with(|| rule.text.clone());
        } else if !self.found.possible.contains(&rule.text) {
            self.found.possible.push(rule.text.clone());
        }
    }

    fn applies(&self, rule: &NatRule) -> Applies {
        rule.tests.iter().map(|test| self.holds(test)).min().unwrap_or(Applies::Yes)
    }

    fn holds(&self, test: &NatTest) -> Applies {
        let NewConnection { ip, port, is_local } = self.connection;
        let sure = |holds: bool| if holds { Applies::Yes } else { Applies::No };
        let holds = match &test.kind {
            NatMatch::Protocol(name) => sure(matches!(name.as_str(), "tcp" | "6")),
            NatMatch::Destination(range) => match ip {
                Some(ip) => sure(range.contains(ip)),
                None if range.mask.is_unspecified() => Applies::Yes,
                None if range.ip.is_loopback() => Applies::No,
                None => Applies::Maybe,
            },
            // A connection within this machine comes from the address that it goes to.
            NatMatch::Source(range) => match ip {
                _ if range.mask.is_unspecified() => Applies::Yes,
                Some(ip) if is_local => sure(range.contains(ip)),
                _ => Applies::Maybe,
            },
            NatMatch::InInterface(name) => match name.as_str() {
                "+" => Applies::Yes,
                // Not known before routing, and not the loopback interface from elsewhere.
                _ if is_local => Applies::No,
                "lo" => Applies::No,
                _ => Applies::Maybe,
            },
            NatMatch::OutInterface(name) => sure(is_local && matches!(name.as_str(), "lo" | "lo+" | "l+" | "+")),
            NatMatch::DestinationPorts(ranges) => sure(ranges.iter().any(|range| range.contains(port))),
            NatMatch::DestinationIsLocal => Applies::Yes,
            NatMatch::SourceIsLocal => sure(is_local),
            NatMatch::Unknown => return Applies::Maybe,
        };
        match (test.negated, holds) {
            (true, Applies::Yes) => Applies::No,
            (true, Applies::No) => Applies::Yes,
            (_, holds) => holds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::iptables_save;

    const DOCKER: &str = "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n\
        -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER\n\
        -A DOCKER -i br-2983b9b42443 -j RETURN\n\
        -A DOCKER ! -i br-2983b9b42443 -p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.18.0.2:8080\n";

    fn local(ip: &str) -> NewConnection {
        NewConnection { ip: Some(ip.parse().unwrap()), port: 8000, is_local: true }
    }

    const REMOTE: NewConnection = NewConnection { ip: None, port: 8000, is_local: false };

    fn found(rules: &str, connection: NewConnection) -> Redirection {
        let table = iptables_save::nat(format!("*nat\n{rules}COMMIT\n").as_bytes()).unwrap();
        redirection(&table, connection, &["172.18.0.2:8080".parse().unwrap()])
    }

    #[test]
    fn the_engine_s_own_rules_are_no_redirection() {
        let without_proxy = DOCKER.replace("! -d 127.0.0.0/8 ", "");
        for rules in ["", DOCKER, &without_proxy] {
            for connection in [local("127.0.0.1"), local("192.0.2.5"), REMOTE] {
                assert_eq!(found(rules, connection), Redirection::default(), "{rules}");
            }
        }
        // The same rule for another container is one.
        let other = without_proxy.replace("172.18.0.2", "172.18.0.9");
        assert!(found(&other, local("127.0.0.1")).certain.unwrap().contains("172.18.0.9"));
        // Another port of the container is not the one that is published.
        assert!(found(&without_proxy.replace(":8080", ":9090"), local("127.0.0.1")).certain.is_some());
    }

    #[test]
    fn a_rule_before_the_engine_s_is_found() {
        let rule = "-A OUTPUT -o lo -p tcp -m tcp --dport 8000 -j REDIRECT --to-ports 9000\n";
        let rules = format!("{rule}{DOCKER}");
        assert_eq!(found(&rules, local("127.0.0.1")).certain.as_deref(), Some(rule.trim()));
        assert_eq!(found(&rules, REMOTE), Redirection::default());
        for (rule, here, elsewhere) in [
            ("-A OUTPUT -p tcp -m tcp --dport 9000 -j REDIRECT --to-ports 1", false, false),
            ("-A OUTPUT -p udp -m udp --dport 8000 -j REDIRECT --to-ports 1", false, false),
            ("-A OUTPUT -p tcp -m tcp --dport 7000:9000 -j REDIRECT --to-ports 1", true, false),
            ("-A OUTPUT -p tcp -m tcp --dport 8000 -j REDIRECT --to-ports 8000", false, false),
            ("-A OUTPUT -p tcp -m tcp --dport 8000 -j REDIRECT", false, false),
            ("-A OUTPUT -d 127.0.0.2/32 -p tcp -m tcp --dport 8000 -j DNAT --to-destination 10.0.0.1", false, false),
            ("-A OUTPUT ! -d 127.0.0.2/32 -p tcp -j DNAT --to-destination 10.0.0.1", true, false),
            ("-A PREROUTING -p tcp -m multiport --dports 80,8000 -j DNAT --to-destination 10.0.0.1", false, true),
            ("-A PREROUTING -d 127.0.0.0/8 -p tcp -j DNAT --to-destination 10.0.0.1", false, false),
        ] {
            let rules = format!("{rule}\n{DOCKER}");
            let found = [found(&rules, local("127.0.0.1")), found(&rules, REMOTE)].map(|found| found.certain.is_some());
            assert_eq!(found, [here, elsewhere], "{rule}");
        }
    }

    #[test]
    fn the_first_rule_that_decides_wins() {
        let redirect = "-A OUTPUT -p tcp -m tcp --dport 8000 -j REDIRECT --to-ports 9000\n";
        assert_eq!(
            found(&format!("-A OUTPUT -o lo -j ACCEPT\n{redirect}"), local("127.0.0.1")),
            Redirection::default()
        );
        assert_eq!(
            found(&format!("-A OUTPUT -o lo -j RETURN\n{redirect}"), local("127.0.0.1")),
            Redirection::default()
        );
        assert!(found(&format!("-A OUTPUT -o eth0 -j ACCEPT\n{redirect}"), local("127.0.0.1")).certain.is_some());
        assert!(
            found(&format!("-A OUTPUT -j MARK --set-xmark 0x1/0x1\n{redirect}"), local("127.0.0.1")).certain.is_some()
        );
        // Our own rule comes first: what stands behind it is never reached.
        let ours = DOCKER.replace("! -d 127.0.0.0/8 ", "");
        assert_eq!(found(&format!("{ours}{redirect}"), local("127.0.0.1")), Redirection::default());
    }

    /// Kubernetes and Swarm have their rules in chains of their own.
    #[test]
    fn chains_are_followed() {
        let kube = "-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT\n\
            -A CNI-HOSTPORT-DNAT -p tcp -m comment --comment \"dnat name: \\\"cbr0\\\"\" -m multiport --dports 8000 -j CNI-DN-1\n\
            -A CNI-DN-1 -p tcp -m tcp --dport 8000 -j DNAT --to-destination 10.42.0.7:80\n";
        assert!(found(&format!("{kube}{DOCKER}"), local("127.0.0.1")).certain.unwrap().contains("10.42.0.7"));
        let swarm = "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS\n\
            -A DOCKER-INGRESS -p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.19.0.2:8000\n\
            -A DOCKER-INGRESS -j RETURN\n";
        assert!(found(&format!("{swarm}{DOCKER}"), REMOTE).certain.unwrap().contains("DOCKER-INGRESS"));
        // An empty chain, a chain that is left, and a goto.
        for (rules, want) in [
            ("-A OUTPUT -j NONE\n", true),
            ("-A OUTPUT -j BACK\n-A BACK -j RETURN\n", true),
            ("-A OUTPUT -g BACK\n-A BACK -j RETURN\n", false),
        ] {
            let redirect = "-A OUTPUT -p tcp -j REDIRECT --to-ports 9\n";
            let found = found(&format!("{rules}{redirect}"), local("127.0.0.1"));
            assert_eq!((found.certain.is_some(), found.possible.len()), (want, 0), "{rules}");
        }
    }

    #[test]
    fn what_depends_on_something_unknown_is_possible_only() {
        let owner = "-A OUTPUT -p tcp -m owner --uid-owner 1000 -j REDIRECT --to-ports 15001\n";
        let rules = format!("{owner}{DOCKER}");
        let possible = found(&rules, local("127.0.0.1"));
        assert_eq!((possible.certain, possible.possible), (None, vec![owner.trim().to_owned()]));
        // Behind one that may have let it pass, nothing is certain.
        let set = "-A OUTPUT -m set --match-set x dst -j ACCEPT\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n";
        let possible = found(set, local("127.0.0.1"));
        assert_eq!((possible.certain, possible.possible.len()), (None, 1));
        // A chain entered by some, and left by all: those behind it are met by all.
        let chain =
            "-A OUTPUT -m mark --mark 0x1 -j SOME\n-A SOME -j RETURN\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n";
        assert!(found(chain, local("127.0.0.1")).certain.is_some());
        // Some of them do not come back.
        let chain = chain.replace("-A SOME -j RETURN", "-A SOME -j ACCEPT");
        assert!(found(&chain, local("127.0.0.1")).certain.is_none());
    }

    #[test]
    fn a_loop_ends() {
        let chain = "-A OUTPUT -j A\n-A A -j B\n-A A -j B\n-A B -j A\n-A B -j A\n";
        assert_eq!(found(chain, local("127.0.0.1")), Redirection::default());
    }
}
