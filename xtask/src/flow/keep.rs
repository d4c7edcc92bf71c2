//! Leases: which ports of a start are spoken for, and keeping its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::SystemTime;

use crate::context::Context;
use crate::disk;
use crate::envfile::Document;
use crate::error::{Error, Result};
use crate::flow::survey::{Row, Survey, choose_again, free_range};
use crate::host;
use crate::ledger::{self, Book};
use crate::model::{Container, Lease, Leases, NamesFile, Protocol, Source, Starter, Tenant, Unpublished, Verdict};
use crate::ports;
use crate::stack;
use crate::ui;

/// Ports that this start must not take although they are free, and why:
///
/// * one that somebody else is being started on at this moment;
/// * in a checkout that is not the project's only one, a default: it is the
///   main checkout's, and this one gets a port of its own;
/// * where ports may be moved unasked, a default that is kept for others. A
///   person who asks for a port by name gets it as long as nobody is on it.
pub fn spoken_for(ctx: &Context, found: &Survey, may_move: bool) -> BTreeMap<u16, String> {
    let leases = ctx.ledger_dir().map(|dir| Book::peek(&dir)).unwrap_or_default();
    let dir = found.real_dir();
    let tenant = leases.tenant(&found.stack.name, &dir);
    let mut defaults = Defaults::new(found);
    let mut spoken_for = BTreeMap::new();
    for (at, row) in found.rows.iter().enumerate() {
        let (Some(port), Verdict::Free) = (single(row), &row.verdict) else { continue };
        let protocol = row.wanted.mapping.protocol;
        let kept = tenant.and_then(|tenant| ports::leased_port(tenant, &found.rows, at));
        if kept == Some(port) {
            continue;
        }
        let other = leases.others(&found.stack.name, &dir).find(|tenant| tenant.keeps(port, protocol));
        let other = other.filter(|tenant| disk::is_folder(&tenant.dir));
        let why = match (other, kept) {
            (Some(other), _) if is_starting(other, port, protocol) => Some(being_started(ctx, other)),
            (Some(other), _) if (may_move || found.second) && defaults.has(row, port) => Some(kept_by(ctx, other)),
            (_, Some(kept)) if found.second && defaults.has(row, port) => {
                Some(format!("it is the project's default, and this checkout keeps {kept}"))
            }
            (_, None) if found.second && defaults.has(row, port) => {
                Some("it is the project's default, and this checkout gets a port of its own".to_owned())
            }
            _ => None,
        };
        spoken_for.extend(why.map(|why| (port, why)));
    }
    spoken_for
}

/// The one port that a row will have; none where the engine binds nothing.
fn single(row: &Row) -> Option<u16> {
    if matches!(row.verdict, Verdict::NotPublished { cause: Unpublished::Discarded | Unpublished::Refused, .. }) {
        return None;
    }
    row.wanted.mapping.published.filter(|range| range.is_one()).map(|range| range.first)
}

/// Why a port is not to be had that a tenant is being started on.
pub fn being_started(ctx: &Context, tenant: &Tenant) -> String {
    format!("{} in {} is being started on it", ui::clean(&tenant.project), ctx.show(&tenant.dir))
}

fn kept_by(ctx: &Context, tenant: &Tenant) -> String {
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

/// Which values nobody chose: those of the compose file, of the template, and of
/// the main checkout's `.env`, which is what people copy into a worktree.
struct Defaults {
    templates: BTreeMap<PathBuf, Vec<Document>>,
    main: Option<PathBuf>,
    all: bool,
}

impl Defaults {
    fn new(found: &Survey) -> Self {
        let main = found.main_dir.as_ref().map(|dir| dir.join(".env"));
        Defaults { templates: BTreeMap::new(), main, all: found.template.is_some() }
    }

    fn has(&mut self, row: &Row, port: u16) -> bool {
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
            values.get(variable).map(|found| found.value.clone())
        };
        let is_now = |value: String| value == port.to_string() || value == origin.around.value(port);
        models.iter().filter_map(says).any(is_now)
    }
}

fn document(path: &Path) -> Option<Document> {
    Document::parse(disk::read(path).ok()??).ok()
}

/// Opens the book. Without a folder to remember in, ports are not kept, and that
/// is said; a start works all the same. A book that was damaged begins anew with
/// what runs.
pub fn open(ctx: &Context, containers: Option<&[Container]>) -> Option<Book> {
    open_at(ctx, ctx.ledger_dir(), containers)
}

/// The same for what is bound on this machine, wherever the engine is.
pub fn open_here(ctx: &Context, containers: &[Container]) -> Option<Book> {
    open_at(ctx, ctx.state_dir(), Some(containers))
}

fn open_at(ctx: &Context, dir: Result<PathBuf>, containers: Option<&[Container]>) -> Option<Book> {
    let opened = dir.and_then(|dir| {
        let book = Book::open(&dir)?;
        if ledger::is_unsaid(&|name| ctx.var(name)) {
            static SAID: Once = Once::new();
            let folder = ui::clean(&dir.display().to_string());
            SAID.call_once(|| {
                ui::note(&format!("note: HOME is not set; which ports are kept is written to {folder}"));
            });
        }
        Ok(book)
    });
    let mut book = opened.inspect_err(not_kept).ok()?;
    if let Some(aside) = &book.set_aside {
        ui::warn(&format!(
            "the ledger of ports was damaged and is now {}; a new one begins with what runs",
            ctx.show(aside)
        ));
        rebuild(&mut book.leases, containers.unwrap_or_default());
    }
    Some(book)
}

