//! The proof from inside a container: its engine publishes ports on the machine that
//! hosts the container, which is reached via the container's gateway. Ports published
//! on that machine's loopback cannot be reached from here.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::answers::{NoAnswer, ServiceEndpoint, service_endpoints, wait_for_answer};
use crate::decide::Demand;
use crate::exec::InterruptGuard;
use crate::model::Container;
use crate::operation::check::project::CheckedProject;
use crate::{host, ui};

/// Short: every healthcheck has passed, so a port that doesn't answer here may be
/// behind a firewall.
const LIMIT: Duration = Duration::from_secs(3);

/// Checks the ports that can be reached, and prints the ones that could not be
/// checked. A port that doesn't answer is no failure here.
pub(crate) fn prove(project: &CheckedProject, containers: &[Container], interrupt: &InterruptGuard) {
    let gateway = host::gateway().map(IpAddr::V4);
    let all = service_endpoints(project, containers);
    let is_silent = |result: Result<_, NoAnswer>| result.is_err_and(|why| why != NoAnswer::NoAddressFamily);
    let wanted = || all.iter().filter(|endpoint| endpoint.demand != Demand::Excluded);
    let reachable: Vec<ServiceEndpoint<'_>> = wanted().filter_map(|endpoint| via_gateway(endpoint, gateway)).collect();
    let deadline = Instant::now() + LIMIT;
    let stop = AtomicBool::new(false);
    let silent: Vec<SocketAddr> = std::thread::scope(|scope| {
        let probes: Vec<_> = reachable
            .iter()
            .map(|endpoint| scope.spawn(|| is_silent(wait_for_answer(endpoint, deadline, interrupt, &stop))))
            .collect();
        let silent = probes.into_iter().zip(&reachable);
        silent.filter_map(|(probe, endpoint)| probe.join().unwrap_or(true).then_some(endpoint.address)).collect()
    });
    let is_proved = |service: &str, port: u16| {
        reachable.iter().any(|endpoint| {
            endpoint.service == service && endpoint.address.port() == port && !silent.contains(&endpoint.address)
        })
    };
    let mut unchecked: Vec<String> = Vec::new();
    for endpoint in wanted().filter(|endpoint| !is_proved(endpoint.service, endpoint.address.port())) {
        let text = format!("{} {}", ui::clean(endpoint.service), endpoint.address.port());
        if !unchecked.contains(&text) {
            unchecked.push(text);
        }
    }
    if !unchecked.is_empty() {
        ui::note(&format!(
            "note: not checked from inside this container: {}; try them on the machine around it",
            unchecked.join(", ")
        ));
    }
}

/// The endpoint's address at the gateway, which has the ports that are published on
/// all addresses.
fn via_gateway<'a>(endpoint: &ServiceEndpoint<'a>, gateway: Option<IpAddr>) -> Option<ServiceEndpoint<'a>> {
    let gateway = gateway?;
    let is_reachable = endpoint.is_wildcard && endpoint.address.is_ipv4() == gateway.is_ipv4();
    is_reachable.then(|| ServiceEndpoint {
        address: SocketAddr::new(gateway, endpoint.address.port()),
        direct: Vec::new(),
        ..endpoint.clone()
    })
}
