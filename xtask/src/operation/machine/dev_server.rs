//! Chooses and keeps the port of a dev server outside containers.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use crate::context::Context;
use crate::decide::Identity;
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::model::{Container, Lease, Leases, Owner, PortRange, Process, Protocol, Stack, Starter};
use crate::ports::{DevServer, PortFacts, describe};
use crate::project::folder::{ProjectFolder, project_folder};
use crate::project::{self, leases};
use crate::stack::Settings;
use crate::{host, ui};

#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    /// Name of the server: the same name gets the same port.
    pub name: &'a str,
    /// Exactly this port.
    pub port: Option<u16>,
    /// The address to listen on, if given.
    pub host: Option<&'a str>,
}

/// The default address.
pub(crate) const HOST: &str = "127.0.0.1";

/// Chooses the server's port and writes the lease under the ledger's lock, so that no two
/// servers get the same port. The lease names this process as the server.
pub(crate) fn reserve_port(ctx: &Context, request: &Request<'_>) -> Result<u16> {
    let folder = project_folder(ctx)?;
    let settings = Settings::read(&folder.dir)?;
    let containers = containers(ctx);
    let mut ledger = if ctx.dry_run { None } else { leases::open_local(ctx, &containers) };
    let peeked = ctx.state_dir().map(|state| Ledger::peek(&state)).unwrap_or_default();
    let leases = ledger.as_ref().map_or(&peeked, |ledger| &ledger.leases);

    let project = folder.tenant_name(leases);
    let before = servers(leases, &folder.dir).find(|lease| lease.service == request.name);
    if let Some((pid, port)) = before.and_then(|lease| running_server(lease).zip(Some(lease.published))) {
        return Err(already_running(ctx, request, port, &Owner::Process(pid)));
    }
    let used = used_ports(&folder, leases, request.name);
    let mut server = DevServer {
        facts: PortFacts::new(Identity { name: &project, dir: &folder.dir }, &containers, None)
            .with_engine(&ctx.engine)
            .with_leases(leases),
        host_ip: request.host.and_then(|host| host.parse().ok()).filter(|ip: &IpAddr| !ip.is_unspecified()),
        port_range: settings.port_range,
        used: &used,
    };
    let mut block = leases.tenant(&project, &folder.dir).and_then(|tenant| tenant.range);
    let asked = match request.port {
        Some(port) => Some(requested_port(ctx, &mut server, port)?),
        None => previous_port(ctx, &mut server, request, before)?,
    };
    let port = if let Some(port) = asked {
        port
    } else {
        block = block.or_else(|| if server.port_range.is_none() { server.free_block() } else { None });
        server.choose(ctx, block).ok_or_else(|| no_free_port(settings.port_range))?
    };
    if let Some(ledger) = &mut ledger {
        if request.port.is_some() {
            leases::take_over(ctx, &mut ledger.leases, (port, Protocol::Tcp), (&project, &folder.dir));
        }
        write_lease(&mut ledger.leases, &project, &folder.dir, request.name, port);
        let tenant = ledger.leases.tenant_mut(&project, &folder.dir);
        tenant.range = tenant.range.or(block);
    }
    ledger.into_iter().for_each(leases::close);
    Ok(port)
}

/// Containers with ports on this machine. The probe sees their ports too, so it doesn't
/// matter if the engine doesn't answer.
fn containers(ctx: &Context) -> Vec<Container> {
    if ctx.engine.endpoint().is_remote() {
        return Vec::new();
    }
    let asked = project::containers(ctx);
    asked.inspect_err(|trouble| ui::detail(&ctx.engine_error(trouble).to_string())).unwrap_or_default()
}

/// Leases of a folder's dev servers, under any project name.
fn servers<'a>(leases: &'a Leases, dir: &'a Path) -> impl Iterator<Item = &'a Lease> {
    let here = leases.tenants.iter().filter(move |tenant| tenant.dir == dir);
    here.flat_map(|tenant| &tenant.leases).filter(|lease| lease.is_dev_server())
}

/// The server's process, if it is alive.
fn running_server(lease: &Lease) -> Option<Process> {
    let Starter { pid, .. } = lease.runner.filter(|runner| leases::is_alive(*runner))?;
    host::processes(&[pid]).pop()
}

