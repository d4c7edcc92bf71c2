//! The ledger as commands use it: opened, closed, and what a lease means.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::SystemTime;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::ledger::{self, Ledger};
use crate::model::{Container, Lease, Leases, Protocol, Starter, Tenant};
use crate::{disk, host, ui};

/// Why a port is not to be had that a tenant is being started on.
pub fn being_started(ctx: &Context, tenant: &Tenant) -> String {
    format!("{} in {} is being started on it", ui::clean(&tenant.project), ctx.show(&tenant.dir))
}

/// Why a port is not to be had that a tenant keeps.
pub fn kept_by(ctx: &Context, tenant: &Tenant) -> String {
    format!("it is kept for {} in {}", ui::clean(&tenant.project), ctx.show(&tenant.dir))
}

/// Whether a process that is about to take the tenant's port still lives.
pub fn is_starting(tenant: &Tenant, port: u16, protocol: Protocol) -> bool {
    tenant.starters(port, protocol).any(lives)
}

/// Whether that very process still lives, and is not this one.
pub fn lives(starter: Starter) -> bool {
    starter.pid != std::process::id()
        && host::processes(&[starter.pid]).iter().any(|process| process.start_mark == starter.mark)
}

/// Opens the ledger. Without a folder to remember in, ports are not kept, and that
/// is said; a start works all the same. A ledger that was damaged begins anew with
/// what runs.
pub fn open(ctx: &Context, containers: Option<&[Container]>) -> Option<Ledger> {
    open_at(ctx, ctx.ledger_dir(), containers)
}

/// The same for what is bound on this machine, wherever the engine is.
pub fn open_here(ctx: &Context, containers: &[Container]) -> Option<Ledger> {
    open_at(ctx, ctx.state_dir(), Some(containers))
}

fn open_at(ctx: &Context, dir: Result<PathBuf>, containers: Option<&[Container]>) -> Option<Ledger> {
    let opened = dir.and_then(|dir| {
        let ledger = Ledger::open(&dir)?;
        if ledger::is_home_unset(&|name| ctx.var(name)) {
            static SAID: Once = Once::new();
            let folder = ui::clean(&dir.display().to_string());
            SAID.call_once(|| {
                ui::note(&format!("note: HOME is not set; which ports are kept is written to {folder}"));
            });
        }
        Ok(ledger)
    });
    let mut ledger = opened.inspect_err(not_kept).ok()?;
    if let Some(aside) = &ledger.set_aside {
        ui::warn(&format!(
            "the ledger of ports was damaged and is now {}; a new one begins with what runs",
            ctx.show(aside)
        ));
        rebuild(&mut ledger.leases, containers.unwrap_or_default());
    }
    Some(ledger)
}

/// Writes the ledger. What cannot be written is not kept, and that is said.
pub fn close(ledger: Ledger) {
    if let Err(error) = ledger.close() {
        not_kept(&error);
    }
}

fn not_kept(why: &Error) {
    // The ledger is opened several times in a start: once is enough.
    static SAID: Once = Once::new();
    SAID.call_once(|| ui::warn_error("ports are not kept for this project", why));
}

/// A lease for each port that a running container of a Compose project has.
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
                tenant.leases.push(lease(service, binding.target, binding.protocol, binding.published));
            }
        }
    }
}

/// A lease that begins now.
pub fn lease(service: &str, target: u16, protocol: Protocol, published: u16) -> Lease {
    let since = ui::rfc3339(SystemTime::now());
    Lease::new(service, target, protocol, published, since)
}

/// This process, as others can tell whether it still lives.
pub fn starter() -> Option<Starter> {
    let pid = std::process::id();
    host::processes(&[pid]).first().map(|process| Starter { pid, mark: process.start_mark })
}

/// Ends the lease of a port with everybody but this project, and says so.
pub fn take_over(ctx: &Context, leases: &mut Leases, (port, protocol): (u16, Protocol), (project, dir): (&str, &Path)) {
    for (project, folder) in leases.take_over(port, protocol, project, dir) {
        if disk::is_folder(&folder) {
            let whose = format!("{} in {}", ui::clean(&project), ctx.show(&folder));
            ui::note(&format!(
                "note: port {port} was kept for {whose}, which does not use it; it is this project's now"
            ));
        }
    }
}
