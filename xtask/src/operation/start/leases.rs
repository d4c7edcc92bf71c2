//! The leases of a start: which ports it must not take, and recording its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::envfile::Document;
use crate::model::{Lease, Leases, NamesFile, Protocol, Source, Unpublished, Verdict};
use crate::operation::check::project::{CheckedProject, Row, free_range, suggest_again};
use crate::project::leases::{
    close, is_starting, lease_reason, new_lease, open, starting_reason, take_over, this_process,
};
use crate::{disk, ports, stack};

/// Ports that this start must not take although they are free, and why:
///
/// * a port on which another project is being started;
/// * in a secondary checkout, a default port: it belongs to the main checkout, and this one
///   gets its own;
/// * if ports may be moved without asking, or the project has a port of its own for it, a default
///   port that another project has leased. A port that the user set explicitly can be used as
///   long as it is free.
pub fn unavailable_ports(checked: &CheckedProject, may_move: bool) -> BTreeMap<u16, String> {
    let ctx = &checked.ctx;
    let leases = ctx.leases();
    let dir = checked.real_dir();
    let tenant = leases.tenant(&checked.stack.name, &dir);
    let mut defaults = Defaults::new(checked);
    let mut unavailable = BTreeMap::new();
    for (at, row) in checked.rows.iter().enumerate() {
        let (Some(port), Verdict::Free) = (fixed_port(row), &row.verdict) else { continue };
        let protocol = row.wanted.mapping.protocol;
        let kept = tenant.and_then(|tenant| ports::leased_port(tenant, &checked.rows, at));
        if kept == Some(port) {
            continue;
        }
        let other = leases.others(&checked.stack.name, &dir).find(|tenant| tenant.has_lease(port, protocol));
        let other = other.filter(|tenant| disk::is_folder(&tenant.dir));
        let mut is_default = || defaults.include(row, port);
        let why = match other {
            Some(other) if is_starting(other, port, protocol) => Some(starting_reason(ctx, other)),
            Some(other) if (may_move || kept.is_some() || checked.is_secondary_checkout) && is_default() => {
                Some(lease_reason(ctx, other))
            }
            _ if checked.is_secondary_checkout && is_default() => {
                let own = kept.map_or_else(|| "gets its own port".to_owned(), |kept| format!("keeps {kept}"));
                Some(format!("it is the project's default, and this checkout {own}"))
            }
            _ => None,
        };
        unavailable.extend(why.map(|why| (port, why)));
    }
    unavailable
}

/// Whether each conflict is about a default port, in place of which this project has leased a free
/// one: its `.env` with the ports was lost.
pub fn has_own_ports(checked: &CheckedProject) -> bool {
    let leases = checked.ctx.leases();
    let Some(tenant) = leases.tenant(&checked.stack.name, &checked.real_dir()) else { return false };
    let mut defaults = Defaults::new(checked);
    let mut conflicts = checked.rows.iter().enumerate().filter(|(_, row)| row.verdict.is_conflict()).peekable();
    conflicts.peek().is_some()
        && conflicts.all(|(at, row)| {
            let kept = ports::leased_port(tenant, &checked.rows, at);
            let is_default = fixed_port(row).is_some_and(|port| kept != Some(port) && defaults.include(row, port));
            is_default && kept.is_some() && row.suggestion == kept
        })
}

/// The port of a row, if it is a single one and the engine binds it.
fn fixed_port(row: &Row) -> Option<u16> {
    if matches!(row.verdict, Verdict::NotPublished { cause: Unpublished::Discarded | Unpublished::Refused, .. }) {
        return None;
    }
    row.wanted.mapping.published.filter(|range| range.is_one()).map(|range| range.first)
}

/// Tells values that nobody chose: those of the compose file, the template, and the main
/// checkout's `.env`, which people copy into worktrees.
struct Defaults {
    templates: BTreeMap<PathBuf, Vec<Document>>,
    main: Option<PathBuf>,
    all: bool,
}

impl Defaults {
    fn new(checked: &CheckedProject) -> Self {
        let main = checked.main_dir().map(|dir| dir.join(".env"));
        Defaults { templates: BTreeMap::new(), main, all: checked.template.is_some() }
    }

    fn include(&mut self, row: &Row, port: u16) -> bool {
        let Some(origin) = &row.wanted.origin else { return true };
        let Source::EnvFile { path, .. } = &origin.source else { return origin.source != Source::Shell };
        let Some(variable) = &origin.variable else { return true };
        if self.all {
            return true;
        }
        let models = self.templates.entry(path.clone()).or_insert_with(|| {
            stack::template_for(path).into_iter().chain(self.main.clone()).filter_map(|path| document(&path)).collect()
        });
        let says = |model: &Document| {
            let values = model.values(&|_| None, &|_| None).unwrap_or_default();
            values.get(variable).map(|entry| entry.value.clone())
        };
        let is_current = |value: String| value == port.to_string() || value == origin.affixes.value(port);
        models.iter().filter_map(says).any(is_current)
    }
}

fn document(path: &Path) -> Option<Document> {
    Document::parse(disk::read(path).ok()??).ok()
}