/// Ports that the compose files publish, and leases of all servers but `name`.
fn used_ports(folder: &ProjectFolder, leases: &Leases, name: &str) -> BTreeSet<u16> {
    let wanted = folder.stack.iter().flat_map(Stack::ports).filter_map(|wanted| wanted.mapping.published);
    let here = leases.tenants.iter().filter(|tenant| tenant.dir == folder.dir);
    let others =
        here.flat_map(|tenant| &tenant.leases).filter(|lease| !(lease.is_dev_server() && lease.service == name));
    wanted.flat_map(PortRange::iter).chain(others.map(|lease| lease.published)).collect()
}

/// The port of `--port`, if it is free, even if it is kept for another project.
fn requested_port(ctx: &Context, server: &mut DevServer<'_>, port: u16) -> Result<u16> {
    let mut others = server.facts.other_tenants().filter(|tenant| tenant.has_lease(port, Protocol::Tcp));
    if let Some(other) = others.find(|tenant| leases::is_starting(tenant, port, Protocol::Tcp)) {
        let why = leases::starting_reason(ctx, other);
        return Err(Error::new(format!("port {port} is not available: {why}")).finding());
    }
    if server.is_free(port) {
        return Ok(port);
    }
    let who = server.owner(port).map_or_else(|| "an unknown owner".to_owned(), |owner| describe(ctx, &owner));
    Err(Error::new(format!("port {port} is taken by {who}"))
        .hint(format!("`cargo xtask kill {port}` stops the holder, after asking"))
        .hint("without --port a free one is chosen")
        .finding())
}

/// The port that the server had before; `None` if it had none or another process holds it. An
/// error if the server is already running.
fn previous_port(
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
        return Err(already_running(ctx, request, port, &Owner::Process(process.clone())));
    }
    let who = owner.map_or_else(|| "an unknown owner".to_owned(), |owner| describe(ctx, &owner));
    ui::note(&format!(
        "note: port {port}, which is kept for {}, is taken by {who}: using another one",
        ui::clean(request.name)
    ));
    Ok(None)
}

fn already_running(ctx: &Context, request: &Request<'_>, port: u16, owner: &Owner) -> Error {
    let name = ui::clean(request.name);
    Error::new(format!("{name} is already running on port {port}: {}", describe(ctx, owner)))
        .hint(format!("stop it: `cargo xtask kill {port}`"))
        .hint("or give this one another name: --as NAME")
        .finding()
}

fn no_free_port(rule: Option<PortRange>) -> Error {
    match rule {
        Some(range) => Error::new(format!("no free port in port_range {range}"))
            .hint("widen it in xtask.toml; `cargo xtask ranges` shows the kept ports"),
        None => {
            Error::new("no free port").hint("`cargo xtask ls` shows kept ports, `cargo xtask release` releases them")
        }
    }
    .finding()
}

/// WriteMode the lease, and moves those of the folder's other servers to the same project name:
/// the checkout may have got its name after they started.
fn write_lease(leases: &mut Leases, project: &str, dir: &Path, name: &str, port: u16) {
    let mut servers = Vec::new();
    for tenant in leases.tenants.iter_mut().filter(|tenant| tenant.dir == dir) {
        servers.extend(tenant.leases.extract_if(.., |lease| lease.is_dev_server()));
    }
    let since = servers.iter().find(|lease| lease.service == name && lease.published == port);
    let mut lease = leases::new_lease(name, 0, Protocol::Tcp, port);
    if let Some(before) = since {
        lease.since.clone_from(&before.since);
    }
    lease.runner = leases::this_process();
    // Another server, not running, may have had the port of `--port`.
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
        write_lease(&mut leases, "login", dir, "vite", 8010);
        write_lease(&mut leases, "login", dir, "docs", 8011);
        leases.tenant_mut("performia-login", dir).leases.push(leases::new_lease("web", 80, Protocol::Tcp, 8012));
        write_lease(&mut leases, "performia-login", dir, "vite", 8010);
        assert_eq!(leases.tenants.len(), 1, "{leases:?}");
        let kept: Vec<(&str, u16)> =
            leases.tenants[0].leases.iter().map(|lease| (lease.service.as_str(), lease.published)).collect();
        assert_eq!(kept, [("web", 8012), ("docs", 8011), ("vite", 8010)]);
    }
}
