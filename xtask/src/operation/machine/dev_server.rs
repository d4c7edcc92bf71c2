//! A port of its own for a dev server outside containers.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use crate::context::Context;
use crate::decide::Identity;
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::model::{Container, Lease, Leases, Owner, PortRange, Process, Protocol, Stack, Starter};
use crate::ports::{DevServer, PortFacts, describe};
use crate::project::folder::{Home, home};
use crate::project::{self, leases as keep};
use crate::stack::Settings;
use crate::{host, ui};

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    /// What the server is called: the same name gets the same port.
    pub name: &'a str,
    /// This very port.
    pub port: Option<u16>,
    /// The address it is to listen on; `None` = nobody said.
    pub host: Option<&'a str>,
}

/// Where nobody said otherwise.
pub(crate) const HOST: &str = "127.0.0.1";

/// Chooses the server's port and keeps it: under the lock, so that no two get
/// the same. From then on this process is taken for the server.
pub(crate) fn take(ctx: &Context, request: &Request<'_>) -> Result<u16> {
    let home = home(ctx)?;
    let settings = Settings::read(&home.dir)?;
    let containers = containers(ctx);
    let mut ledger = if ctx.dry_run { None } else { keep::open_here(ctx, &containers) };
    let peeked = ctx.state_dir().map(|state| Ledger::peek(&state)).unwrap_or_default();
    let leases = ledger.as_ref().map_or(&peeked, |ledger| &ledger.leases);

    let project = home.tenant_name(leases);
    let before = servers(leases, &home.dir).find(|lease| lease.service == request.name);
    if let Some((pid, port)) = before.and_then(|lease| running(lease).zip(Some(lease.published))) {
        return Err(runs(ctx, request, port, &Owner::Process(pid)));
    }
    let used = used(&home, leases, request.name);
    let mut server = DevServer {
        facts: PortFacts::new(Identity { name: &project, dir: &home.dir }, &containers, None).with_leases(leases),
        host_ip: request.host.and_then(|host| host.parse().ok()).filter(|ip: &IpAddr| !ip.is_unspecified()),
        port_range: settings.port_range,
        used: &used,
    };
    let mut block = leases.tenant(&project, &home.dir).and_then(|tenant| tenant.range);
    let asked = match request.port {
        Some(port) => Some(asked_for(ctx, &mut server, port)?),
        None => same_again(ctx, &mut server, request, before)?,
    };
    let port = if let Some(port) = asked {
        port
    } else {
        block = block.or_else(|| if server.port_range.is_none() { server.free_block() } else { None });
        server.choose(ctx, block).ok_or_else(|| nothing_free(settings.port_range))?
    };
    if let Some(ledger) = &mut ledger {
        if request.port.is_some() {
            keep::take_over(ctx, &mut ledger.leases, (port, Protocol::Tcp), (&project, &home.dir));
        }
        write(&mut ledger.leases, &project, &home.dir, request.name, port);
        let tenant = ledger.leases.tenant_mut(&project, &home.dir);
        tenant.range = tenant.range.or(block);
    }
    ledger.into_iter().for_each(keep::close);
    Ok(port)
}

/// What the engine publishes on this machine. The probe knows it too, so it
/// doesn't matter if the engine doesn't answer.
fn containers(ctx: &Context) -> Vec<Container> {
    if ctx.engine.endpoint().is_remote() {
        return Vec::new();
    }
    let asked = project::containers(ctx);
    asked.inspect_err(|trouble| ui::detail(&ctx.engine_error(trouble).to_string())).unwrap_or_default()
}

/// Leases of the dev servers of a folder, whatever its project is called now.
fn servers<'a>(leases: &'a Leases, dir: &'a Path) -> impl Iterator<Item = &'a Lease> {
    let here = leases.tenants.iter().filter(move |tenant| tenant.dir == dir);
    here.flat_map(|tenant| &tenant.leases).filter(|lease| lease.is_dev_server())
}

/// The server's process, where it lives.
fn running(lease: &Lease) -> Option<Process> {
    let Starter { pid, .. } = lease.runner.filter(|runner| keep::lives(*runner))?;
    host::processes(&[pid]).pop()
}

/// What the project wants in its compose files, and keeps for all but `name`.
fn used(home: &Home, leases: &Leases, name: &str) -> BTreeSet<u16> {
    let wanted = home.stack.iter().flat_map(Stack::ports).filter_map(|wanted| wanted.mapping.published);
    let here = leases.tenants.iter().filter(|tenant| tenant.dir == home.dir);
    let others =
        here.flat_map(|tenant| &tenant.leases).filter(|lease| !(lease.is_dev_server() && lease.service == name));
    wanted.flat_map(PortRange::iter).chain(others.map(|lease| lease.published)).collect()
}