/// Chooses a port for every conflict and records the leases under the lock, so that no two
/// starts choose the same; with `--dry-run` only chooses.
pub fn choose_ports(checked: CheckedProject) -> CheckedProject {
    if checked.ctx.dry_run {
        let mut leases = checked.ctx.leases();
        return suggest_ports(checked, &mut leases);
    }
    let Some(mut ledger) = open(&checked.ctx, checked.containers.as_deref().ok()) else { return checked };
    let checked = suggest_ports(checked, &mut ledger.leases);
    let chosen = |row: &Row| row.suggestion.or_else(|| fixed_port(row));
    set_leases(&mut ledger.leases, &checked, &chosen);
    ledger.leases.tenant_mut(&checked.stack.name, &checked.real_dir()).starting = this_process();
    close(ledger);
    checked
}

/// A secondary checkout gets its own block if its project sets no range, or the range is
/// used up.
fn suggest_ports(mut checked: CheckedProject, leases: &mut Leases) -> CheckedProject {
    if checked.is_secondary_checkout && checked.settings.port_range.is_some() {
        suggest_again(&mut checked, leases);
        if checked.conflicts().all(|row| row.suggestion.is_some()) {
            return checked;
        }
        checked.project.settings.port_range = None;
    }
    let (name, dir) = (checked.stack.name.clone(), checked.real_dir());
    let has_range = leases.tenant(&name, &dir).is_some_and(|tenant| tenant.range.is_some());
    if checked.is_secondary_checkout && !has_range {
        leases.tenant_mut(&name, &dir).range = free_range(&checked, leases);
    }
    suggest_again(&mut checked, leases);
    checked
}

/// Leases the port of each row. Leases of services without rows stay.
fn set_leases(leases: &mut Leases, checked: &CheckedProject, port_of: &dyn Fn(&Row) -> Option<u16>) {
    let (name, dir) = (&checked.stack.name, checked.real_dir());
    let services: BTreeSet<&str> = checked.rows.iter().map(|row| row.wanted.mapping.service.as_str()).collect();
    let tenant = leases.tenant_mut(name, &dir);
    let (before, mut after): (Vec<Lease>, Vec<Lease>) =
        tenant.leases.drain(..).partition(|lease| services.contains(lease.service.as_str()) && !lease.is_dev_server());
    for row in &checked.rows {
        let mapping = &row.wanted.mapping;
        let Some(port) = port_of(row) else { continue };
        let new = new_lease(&mapping.service, mapping.target, mapping.protocol, port);
        let same = |old: &&Lease| Lease { since: new.since.clone(), ..(*old).clone() } == new;
        after.push(before.iter().find(same).cloned().unwrap_or(new));
    }
    tenant.leases = after;
}

/// Records the leases of a start before it launches, and marks them as starting until
/// [`end_start`]. If another project is being started on some of the ports, returns these
/// with the reasons instead. Ends other projects' leases of the ports with a note.
/// `names`: the names file, if it is started with names.
pub fn record(checked: &CheckedProject, names: Option<&NamesFile>) -> Result<(), BTreeMap<u16, String>> {
    let ctx = &checked.ctx;
    let Some(mut ledger) = open(ctx, checked.containers.as_deref().ok()) else { return Ok(()) };
    let (name, dir) = (&checked.stack.name, checked.real_dir());
    let ports: Vec<(u16, Protocol)> =
        checked.rows.iter().filter_map(|row| Some((fixed_port(row)?, row.wanted.mapping.protocol))).collect();
    let mut refused = BTreeMap::new();
    for (port, protocol) in &ports {
        let mut others = ledger.leases.others(name, &dir);
        let starting =
            others.find(|tenant| tenant.has_lease(*port, *protocol) && is_starting(tenant, *port, *protocol));
        refused.extend(starting.map(|tenant| (*port, starting_reason(ctx, tenant))));
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    for (port, protocol) in ports {
        take_over(ctx, &mut ledger.leases, (port, protocol), (name, &dir));
    }
    set_leases(&mut ledger.leases, checked, &fixed_port);
    let tenant = ledger.leases.tenant_mut(name, &dir);
    tenant.starting = this_process();
    tenant.names = names.cloned();
    close(ledger);
    Ok(())
}

/// Undoes [`choose_ports`]: ports that are not used after all are nobody's.
pub fn release_choice(checked: &CheckedProject) {
    if checked.ctx.dry_run {
        return;
    }
    let Some(mut ledger) = open(&checked.ctx, None) else { return };
    let (name, dir) = (&checked.stack.name, checked.real_dir());
    match checked.leases.tenant(name, &dir) {
        Some(before) => *ledger.leases.tenant_mut(name, &dir) = before.clone(),
        None => ledger.leases.tenants.retain(|tenant| tenant.project != *name || tenant.dir != dir),
    }
    close(ledger);
}

/// Ends the mark of a start that succeeded or failed. Its leases stay.
pub fn end_start(checked: &CheckedProject) {
    let Some(mut ledger) = open(&checked.ctx, None) else { return };
    let (name, dir) = (&checked.stack.name, checked.real_dir());
    if ledger.leases.tenant(name, &dir).is_some() {
        ledger.leases.tenant_mut(name, &dir).starting = None;
    }
    close(ledger);
}
