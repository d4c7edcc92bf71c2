//! Releases kept ports.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::ledger::{Ledger, ProjectLock};
use crate::model::{CheckoutRecord, Container, Lease, Leases, PortRange, Protocol, Tenant};
use crate::operation::change::records;
use crate::project::folder::project_dir;
use crate::project::{self, leases};
use crate::{disk, ui};

/// Which leases to release.
#[derive(Debug, Clone)]
pub enum Selection {
    /// Of the project in this folder.
    Here,
    /// Of these ports, in any project.
    Ports(BTreeSet<u16>),
    /// Of deleted folders.
    Gone,
    All,
}

/// The JSON of `release`.
#[derive(Debug, Default, Serialize)]
pub struct Released {
    schema: u32,
    dry_run: bool,
    #[serde(rename = "released")]
    leases: Vec<ReleasedLease>,
    /// Of projects that keep no ports any more.
    blocks: Vec<ReleasedBlock>,
}

#[derive(Debug, Serialize)]
struct ReleasedLease {
    project: String,
    #[serde(serialize_with = "ui::json_path")]
    dir: PathBuf,
    service: String,
    published: u16,
    target: Option<u16>,
    protocol: Protocol,
}

#[derive(Debug, Serialize)]
struct ReleasedBlock {
    project: String,
    #[serde(serialize_with = "ui::json_path")]
    dir: PathBuf,
    range: PortRange,
}

/// Releases the selected leases. Asks if their own project is using the ports, because any
/// other project may take them when it stops.
pub fn release(ctx: &Context, selection: &Selection) -> Result<Released> {
    let here = project_dir(ctx);
    let containers = project::containers(ctx).unwrap_or_default();
    let state = ctx.ledger_dir()?;
    // Read without the lock to ask; the lock is taken after the answer.
    let peeked = Ledger::peek(&state);
    let fits = |tenant: &Tenant| match selection {
        Selection::Here => {
            tenant.dir == here && ctx.options.project_name.as_ref().is_none_or(|name| *name == tenant.project)
        }
        Selection::Gone => !disk::is_folder(&tenant.dir),
        Selection::Ports(_) | Selection::All => true,
    };
    let ports = match selection {
        Selection::Ports(ports) => Some(ports),
        _ => None,
    };
    let ends = |lease: &Lease| ports.is_none_or(|ports| ports.contains(&lease.published));
    confirm(ctx, selection, &peeked, &containers, &|tenant, lease| fits(tenant) && ends(lease))?;
    if ctx.dry_run {
        return Ok(Released { dry_run: true, ..remove_leases(&mut peeked.clone(), &fits, ports) });
    }
    let mut ledger = leases::open(ctx, Some(&containers)).ok_or_else(|| {
        Error::new("cannot change the kept ports").hint("set XTASK_STATE_DIR to a folder of your own")
    })?;
    let done = remove_leases(&mut ledger.leases, &fits, ports);
    let left = ledger.leases.clone();
    ledger.close()?;
    let is_released = |record: &CheckoutRecord| {
        let mut leases = done.leases.iter().map(|ended| (&ended.project, &ended.dir));
        let mut blocks = done.blocks.iter().map(|ended| (&ended.project, &ended.dir));
        let is_it = |(project, dir): (&String, &PathBuf)| *project == record.project && *dir == record.dir;
        leases.any(is_it) || blocks.any(is_it)
    };
    records::forget_released(ctx, &left, &is_released);
    delete_lock_files(ctx, &done, &left);
    Ok(done)
}

/// Deletes the lock files of projects whose folder was deleted and that keep no ports.
fn delete_lock_files(ctx: &Context, done: &Released, left: &Leases) {
    let Ok(state) = ctx.state_dir() else { return };
    let ended = done.leases.iter().map(|ended| (&ended.project, &ended.dir));
    let blocks = done.blocks.iter().map(|ended| (&ended.project, &ended.dir));
    for (project, dir) in ended.chain(blocks) {
        if !disk::is_folder(dir) && left.tenants.iter().all(|tenant| tenant.project != *project) {
            ProjectLock::forget(&state, project);
        }
    }
}