/// Writes the book. What cannot be written is not kept, and that is said.
pub fn close(book: Book) {
    if let Err(error) = book.close() {
        not_kept(&error);
    }
}

fn not_kept(why: &Error) {
    // The ledger is opened several times in a start: once is enough.
    static SAID: Once = Once::new();
    SAID.call_once(|| ui::warn_of("ports are not kept for this project", why));
}

/// A lease for each port that a running container of a Compose project has.
fn rebuild(leases: &mut Leases, containers: &[Container]) {
    for container in containers {
        let (Some(project), Some(dir), Some(service)) =
            (&container.project, &container.working_dir, &container.service)
        else {
            continue;
        };
        let dir = disk::real(dir);
        for binding in container.held() {
            let tenant = leases.tenant_mut(project, &dir);
            if !tenant.keeps(binding.published, binding.protocol) {
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

/// Chooses for every conflict under the lock, so that no two choose the same,
/// and keeps what was chosen; with `--dry-run` only chooses.
pub fn choose(ctx: &Context, found: &mut Survey) {
    if ctx.dry_run {
        let mut leases = ctx.ledger_dir().map(|dir| Book::peek(&dir)).unwrap_or_default();
        return choose_from(found, &mut leases);
    }
    let Some(mut book) = open(ctx, found.containers.as_deref().ok()) else { return };
    choose_from(found, &mut book.leases);
    let chosen = |row: &Row| row.suggestion.or_else(|| single(row));
    keep_rows(&mut book.leases, found, &chosen);
    book.leases.tenant_mut(&found.stack.name, &found.real_dir()).starting = starter();
    close(book);
}

/// Chooses. A checkout that is not the only one gets a block of its own where
/// its project says no range, or where that is used up.
fn choose_from(found: &mut Survey, leases: &mut Leases) {
    if found.second && found.settings.port_range.is_some() {
        choose_again(found, leases);
        if found.conflicts().all(|row| row.suggestion.is_some()) {
            return;
        }
        found.settings.port_range = None;
    }
    let (name, dir) = (found.stack.name.clone(), found.real_dir());
    let has_range = leases.tenant(&name, &dir).is_some_and(|tenant| tenant.range.is_some());
    if found.second && !has_range {
        let range = free_range(found, leases);
        leases.tenant_mut(&name, &dir).range = range;
    }
    choose_again(found, leases);
}

/// This process, as others can tell whether it still lives.
pub fn starter() -> Option<Starter> {
    let pid = std::process::id();
    host::processes(&[pid]).first().map(|process| Starter { pid, mark: process.start_mark })
}

/// Keeps `port_of` each row; leases of services that were not looked at stay.
fn keep_rows(leases: &mut Leases, found: &Survey, port_of: &dyn Fn(&Row) -> Option<u16>) {
    let (name, dir) = (&found.stack.name, found.real_dir());
    let services: BTreeSet<&str> = found.rows.iter().map(|row| row.wanted.mapping.service.as_str()).collect();
    let tenant = leases.tenant_mut(name, &dir);
    let (before, mut after): (Vec<Lease>, Vec<Lease>) =
        tenant.leases.drain(..).partition(|lease| services.contains(lease.service.as_str()) && !lease.is_dev_server());
    for row in &found.rows {
        let mapping = &row.wanted.mapping;
        let Some(port) = port_of(row) else { continue };
        let new = lease(&mapping.service, mapping.target, mapping.protocol, port);
        let same = |old: &&Lease| Lease { since: new.since.clone(), ..(*old).clone() } == new;
        after.push(before.iter().find(same).cloned().unwrap_or(new));
    }
    tenant.leases = after;
}

/// Keeps the ports of a start that is about to happen, as it found them, and
/// says so to others until [`settled`]. Ports that somebody else is being
/// started on are given back instead, with the reason. A lease of somebody who
/// is not on the port ends, and that is said.
/// `names` is how it is started by names.
pub fn keep(ctx: &Context, found: &Survey, names: Option<&NamesFile>) -> Result<(), BTreeMap<u16, String>> {
    let Some(mut book) = open(ctx, found.containers.as_deref().ok()) else { return Ok(()) };
    let (name, dir) = (&found.stack.name, found.real_dir());
    let ports: Vec<(u16, Protocol)> =
        found.rows.iter().filter_map(|row| Some((single(row)?, row.wanted.mapping.protocol))).collect();
    let mut refused = BTreeMap::new();
    for (port, protocol) in &ports {
        let mut others = book.leases.others(name, &dir);
        let starting = others.find(|tenant| tenant.keeps(*port, *protocol) && is_starting(tenant, *port, *protocol));
        refused.extend(starting.map(|tenant| (*port, being_started(ctx, tenant))));
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    for (port, protocol) in ports {
        take_over(ctx, &mut book.leases, (port, protocol), (name, &dir));
    }
    keep_rows(&mut book.leases, found, &single);
    let tenant = book.leases.tenant_mut(name, &dir);
    tenant.starting = starter();
    tenant.names = names.cloned();
    close(book);
    Ok(())
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

/// The start is over, one way or the other: its leases stay.
pub fn settled(ctx: &Context, found: &Survey) {
    let Some(mut book) = open(ctx, None) else { return };
    let (name, dir) = (&found.stack.name, found.real_dir());
    if book.leases.tenant(name, &dir).is_some() {
        book.leases.tenant_mut(name, &dir).starting = None;
    }
    close(book);
}