/// A person who asks for a port by name gets it, as long as nobody is on it.
fn asked_for(ctx: &Context, server: &mut DevServer<'_>, port: u16) -> Result<u16> {
    let mut others = server.facts.other_tenants().filter(|tenant| tenant.has_lease(port, Protocol::Tcp));
    if let Some(other) = others.find(|tenant| keep::is_starting(tenant, port, Protocol::Tcp)) {
        let why = keep::being_started(ctx, other);
        return Err(Error::new(format!("port {port} is not to be had: {why}")).finding());
    }
    if server.is_free(port) {
        return Ok(port);
    }
    let who = server.owner(port).map_or_else(|| "somebody".to_owned(), |owner| describe(ctx, &owner));
    Err(Error::new(format!("port {port} is taken by {who}"))
        .hint(format!("`cargo xtask kill {port}` stops whoever it is, after asking"))
        .hint("without --port a free one is chosen")
        .finding())
}

/// The port that it had before. `None` where it had none, or where a stranger is
/// on it; an error where it runs already.
fn same_again(
    ctx: &Context,
    server: &mut DevServer<'_>,
    request: &Request<'_>,
    before: Option<&Lease>,
) -> Result<Option<u16>> {
    let Some(port) = before.map(|lease| lease.published).filter(|port| !server.used.contains(port)) else {
        return Ok(None);
    };
    if server.is_free(port) {
        return Ok(Some(port));
    }
    let owner = server.owner(port);
    if let Some(Owner::Process(process)) = &owner
        && host::process_context(process).cwd.is_some_and(|cwd| cwd.starts_with(server.facts.project.dir))
    {
        return Err(runs(ctx, request, port, &Owner::Process(process.clone())));
    }
    let who = owner.map_or_else(|| "somebody".to_owned(), |owner| describe(ctx, &owner));
    ui::note(&format!(
        "note: port {port}, which is kept for {}, is taken by {who}: another one",
        ui::clean(request.name)
    ));
    Ok(None)
}

fn runs(ctx: &Context, request: &Request<'_>, port: u16, owner: &Owner) -> Error {
    let name = ui::clean(request.name);
    Error::new(format!("{name} runs already, on port {port}: {}", describe(ctx, owner)))
        .hint(format!("stop it: `cargo xtask kill {port}`"))
        .hint("or give this one a name of its own: --as NAME")
        .finding()
}

fn nothing_free(rule: Option<PortRange>) -> Error {
    match rule {
        Some(range) => Error::new(format!("no free port in port_range {range}"))
            .hint("make it wider in xtask.toml; `cargo xtask ranges` shows what is kept there"),
        None => Error::new("no free port").hint("`cargo xtask ls` shows what is kept, `cargo xtask release` ends it"),
    }
    .finding()
}

/// The lease, and those of the folder's other servers, under one name: the
/// checkout may have got a project name since they began.
fn write(leases: &mut Leases, project: &str, dir: &Path, name: &str, port: u16) {
    let mut servers = Vec::new();
    for tenant in leases.tenants.iter_mut().filter(|tenant| tenant.dir == dir) {
        servers.extend(tenant.leases.extract_if(.., |lease| lease.is_dev_server()));
    }
    let since = servers.iter().find(|lease| lease.service == name && lease.published == port);
    let mut lease = keep::lease(name, 0, Protocol::Tcp, port);
    if let Some(before) = since {
        lease.since.clone_from(&before.since);
    }
    lease.runner = keep::starter();
    // Another server that does not run had the port that was asked for by name.
    servers.retain(|other| other.service != name && other.published != port);
    servers.push(lease);
    leases.tenants.retain(|tenant| tenant.dir != dir || tenant.project == project || !tenant.leases.is_empty());
    leases.tenant_mut(project, dir).leases.extend(servers);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_follow_the_project_s_name() {
        let dir = Path::new("/src/login");
        let mut leases = Leases::default();
        write(&mut leases, "login", dir, "vite", 8010);
        write(&mut leases, "login", dir, "docs", 8011);
        leases.tenant_mut("performia-login", dir).leases.push(keep::lease("web", 80, Protocol::Tcp, 8012));
        write(&mut leases, "performia-login", dir, "vite", 8010);
        assert_eq!(leases.tenants.len(), 1, "{leases:?}");
        let kept: Vec<(&str, u16)> =
            leases.tenants[0].leases.iter().map(|lease| (lease.service.as_str(), lease.published)).collect();
        assert_eq!(kept, [("web", 8012), ("docs", 8011), ("vite", 8010)]);
    }
}