/// Removes the leases of these ports, or all, of matching tenants.
fn remove_leases(leases: &mut Leases, fits: &dyn Fn(&Tenant) -> bool, ports: Option<&BTreeSet<u16>>) -> Released {
    let mut done = Released { schema: 1, ..Released::default() };
    leases.tenants.retain_mut(|tenant| {
        if !fits(tenant) {
            return true;
        }
        let ends = |lease: &mut Lease| ports.is_none_or(|ports| ports.contains(&lease.published));
        let gone: Vec<Lease> = tenant.leases.extract_if(.., ends).collect();
        let touched = !gone.is_empty();
        done.leases.extend(gone.into_iter().map(|lease| ReleasedLease {
            project: tenant.project.clone(),
            dir: tenant.dir.clone(),
            service: lease.service,
            published: lease.published,
            target: Some(lease.target).filter(|target| *target > 0),
            protocol: lease.protocol,
        }));
        // A project that never had any of the named ports stays.
        let stays = !tenant.leases.is_empty() || (!touched && ports.is_some());
        if !stays {
            let block = tenant.range.map(|range| ReleasedBlock {
                project: tenant.project.clone(),
                dir: tenant.dir.clone(),
                range,
            });
            done.blocks.extend(block);
        }
        stays
    });
    done
}

/// Asks before releasing ports in use, or everything.
fn confirm(
    ctx: &Context,
    selection: &Selection,
    leases: &Leases,
    containers: &[Container],
    ends: &dyn Fn(&Tenant, &Lease) -> bool,
) -> Result<()> {
    let mut in_use = Vec::new();
    let mut count = 0;
    for tenant in &leases.tenants {
        for lease in tenant.leases.iter().filter(|lease| ends(tenant, lease)) {
            count += 1;
            if is_used(tenant, lease, containers) {
                let whose = format!("{} of {}", ui::clean(&lease.service), ui::clean(&tenant.project));
                in_use.push(format!("{} ({whose})", lease.published));
            }
        }
    }
    let question = match selection {
        Selection::All if count > 0 => format!("release all {count} kept ports on this machine?"),
        _ if !in_use.is_empty() => {
            format!("{} in use by the project itself: release anyway?", ui::names_are(&in_use))
        }
        _ => return Ok(()),
    };
    if ctx.dry_run {
        return Ok(());
    }
    let asked = ctx.confirm(&question, "nothing was released");
    asked.map_err(|error| error.hint("ports of projects that are not running are released without asking"))
}

/// Whether the project itself uses the port, or is starting.
fn is_used(tenant: &Tenant, lease: &Lease, containers: &[Container]) -> bool {
    let own = containers.iter().filter(|container| container.belongs_to(&tenant.project, &tenant.dir));
    let mut bindings = own.flat_map(Container::held);
    bindings.any(|binding| (binding.published, binding.protocol) == (lease.published, lease.protocol))
        || leases::is_starting(tenant, lease.published, lease.protocol)
}

impl Released {
    pub fn text(&self, ctx: &Context) {
        let verb = if self.dry_run { "would release" } else { "released" };
        for ReleasedLease { project, dir, service, published, protocol, .. } in &self.leases {
            let (service, project) = (ui::clean(service), ui::clean(project));
            ui::out(&format!("{verb}: {published}/{protocol}, {service} of {project} in {}", ctx.show(dir)));
        }
        for ReleasedBlock { project, dir, range } in &self.blocks {
            ui::out(&format!("{verb}: block {range} of {} in {}", ui::clean(project), ctx.show(dir)));
        }
        if self.leases.is_empty() && self.blocks.is_empty() {
            ui::out("nothing was kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn leases() -> Leases {
        let mut leases = Leases::default();
        for (project, ports) in [("one", vec![8000, 8001]), ("two", vec![8002]), ("empty", vec![])] {
            let tenant = leases.tenant_mut(project, Path::new("/src"));
            tenant.range = PortRange::new(8000, 8009);
            tenant.leases.extend(ports.into_iter().map(|port| leases::new_lease("web", 80, Protocol::Tcp, port)));
        }
        leases
    }

    #[test]
    fn named_ports_end_and_a_project_with_none_left() {
        let mut leases = leases();
        let named = BTreeSet::from([8001, 8002]);
        let done = remove_leases(&mut leases, &|_| true, Some(&named));
        let left: Vec<&str> = leases.tenants.iter().map(|tenant| tenant.project.as_str()).collect();
        assert_eq!(left, ["one", "empty"]);
        assert_eq!((done.leases.len(), done.blocks.len()), (2, 1));
        let again = remove_leases(&mut leases, &|_| true, Some(&named));
        assert_eq!((again.leases.len(), again.blocks.len()), (0, 0));
    }

    #[test]
    fn a_project_ends_with_its_block() {
        let mut leases = leases();
        let done = remove_leases(&mut leases, &|tenant| tenant.project != "two", None);
        assert_eq!(leases.tenants.len(), 1);
        assert_eq!((done.leases.len(), done.blocks.len()), (2, 2));
    }
}
