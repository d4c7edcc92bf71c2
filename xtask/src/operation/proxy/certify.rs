//! Certificates for what the proxy serves.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use super::ask::shown;
use super::home::Home;
use super::names::files_with_names;
use crate::certs::Change;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::labels::{self, DASHBOARD, DOMAIN, Ports, hosts, routers};
use crate::model::{ComposeOptions, Container};
use crate::{disk, stack};

/// Makes sure that the proxy has a certificate for these hosts of a project,
/// and shows it. For whoever starts a project by names; the proxy may run.
pub fn certify(ctx: &Context, project: &str, hosts: &[String]) -> Result<Change> {
    let home = Home::of(ctx)?;
    let change = home.certs().ensure(project, hosts, SystemTime::now())?;
    if change != Change::None {
        write_dynamic(&home)?;
    }
    Ok(change)
}

/// The certificates of the proxy itself, of all projects on its network, and of
/// the project of the current folder, if there is one.
pub(super) fn certify_all(ctx: &Context, home: &Home, containers: &[Container]) -> Result<Change> {
    let guests = home.guests(containers).into_iter().filter(|guest| guest.state.holds_ports());
    let running = guests.map(|guest| {
        let project = guest.project.clone().unwrap_or_else(|| guest.name.clone());
        (project, in_tls(&guest.traefik))
    });
    let wanted = wanted(&home.project, running, current(ctx));
    let now = SystemTime::now();
    let mut change = Change::None;
    for (project, hosts) in wanted.iter().filter(|(_, hosts)| !hosts.is_empty()) {
        match home.certs().ensure(project, hosts, now)? {
            Change::None => {}
            // A new CA stays one, whatever comes after it.
            new => change = if change.is_authority() { change } else { new },
        }
    }
    write_dynamic(home)?;
    Ok(change)
}

/// Hosts by project. What runs says its names itself: the files alone do not say
/// which names a checkout was started by.
fn wanted(
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

/// Hosts of routers that end TLS. The CA may speak for `*.localhost` only.
pub(super) fn in_tls(labels: &BTreeMap<String, String>) -> Vec<String> {
    let hosts = routers(labels).into_iter().filter(|router| router.tls).flat_map(|router| hosts(&router.rule));
    hosts.filter(|host| labels::is_host(host) && host.ends_with(&format!(".{DOMAIN}"))).collect()
}

/// The current folder's project, where it has labels. Our own reader is enough,
/// and takes a millisecond.
fn current(ctx: &Context) -> Option<(String, Vec<String>)> {
    let env = |name: &str| ctx.var(name);
    let located = stack::locate(&ctx.options, &ctx.dir, &env).ok()?;
    let files = files_with_names(located.files, &located.dir);
    let options = ComposeOptions { files, ..ctx.options.clone() };
    let stack = stack::read(&options, &ctx.dir, &env).ok()?;
    let hosts: Vec<String> = stack.services.iter().flat_map(|service| in_tls(&service.labels)).collect();
    (!hosts.is_empty()).then_some((stack.name, hosts))
}

/// Whether the running proxy shows the certificate for `host` that lies in its
/// folder. It sees a new one a moment after it was written (Traefik's file
/// provider waits for more changes), and shows the old one until then.
pub(super) fn is_shown(home: &Home, host: &str, ports: Ports) -> bool {
    let own = home.certs().for_host(host);
    own.is_empty() || shown(host, ports).is_ok_and(|shown| own.contains(&shown))
}

/// The error that says so.
pub(super) fn not_shown(home: &Home, host: &str) -> Error {
    Error::new(format!("the proxy shows an old certificate for {host}: https and databases would be refused"))
        .hint(format!("is the change of a file here seen in a container? `{}`", home.command(["restart"]).line()))
        .finding()
}

/// Writes the configuration that the proxy watches. Also where nothing in it
/// changes: a certificate may have, and the proxy looks again when it is
/// written.
pub(super) fn write_dynamic(home: &Home) -> Result<()> {
    let mut names: Vec<String> = home.certs().list().into_iter().map(|issued| issued.name).collect();
    // The first one is shown to whoever asks for an unknown name.
    names.sort_by_key(|name| *name != home.project);
    make(&home.dynamic())?;
    disk::write_atomic(&home.dynamic().join("xtask.yml"), labels::dynamic(&names).as_bytes())
}

pub(super) fn make(folder: &Path) -> Result<()> {
    disk::private_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_checkout_was_started_by_are_not_replaced() {
        let hosts = |host: &str| vec![host.to_owned()];
        let running = [("shop-login".to_owned(), hosts("login.shop.localhost"))];
        let current = |project: &str| Some((project.to_owned(), hosts("shop.localhost")));
        let found = wanted("xtask-proxy", running.clone().into_iter(), current("shop-login"));
        assert_eq!(found["shop-login"], ["login.shop.localhost"]);
        let found = wanted("xtask-proxy", running.into_iter(), current("shop"));
        assert_eq!(found["shop"], ["shop.localhost"]);
        assert_eq!(found["xtask-proxy"], [DASHBOARD]);
    }
}
