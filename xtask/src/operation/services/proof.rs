//! How far it is shown that a published port is answered by this project's container.

use serde::Serialize;

use super::answers::{Comparison, NoAnswer, ServiceEndpoint};
use super::redirects::redirects;
use crate::model::{Binding, Container, NatRules, PortMapping, PortRange, Protocol};
use crate::operation::check::project::CheckedProject;
use crate::ui;

/// Each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Proof {
    /// The engine has bound the port, and no other process listens on it.
    Bound,
    /// Something answers on every address that is bound.
    Answered,
    /// It is the container: no rule redirects the port, and on its own address the container gives
    /// the same answer.
    Owned,
}

impl Proof {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Proof::Bound => "bound",
            Proof::Answered => "answered",
            Proof::Owned => "owned",
        }
    }
}

/// A published port and what is known about it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PortProof {
    pub(crate) service: String,
    /// `8000` (every address), `127.0.0.1:5432`, `[::1]:80`, `53/udp`.
    pub(crate) address: String,
    /// Port in the container.
    pub(crate) target: u16,
    pub(crate) protocol: Protocol,
    /// `null` if nothing was checked, or if another process listens on the port.
    pub(crate) proof: Option<Proof>,
    /// What the next level needs and was not checked, or not shown.
    pub(crate) not_checked: Vec<String>,
    #[serde(skip)]
    pub(crate) published: u16,
    /// Nothing answers there, or surely something else.
    #[serde(skip)]
    pub(crate) is_down: bool,
}

/// What was seen at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nobody has to answer, so nobody was asked.
    Excluded,
    Answered(Comparison),
    Silent(NoAnswer),
}

impl Seen {
    /// This machine lacks the address family.
    fn is_irrelevant(&self) -> bool {
        *self == Seen::Silent(NoAnswer::NoAddressFamily)
    }
}

/// The published ports of these containers, none of them checked, for this reason.
pub(crate) fn unchecked(project: &CheckedProject, containers: &[Container], why: &str) -> Vec<PortProof> {
    let port = |(mapping, _): (PortMapping, Vec<&Binding>)| port_proof(&mapping, None, &[why.to_owned()]);
    published(project, containers).into_iter().map(port).collect()
}

