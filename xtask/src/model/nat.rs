//! Rules that change where a connection leads before any socket sees it.

use std::net::IpAddr;

use super::PortRange;

/// The nat table of one address family as one program keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NatTable {
    /// In the order of the table; a chain's rules are evaluated in this order.
    pub rules: Vec<NatRule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatRule {
    pub chain: String,
    /// As the tool prints it: `-A OUTPUT -p tcp -j REDIRECT --to-ports 80`.
    pub text: String,
    /// All of them have to hold.
    pub tests: Vec<NatTest>,
    pub action: NatAction,
}

/// A condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatTest {
    pub negated: bool,
    pub kind: NatMatch,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NatMatch {
    /// `tcp`, `udp`, `6`; `all` is left out.
    Protocol(String),
    Source(IpRange),
    Destination(IpRange),
    /// Name of the interface; `+` at its end stands for any rest.
    InInterface(String),
    OutInterface(String),
    DestinationPorts(Vec<PortRange>),
    /// The destination is an address of this machine.
    DestinationIsLocal,
    SourceIsLocal,
    /// Depends on something that is not known here (a user, a mark, a set).
    Unknown,
}

/// Addresses that agree with `ip` in the bits of `mask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRange {
    pub ip: IpAddr,
    pub mask: IpAddr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NatAction {
    /// To this machine; `None` keeps the port.
    Redirect(Option<PortRange>),
    /// To another address; `None` if it is a range of addresses. Without a port, the
    /// port is kept.
    Dnat(Option<IpAddr>, Option<PortRange>),
    /// Like a function call.
    Jump(String),
    /// A jump after which the calling chain is not continued.
    Goto(String),
    Return,
    Accept,
    /// Changes no destination, and the next rule follows.
    Continue,
}

impl IpRange {
    pub fn contains(self, ip: IpAddr) -> bool {
        match (self.ip, self.mask, ip) {
            (IpAddr::V4(net), IpAddr::V4(mask), IpAddr::V4(ip)) => (ip.to_bits() ^ net.to_bits()) & mask.to_bits() == 0,
            (IpAddr::V6(net), IpAddr::V6(mask), IpAddr::V6(ip)) => (ip.to_bits() ^ net.to_bits()) & mask.to_bits() == 0,
            _ => false,
        }
    }
}

/// The rules of this machine that change where connections lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatRules {
    /// One table per program that keeps rules, or why none can be read.
    pub v4: Result<Vec<NatTable>, String>,
    pub v6: Result<Vec<NatTable>, String>,
    /// What may exist beside them and was not read.
    pub unread: Option<String>,
}

impl NatRules {
    pub fn of_family(&self, ip: IpAddr) -> &Result<Vec<NatTable>, String> {
        if ip.is_ipv4() { &self.v4 } else { &self.v6 }
    }

    pub fn unreadable(why: &str) -> NatRules {
        NatRules { v4: Err(why.to_owned()), v6: Err(why.to_owned()), unread: None }
    }
}
