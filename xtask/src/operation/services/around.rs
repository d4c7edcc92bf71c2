//! The proof from within a container: its engine publishes ports on the machine
//! around it, which is reached over the container's gateway. What is published on
//! loopback there is reached by nobody here.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::knock::{Door, doors, knock};
use crate::exec::InterruptGuard;
use crate::model::Container;
use crate::operation::check::survey::Survey;
use crate::{host, ui};

/// Every service is well by its own healthcheck: a port that does not answer here
/// may be behind a firewall.
const LIMIT: Duration = Duration::from_secs(3);

/// Knocks at what can be reached, and says what could not be checked. No port that
/// is silent from here is a failure.
pub(crate) fn prove(survey: &Survey, containers: &[Container], interrupt: &InterruptGuard) {
    let gateway = host::gateway().map(IpAddr::V4);
    let all = doors(survey, containers);
    let reachable: Vec<Door<'_>> = all.iter().filter_map(|door| through(door, gateway)).collect();
    let deadline = Instant::now() + LIMIT;
    let stop = AtomicBool::new(false);
    let silent: Vec<SocketAddr> = std::thread::scope(|scope| {
        let knocks: Vec<_> =
            reachable.iter().map(|door| scope.spawn(|| knock(door, deadline, interrupt, &stop).is_err())).collect();
        let silent = knocks.into_iter().zip(&reachable);
        silent.filter_map(|(knock, door)| knock.join().unwrap_or(true).then_some(door.address)).collect()
    });
    let is_proved = |service: &str, port: u16| {
        reachable
            .iter()
            .any(|door| door.service == service && door.address.port() == port && !silent.contains(&door.address))
    };
    let mut unchecked: Vec<String> = Vec::new();
    for door in all.iter().filter(|door| !is_proved(door.service, door.address.port())) {
        let text = format!("{} {}", ui::clean(door.service), door.address.port());
        if !unchecked.contains(&text) {
            unchecked.push(text);
        }
    }
    if !unchecked.is_empty() {
        ui::note(&format!(
            "note: not checked from within this container: {}; open them on the machine around it",
            unchecked.join(", ")
        ));
    }
}

/// The way to a port of the machine around: what is published on all addresses is
/// at the gateway too. Loopback is that machine's own.
fn through<'a>(door: &Door<'a>, gateway: Option<IpAddr>) -> Option<Door<'a>> {
    let gateway = gateway?;
    let is_of_all = door.is_of_all && door.address.is_ipv4() == gateway.is_ipv4();
    is_of_all.then(|| Door { address: SocketAddr::new(gateway, door.address.port()), ..*door })
}
