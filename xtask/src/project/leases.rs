//! Opens and writes the ledger for commands, and interprets its leases.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::SystemTime;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::ledger::{self, Ledger};
use crate::model::{Container, Lease, Leases, Protocol, Starter, Tenant};
use crate::{disk, host, ui};

/// Why a port is unavailable: a tenant is being started on it.
pub(crate) fn starting_reason(ctx: &Context, tenant: &Tenant) -> String {
    format!("{} in {} is being started on it", ui::clean(&tenant.project), ctx.show(&tenant.dir))
}

/// Why a port is unavailable: a tenant has leased it.
pub(crate) fn lease_reason(ctx: &Context, tenant: &Tenant) -> String {
    format!("it is kept for {} in {}", ui::clean(&tenant.project), ctx.show(&tenant.dir))
}

/// Whether a process that will bind the tenant's port is still running.
pub(crate) fn is_starting(tenant: &Tenant, port: u16, protocol: Protocol) -> bool {
    tenant.starters(port, protocol).any(is_alive)
}

/// Whether exactly that process is still running, and isn't this one.
pub(crate) fn is_alive(starter: Starter) -> bool {
    starter.pid != std::process::id()
        && host::processes(&[starter.pid]).iter().any(|process| process.start_mark == starter.mark)
}

/// Opens the ledger of the engine's machine. Without a state folder a start works, but
/// ports are not kept, and a warning says so. A damaged ledger is rebuilt from the running
/// containers.
pub(crate) fn open(ctx: &Context, containers: Option<&[Container]>) -> Option<Ledger> {
    open_at(ctx, ctx.ledger_dir(), containers)
}

/// Opens the ledger of this machine, wherever the engine is.
pub(crate) fn open_local(ctx: &Context, containers: &[Container]) -> Option<Ledger> {
    open_at(ctx, ctx.state_dir(), Some(containers))
}

fn open_at(ctx: &Context, dir: Result<PathBuf>, containers: Option<&[Container]>) -> Option<Ledger> {
    let opened = dir.and_then(|dir| {
        let ledger = Ledger::open(&dir)?;
        if ledger::is_home_unset(&|name| ctx.var(name)) {
            static SAID: Once = Once::new();
            let folder = ui::clean(&dir.display().to_string());
            SAID.call_once(|| {
                ui::note(&format!("note: HOME is not set; port leases are written to {folder}"));
            });
        }
        Ok(ledger)
    });
    let mut ledger = opened.inspect_err(warn_not_kept).ok()?;
    if let Some(aside) = &ledger.set_aside {
        ui::warn(&format!(
            "the port ledger was damaged and was moved to {}; a new one starts from the running containers",
            ctx.show(aside)
        ));
        rebuild(&mut ledger.leases, containers.unwrap_or_default());
    }
    Some(ledger)
}

/// Writes the ledger, and warns if it can't be written.
pub(crate) fn close(ledger: Ledger) {
    if let Err(error) = ledger.close() {
        warn_not_kept(&error);
    }
}

/// Warns once: a start opens the state folder's files several times.
pub(crate) fn warn_not_kept(why: &Error) {
    static SAID: Once = Once::new();
    SAID.call_once(|| ui::warn_error("ports are not kept for this project", why));
}

/// Adds a lease for each port that a running container of a Compose project has.
fn rebuild(leases: &mut Leases, containers: &[Container]) {
    for container in containers {
        let (Some(project), Some(dir), Some(service)) =
            (&container.project, &container.working_dir, &container.service)
        else {
            continue;
        };
        let dir = disk::real_path(dir);
        for binding in container.held() {
            let tenant = leases.tenant_mut(project, &dir);
            if !tenant.has_lease(binding.published, binding.protocol) {
                tenant.leases.push(new_lease(service, binding.target, binding.protocol, binding.published));
            }
        }
    }
}

/// A lease that starts now.
pub(crate) fn new_lease(service: &str, target: u16, protocol: Protocol, published: u16) -> Lease {
    let since = ui::rfc3339(SystemTime::now());
    Lease::new(service, target, protocol, published, since)
}

/// Identifies this process, so that others can check whether it is still running.
pub(crate) fn this_process() -> Option<Starter> {
    let pid = std::process::id();
    host::processes(&[pid]).first().map(|process| Starter { pid, mark: process.start_mark })
}

/// Ends all other leases of a port, and prints a note for each.
pub(crate) fn take_over(
    ctx: &Context,
    leases: &mut Leases,
    (port, protocol): (u16, Protocol),
    (project, dir): (&str, &Path),
) {
    for (project, folder) in leases.take_over(port, protocol, project, dir) {
        if disk::is_folder(&folder) {
            let whose = format!("{} in {}", ui::clean(&project), ctx.show(&folder));
            ui::note(&format!(
                "note: port {port} was kept for {whose}, which does not use it: this project takes it over"
            ));
        }
    }
}