/// `seen` belongs to `endpoints`.
pub(crate) fn port_proofs(
    project: &CheckedProject,
    containers: &[Container],
    (endpoints, seen): (&[ServiceEndpoint<'_>], &[Seen]),
    rules: &NatRules,
) -> Vec<PortProof> {
    let proof = |(mapping, bindings): (PortMapping, Vec<&Binding>)| {
        let is_of_mapping = |endpoint: &ServiceEndpoint<'_>| {
            endpoint.service == mapping.service
                && endpoint.target == mapping.target
                && bindings.iter().any(|binding| {
                    let is_wildcard = binding.host_ip.is_unspecified();
                    binding.published == endpoint.address.port()
                        && binding.host_ip.is_ipv4() == endpoint.address.is_ipv4()
                        && (is_wildcard && endpoint.is_wildcard || binding.host_ip == endpoint.address.ip())
                })
        };
        let of_mapping = endpoints.iter().zip(seen).filter(|(endpoint, _)| is_of_mapping(endpoint));
        let of_mapping: Vec<(&ServiceEndpoint<'_>, &Seen)> = of_mapping.collect();
        let is_silent = |seen: &Seen| matches!(seen, Seen::Silent(_)) && !seen.is_irrelevant();
        let is_down = of_mapping.iter().any(|(_, seen)| is_silent(seen));
        let (proof, not_checked) = judge(mapping.protocol, &of_mapping, rules);
        PortProof { is_down, ..port_proof(&mapping, Some(proof), &not_checked) }
    };
    published(project, containers).into_iter().map(proof).collect()
}

fn port_proof(mapping: &PortMapping, proof: Option<Proof>, not_checked: &[String]) -> PortProof {
    PortProof {
        service: ui::clean(&mapping.service),
        address: mapping.address(),
        target: mapping.target,
        protocol: mapping.protocol,
        proof,
        not_checked: not_checked.iter().map(|text| ui::clean(text)).collect(),
        published: mapping.published.map_or(0, |range| range.first),
        is_down: false,
    }
}

/// What the engine publishes, both address families of one mapping together.
fn published<'a>(project: &CheckedProject, containers: &'a [Container]) -> Vec<(PortMapping, Vec<&'a Binding>)> {
    let mut all: Vec<(PortMapping, Vec<&Binding>)> = Vec::new();
    for container in containers.iter().filter(|container| !container.one_off) {
        let service = container.service.as_deref().and_then(|name| project.stack.service(name));
        let Some(service) = service else { continue };
        for binding in container.held() {
            let mapping = PortMapping {
                service: service.name.clone(),
                host_ip: Some(binding.host_ip).filter(|ip| !ip.is_unspecified()),
                published: PortRange::new(binding.published, binding.published),
                target: binding.target,
                protocol: binding.protocol,
            };
            match all.iter_mut().find(|(known, _)| *known == mapping) {
                Some((_, bindings)) => bindings.push(binding),
                None => all.push((mapping, vec![binding])),
            }
        }
    }
    for (mapping, bindings) in &mut all {
        if let ([binding], None) = (bindings.as_slice(), mapping.host_ip) {
            // Every address of one family.
            mapping.host_ip = Some(binding.host_ip);
        }
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

fn judge(protocol: Protocol, seen: &[(&ServiceEndpoint<'_>, &Seen)], rules: &NatRules) -> (Proof, Vec<String>) {
    if protocol != Protocol::Tcp {
        return (Proof::Bound, vec![format!("whether something answers: {protocol} has no common first message")]);
    }
    let seen = || seen.iter().filter(|(_, seen)| !seen.is_irrelevant());
    let silence = |(endpoint, seen): &(&ServiceEndpoint<'_>, &Seen)| match seen {
        Seen::Excluded => Some("whether something answers: [wait] in xtask.toml excludes this port".to_owned()),
        Seen::Silent(why) => Some(format!("nothing answers yet at {}: {why}", endpoint.address)),
        Seen::Answered(_) => None,
    };
    let silences = distinct(seen().filter_map(silence));
    if !silences.is_empty() || seen().next().is_none() {
        return (Proof::Bound, silences);
    }
    let doubts = distinct(seen().flat_map(|(endpoint, seen)| doubts(endpoint, seen, rules)));
    (if doubts.is_empty() { Proof::Owned } else { Proof::Answered }, doubts)
}

/// Why an answer may not be the container's.
fn doubts(endpoint: &ServiceEndpoint<'_>, seen: &Seen, rules: &NatRules) -> Vec<String> {
    let mut doubts = Vec::new();
    match seen {
        Seen::Answered(Comparison::Different) => {
            doubts.push("the container gives another answer on its own address".to_owned());
        }
        Seen::Answered(Comparison::Refused) => {
            doubts.push(format!("the container itself refuses connections on port {}", endpoint.target));
        }
        Seen::Answered(Comparison::Unknown) => {
            doubts.push("the container's own answer: its address cannot be reached from here".to_owned());
        }
        Seen::Answered(Comparison::Same) | Seen::Silent(_) | Seen::Excluded => {}
    }
    match redirects(endpoint, rules) {
        Err(why) => doubts.push(why),
        Ok(found) => {
            let redirects = |rule: &String| format!("`{rule}` redirects connections");
            doubts.extend(found.local.certain.iter().chain(&found.remote.certain).map(redirects));
            let may_redirect = |rule: &String| format!("whether `{rule}` redirects connections");
            doubts.extend(found.local.possible.iter().chain(&found.remote.possible).map(may_redirect));
            doubts.extend(rules.unread.clone());
        }
    }
    doubts
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Demand;
    use crate::model::{Attachment, NatTable};
    use crate::operation::services::urls::ServiceProtocol;
    use crate::parse::iptables_save;

    fn container() -> Container {
        let address = Some("172.18.0.2".parse().unwrap());
        Container { networks: vec![Attachment { address, ..Attachment::default() }], ..Container::default() }
    }

    fn endpoint<'a>(container: &'a Container, address: &str) -> ServiceEndpoint<'a> {
        ServiceEndpoint {
            service: "web",
            container,
            address: address.parse().unwrap(),
            target: 8080,
            protocol: ServiceProtocol::Http,
            is_wildcard: true,
            demand: Demand::Default,
            direct: Vec::new(),
        }
    }

    fn rules(v4: &str) -> NatRules {
        let table = iptables_save::nat(format!("*nat\n{v4}").as_bytes()).unwrap();
        NatRules { v4: Ok(vec![table]), v6: Ok(vec![NatTable::default()]), unread: None }
    }

    #[test]
    fn a_level_needs_every_address() {
        let container = container();
        let (v4, v6) = (endpoint(&container, "127.0.0.1:8000"), endpoint(&container, "[::1]:8000"));
        let same = Seen::Answered(Comparison::Same);
        let judge = |first: &Seen, second: &Seen| judge(Protocol::Tcp, &[(&v4, first), (&v6, second)], &rules(""));
        assert_eq!(judge(&same, &same), (Proof::Owned, vec![]));
        let (proof, notes) = judge(&same, &Seen::Silent(NoAnswer::Refused));
        assert_eq!(
            (proof, notes),
            (Proof::Bound, vec!["nothing answers yet at [::1]:8000: connection refused".into()])
        );
        // A machine without IPv6.
        assert_eq!(judge(&same, &Seen::Silent(NoAnswer::NoAddressFamily)).0, Proof::Owned);
        for comparison in [Comparison::Different, Comparison::Refused, Comparison::Unknown] {
            let (proof, notes) = judge(&same, &Seen::Answered(comparison));
            assert_eq!((proof, notes.len()), (Proof::Answered, 1), "{notes:?}");
        }
        assert_eq!(judge(&Seen::Excluded, &Seen::Excluded).0, Proof::Bound);
    }

    #[test]
    fn rules_that_could_not_be_read_leave_it_answered() {
        let container = container();
        let endpoint = endpoint(&container, "127.0.0.1:8000");
        let same = Seen::Answered(Comparison::Same);
        let judge = |rules: &NatRules| judge(Protocol::Tcp, &[(&endpoint, &same)], rules);
        let (proof, notes) = judge(&NatRules::unreadable("only root"));
        assert_eq!((proof, notes), (Proof::Answered, vec!["only root".to_owned()]));
        let unread = NatRules { unread: Some("inet x".into()), ..rules("") };
        assert_eq!(judge(&unread), (Proof::Answered, vec!["inet x".to_owned()]));
        let owner = "-A OUTPUT -p tcp -m owner --uid-owner 7 -j REDIRECT --to-ports 1\n";
        assert_eq!(judge(&rules(owner)).0, Proof::Answered);
        let other = "-A OUTPUT -p tcp -m tcp --dport 8001 -j REDIRECT --to-ports 1\n";
        assert_eq!(judge(&rules(other)).0, Proof::Owned);
    }

    #[test]
    fn udp_is_bound_at_most() {
        assert_eq!(judge(Protocol::Udp, &[], &rules("")).0, Proof::Bound);
    }
}
