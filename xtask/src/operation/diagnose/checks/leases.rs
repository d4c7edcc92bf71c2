//! Ports that are kept for folders which are gone.

use crate::ledger::Ledger;
use crate::model::Tenant;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::fix::Mend;
use crate::operation::diagnose::scene::Scene;
use crate::{disk, ui};

pub(crate) fn check(scene: &Scene) -> Vec<Finding> {
    let (id, title) = ("leases.gone", "ports kept for folders");
    let Ok(state) = scene.ctx.ledger_dir() else {
        return vec![
            Finding::new(id, title, Status::Warning, "there is no folder to remember ports in")
                .why("two starts at once may choose the same port, and worktrees do not keep theirs")
                .remedy("set XTASK_STATE_DIR to a folder"),
        ];
    };
    if !disk::may_write(&state) {
        return vec![
            Finding::new(id, title, Status::Warning, format!("{} cannot be written", scene.ctx.show(&state)))
                .why("two starts at once may choose the same port, and worktrees do not keep theirs")
                .remedy("set XTASK_STATE_DIR to a folder where this user may write"),
        ];
    }
    let leases = Ledger::peek(&state);
    let gone: Vec<String> =
        leases.tenants.iter().filter(|tenant| is_gone(tenant)).map(|tenant| describe(scene, tenant)).collect();
    if gone.is_empty() {
        return vec![Finding::ok(id, title, format!("{}, all there", ui::count(leases.tenants.len(), "folder")))];
    }
    vec![
        Finding::new(id, title, Status::Note, gone.join("\n"))
            .why("nobody will come back for these ports")
            .remedy("cargo xtask release --gone")
            .mend(Mend::Leases),
    ]
}

/// Whether its folder is gone. Nobody can tell that of one whose parent is gone
/// as well: it may lie on a disk that is not mounted now.
pub(in crate::operation) fn is_gone(tenant: &Tenant) -> bool {
    let dir = tenant.dir.clone();
    let gone = move || !dir.exists() && dir.parent().is_some_and(std::path::Path::is_dir);
    disk::with_timeout(&tenant.dir, gone).unwrap_or(false)
}

fn describe(scene: &Scene, tenant: &Tenant) -> String {
    let ports: Vec<String> = tenant.leases.iter().map(|lease| lease.published.to_string()).collect();
    format!("{} in {}: {}", ui::clean(&tenant.project), scene.ctx.show(&tenant.dir), ports.join(", "))
}
