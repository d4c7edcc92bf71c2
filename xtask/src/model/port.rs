//! A port mapping as a compose file states it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Transport protocol of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Compose's default.
    Tcp,
    /// `53:53/udp`.
    Udp,
    /// Never probed, only compared with the engine's bindings.
    Sctp,
}

impl Protocol {
    /// The word Compose and the engine use.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Protocol {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word.to_ascii_lowercase().as_str() {
            "tcp" | "" => Ok(Protocol::Tcp),
            "udp" => Ok(Protocol::Udp),
            "sctp" => Ok(Protocol::Sctp),
            _ => Err(()),
        }
    }
}

/// Ports from `first` to `last`, both included, within 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    /// Lowest port.
    pub first: u16,
    /// Highest port, at least `first`.
    pub last: u16,
}

impl PortRange {
    pub fn one(port: u16) -> Self {
        PortRange { first: port, last: port }
    }

    /// `None` if the range is empty or contains port 0.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first > 0 && first <= last).then_some(PortRange { first, last })
    }

    /// Whether the range is a single port.
    pub fn is_one(self) -> bool {
        self.first == self.last
    }

    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    pub fn intersection(self, other: PortRange) -> Option<PortRange> {
        PortRange::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// Every port, lowest first.
    pub fn iter(self) -> impl Iterator<Item = u16> {
        self.first..=self.last
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_one() { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

/// `8000` or `8000-8009`.
impl FromStr for PortRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |word: &str| word.trim().parse::<u16>().ok();
        let range = number(first).zip(number(last)).and_then(|(first, last)| PortRange::new(first, last));
        range.ok_or("not a port (1 to 65535), nor a range such as 8000-8009")
    }
}

impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One entry of a service's `ports:`, after interpolation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortMapping {
    /// Service the entry belongs to.
    pub service: String,
    /// Address to bind; `None` = every address of the host, IPv4 and IPv6.
    pub host_ip: Option<IpAddr>,
    /// Port on the host. `None` (or 0 in the file) = the engine picks one; a range =
    /// the engine picks one of it.
    pub published: Option<PortRange>,
    /// Port in the container.
    pub target: u16,
    pub protocol: Protocol,
}

impl PortMapping {
    /// One port, without a service.
    pub fn single(host_ip: Option<IpAddr>, port: u16, protocol: Protocol) -> Self {
        PortMapping { service: String::new(), host_ip, published: Some(PortRange::one(port)), target: port, protocol }
    }

    /// As people write it: `8000`, `127.0.0.1:5432`, `[::1]:80`, `53/udp`.
    pub fn address(&self) -> String {
        let port = self.published.map_or_else(|| "random".to_owned(), |range| range.to_string());
        let suffix = if self.protocol == Protocol::Tcp { String::new() } else { format!("/{}", self.protocol) };
        match self.host_ip {
            None => format!("{port}{suffix}"),
            Some(IpAddr::V4(ip)) => format!("{ip}:{port}{suffix}"),
            Some(IpAddr::V6(ip)) => format!("[{ip}]:{port}{suffix}"),
        }
    }
}
