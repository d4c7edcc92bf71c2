//! Ports that are kept for deleted folders.

use crate::ledger::Ledger;
use crate::model::Tenant;
use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::fix::Fix;
use crate::{disk, ui};

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let (id, title) = ("leases.gone", "ports kept for folders");
    let Ok(state) = facts.ctx.ledger_dir() else {
        return vec![
            Finding::new(id, title, Status::Warning, "there is no folder to keep leases in")
                .why("two starts at once may choose the same port, and worktrees do not keep theirs")
                .remedy("set XTASK_STATE_DIR to a folder"),
        ];
    };
    if !disk::may_write(&state) {
        return vec![
            Finding::new(id, title, Status::Warning, format!("{} cannot be written", facts.ctx.show(&state)))
                .why("two starts at once may choose the same port, and worktrees do not keep theirs")
                .remedy("set XTASK_STATE_DIR to a folder where this user may write"),
        ];
    }
    let leases = Ledger::peek(&state);
    let gone: Vec<String> =
        leases.tenants.iter().filter(|tenant| is_gone(tenant)).map(|tenant| describe(facts, tenant)).collect();
    if gone.is_empty() {
        return vec![Finding::ok(id, title, format!("{}, all exist", ui::count(leases.tenants.len(), "folder")))];
    }
    vec![
        Finding::new(id, title, Status::Note, gone.join("\n"))
            .why("no project will use these ports again")
            .remedy("cargo xtask release --gone")
            .fix(Fix::Leases),
    ]
}

/// Whether the tenant's folder was deleted. If the parent is missing too this is `false`:
/// the folder may be on a disk that is not mounted.
pub(in crate::operation) fn is_gone(tenant: &Tenant) -> bool {
    let dir = tenant.dir.clone();
    let gone = move || !dir.exists() && dir.parent().is_some_and(std::path::Path::is_dir);
    disk::with_timeout(&tenant.dir, gone).unwrap_or(false)
}

fn describe(facts: &Facts, tenant: &Tenant) -> String {
    let ports: Vec<String> = tenant.leases.iter().map(|lease| lease.published.to_string()).collect();
    format!("{} in {}: {}", ui::clean(&tenant.project), facts.ctx.show(&tenant.dir), ports.join(", "))
}
