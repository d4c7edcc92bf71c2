//! Certificates for the hosts that the proxy serves.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::ask::presented_certificate;
use super::instance::Instance;
use super::names::files_with_names;
use crate::certs::Change;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::labels::{self, DASHBOARD, DOMAIN, Ports, hosts, routers};
use crate::model::{ComposeOptions, Container};
use crate::{disk, stack};

/// Issues a certificate for these hosts of a project if there is none, and has the proxy
/// load it. The proxy may be running.
pub fn certify(ctx: &Context, project: &str, hosts: &[String]) -> Result<Change> {
    let instance = Instance::resolve(ctx)?;
    let change = instance.certs().ensure(project, hosts, SystemTime::now())?;
    if change != Change::None {
        write_dynamic(&instance)?;
    }
    Ok(change)
}

/// Issues what is missing for the proxy itself, for all projects on its networks, and for
/// the project in the current folder, if there is one.
pub(super) fn certify_all(ctx: &Context, instance: &Instance, containers: &[Container]) -> Result<Change> {
    let guests = instance.guests(containers).into_iter().filter(|guest| guest.state.holds_ports());
    let running = guests.map(|guest| {
        let project = guest.project.clone().unwrap_or_else(|| guest.name.clone());
        (project, tls_hosts(&guest.traefik))
    });
    let wanted = hosts_by_project(&instance.project, running, current_project(ctx));
    let now = SystemTime::now();
    let mut change = Change::None;
    for (project, hosts) in wanted.iter().filter(|(_, hosts)| !hosts.is_empty()) {
        match instance.certs().ensure(project, hosts, now)? {
            Change::None => {}
            // A new CA outweighs whatever comes after it.
            new => change = if change.is_authority() { change } else { new },
        }
    }
    write_dynamic(instance)?;
    Ok(change)
}

/// The labels of running containers win over the current folder's files, which do not
/// tell the names that the checkout was started with.
fn hosts_by_project(
    proxy: &str,
    running: impl Iterator<Item = (String, Vec<String>)>,
    current: Option<(String, Vec<String>)>,
) -> BTreeMap<String, Vec<String>> {
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    wanted.insert(proxy.to_owned(), vec![DASHBOARD.to_owned()]);
    for (project, hosts) in running {
        wanted.entry(project).or_default().extend(hosts);
    }
    if let Some((project, hosts)) = current {
        let known = wanted.entry(project).or_default();
        if known.is_empty() {
            *known = hosts;
        }
    }
    wanted
}

/// Hosts of routers with TLS. The CA may sign for `*.localhost` only.
pub(super) fn tls_hosts(labels: &BTreeMap<String, String>) -> Vec<String> {
    let hosts = routers(labels).into_iter().filter(|router| router.tls).flat_map(|router| hosts(&router.rule));
    hosts.filter(|host| labels::is_host(host) && host.ends_with(&format!(".{DOMAIN}"))).collect()
}

/// The project in the current folder and its hosts, if it has labels. Read by our own
/// reader, which takes a millisecond.
fn current_project(ctx: &Context) -> Option<(String, Vec<String>)> {
    let env = |name: &str| ctx.var(name);
    let located = stack::locate(&ctx.options, &ctx.dir, &env).ok()?;
    let files = files_with_names(located.files, &located.dir);
    let options = ComposeOptions { files, ..ctx.options.clone() };
    let stack = stack::read(&options, &ctx.dir, &env).ok()?;
    let hosts: Vec<String> = stack.services.iter().flat_map(|service| tls_hosts(&service.labels)).collect();
    (!hosts.is_empty()).then_some((stack.name, hosts))
}

/// Whether the running proxy presents the certificate for `host` that is on disk. It keeps
/// presenting the old one for a moment after a change (Traefik's file provider waits for
/// more changes).
pub(super) fn presents_current_certificate(instance: &Instance, host: &str, ports: Ports) -> bool {
    let own = instance.certs().for_host(host);
    own.is_empty() || presented_certificate(host, ports).is_ok_and(|shown| own.contains(&shown))
}

pub(super) fn stale_certificate(instance: &Instance, host: &str) -> Error {
    Error::new(format!(
        "the proxy presents an old certificate for {host}: clients of https and databases would refuse it"
    ))
    .hint(format!("do containers see changes of files on this machine? `{}`", instance.command(["restart"]).line()))
    .finding()
}

/// Writes the configuration that the proxy watches, even if its text is unchanged: a
/// certificate may have changed, and the write makes the proxy reload it.
pub(super) fn write_dynamic(instance: &Instance) -> Result<()> {
    let mut names: Vec<String> = instance.certs().list().into_iter().map(|issued| issued.name).collect();
    // The first one is presented for unknown names.
    names.sort_by_key(|name| *name != instance.project);
    disk::private_folder(&instance.dynamic())?;
    disk::write_atomic(&instance.dynamic().join("xtask.yml"), labels::dynamic(&names).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_checkout_was_started_by_are_not_replaced() {
        let hosts = |host: &str| vec![host.to_owned()];
        let running = [("shop-login".to_owned(), hosts("login.shop.localhost"))];
        let current = |project: &str| Some((project.to_owned(), hosts("shop.localhost")));
        let found = hosts_by_project("xtask-proxy", running.clone().into_iter(), current("shop-login"));
        assert_eq!(found["shop-login"], ["login.shop.localhost"]);
        let found = hosts_by_project("xtask-proxy", running.into_iter(), current("shop"));
        assert_eq!(found["shop"], ["shop.localhost"]);
        assert_eq!(found["xtask-proxy"], [DASHBOARD]);
    }
}
