//! Checks every project that ports are kept for against the others.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use console::style;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::{self, Depth};
use crate::ledger::Ledger;
use crate::model::{ComposeOptions, Lease, Owner, Process, Protocol, Stack, Starter, Tenant, Verdict};
use crate::ports::{self, OwnerReport, PortHolders, find_holders};
use crate::project::{leases, with_real_folder};
use crate::{disk, stack, ui};

/// The JSON of `check-ports --all`.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    schema: u32,
    projects: Vec<Project>,
}

#[derive(Debug, Serialize)]
struct Project {
    #[serde(rename = "project")]
    name: String,
    #[serde(serialize_with = "ui::json_path")]
    dir: PathBuf,
    ports: Vec<Claim>,
}

/// A port that is kept for a project, or that its compose files publish, or both.
#[derive(Debug, Serialize)]
struct Claim {
    service: String,
    target: Option<u16>,
    protocol: Protocol,
    published: u16,
    leased: bool,
    wanted: bool,
    variable: Option<String>,
    verdict: &'static str,
    /// Without the project's own.
    owners: Vec<OwnerReport>,
    /// Other projects with the same port.
    clashes: Vec<Party>,
    #[serde(skip)]
    host_ip: Option<IpAddr>,
    #[serde(skip)]
    runner: Option<Starter>,
    #[serde(skip)]
    strangers: Vec<Owner>,
}

type Claimed = (Option<IpAddr>, Party);

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Party {
    project: String,
    #[serde(serialize_with = "ui::json_path")]
    dir: PathBuf,
    service: String,
    leased: bool,
}

/// Checks every project with leases whose folder exists.
pub(crate) fn check(ctx: &Context) -> Result<Check> {
    let leases = Ledger::peek(&ctx.state_dir()?);
    let tenants = leases.tenants.iter().filter(|tenant| disk::is_folder(&tenant.dir));
    let mut projects: Vec<Project> = tenants
        .map(|tenant| Project { name: tenant.project.clone(), dir: tenant.dir.clone(), ports: claims(tenant) })
        .collect();
    projects.sort_by(|a, b| (&a.dir, &a.name).cmp(&(&b.dir, &b.name)));
    judge_claims(ctx, &mut projects)?;
    let mut on_port: BTreeMap<(u16, Protocol), Vec<Claimed>> = BTreeMap::new();
    for project in &projects {
        for claim in &project.ports {
            let party = (claim.host_ip, party(project, claim));
            on_port.entry((claim.published, claim.protocol)).or_default().push(party);
        }
    }
    for project in &mut projects {
        for claim in &mut project.ports {
            let all = on_port.get(&(claim.published, claim.protocol)).into_iter().flatten();
            let is_other = |other: &Party| (&other.project, &other.dir) != (&project.name, &project.dir);
            let others = all.filter(|(ip, other)| is_other(other) && addresses_overlap(claim.host_ip, *ip));
            claim.clashes = others.map(|(_, other)| other.clone()).collect();
        }
    }
    Ok(Check { schema: 1, projects })
}

fn party(project: &Project, claim: &Claim) -> Party {
    let (service, leased) = (claim.service.clone(), claim.leased);
    Party { project: project.name.clone(), dir: project.dir.clone(), service, leased }
}

/// Whether two host IPs of one port exclude each other. A lease has no host IP (`None`), so it
/// overlaps with any.
fn addresses_overlap(a: Option<IpAddr>, b: Option<IpAddr>) -> bool {
    a.zip(b).is_none_or(|(a, b)| a == b || a.is_unspecified() || b.is_unspecified())
}

/// The model from the folder's files, and whether it is a linked worktree: one that was
/// started with --no-write has the main checkout's ports in its files, and its own only in
/// the ledger.
fn model(project: String, dir: &Path) -> Option<(Stack, bool)> {
    let options = ComposeOptions { project_name: Some(project), ..ComposeOptions::default() };
    let stack = stack::read(&options, dir, &|_| None).ok()?;
    Some((stack, stack::checkout(dir).is_some_and(|checkout| checkout.linked)))
}

fn claims(tenant: &Tenant) -> Vec<Claim> {
    let of_lease = |lease: &Lease| Claim {
        service: lease.service.clone(),
        target: Some(lease.target).filter(|target| *target > 0),
        protocol: lease.protocol,
        published: lease.published,
        leased: true,
        wanted: false,
        variable: None,
        verdict: "free",
        owners: Vec::new(),
        clashes: Vec::new(),
        host_ip: None,
        runner: lease.runner,
        strangers: Vec::new(),
    };
    let mut claims: Vec<Claim> = tenant.leases.iter().map(of_lease).collect();
    // A folder with dev servers may have a compose file that was never started.
    let (project, dir) = (tenant.project.clone(), tenant.dir.clone());
    let read = || disk::with_timeout(&tenant.dir, move || model(project, &dir)).flatten();
    let Some((stack, linked)) = tenant.is_stack().then(read).flatten() else { return claims };
    for wanted in stack.ports() {
        let mapping = &wanted.mapping;
        let Some(port) = mapping.published.filter(|range| range.is_one()).map(|range| range.first) else { continue };
        let variable = wanted.origin.as_ref().and_then(|origin| origin.variable.clone());
        let same = |claim: &&mut Claim| {
            claim.service == mapping.service
                && claim.target == Some(mapping.target)
                && (claim.published, claim.protocol) == (port, mapping.protocol)
        };
        if let Some(claim) = claims.iter_mut().find(same) {
            (claim.wanted, claim.variable, claim.host_ip) = (true, variable, mapping.host_ip);
        } else if !linked || tenant.ports_of(&mapping.service, mapping.target, mapping.protocol).next().is_none() {
            let lease = Lease::new(&mapping.service, mapping.target, mapping.protocol, port, String::new());
            let claim = of_lease(&lease);
            claims.push(Claim { leased: false, wanted: true, variable, host_ip: mapping.host_ip, ..claim });
        }
    }
    claims
}

/// Looks up the holders of all ports in one go. SCTP is never probed.
fn judge_claims(ctx: &Context, projects: &mut [Project]) -> Result<()> {
    let claims = projects.iter().flat_map(|project| &project.ports);
    let ports: BTreeSet<(u16, Protocol)> = claims.map(|claim| (claim.published, claim.protocol)).collect();
    let ports: Vec<(u16, Protocol)> = ports.into_iter().filter(|(_, protocol)| *protocol != Protocol::Sctp).collect();
    if ports.is_empty() {
        return Ok(());
    }
    let found = find_holders(ctx, &ports, Depth::Quick)
        .map_err(|error: Error| error.within("cannot find out who holds a port"))?;
    if let Err(trouble) = &found.containers {
        ui::warn(&format!("containers cannot be listed: {}", ctx.engine_error(trouble)));
    }
    let holders: BTreeMap<(u16, Protocol), &PortHolders> =
        found.ports.iter().map(|port| ((port.port, port.protocol), port)).collect();
    for project in projects.iter_mut() {
        for claim in &mut project.ports {
            if let Some(holders) = holders.get(&(claim.published, claim.protocol)) {
                judge_claim(&project.name, &project.dir, claim, holders);
            }
        }
    }
    Ok(())
}

fn judge_claim(name: &str, dir: &Path, claim: &mut Claim, holders: &PortHolders) {
    let Verdict::Taken(owners) = &holders.verdict else {
        claim.verdict = holders.verdict.as_str();
        return;
    };
    let is_own = |owner: &&Owner| match owner {
        Owner::Container(container) => with_real_folder(container.clone()).belongs_to(name, dir),
        Owner::Process(process) => claim.target.is_none() && is_dev_server(process, dir, claim.runner),
        Owner::SwarmService(_) | Owner::Engine(_) | Owner::Unknown { .. } => false,
    };
    let strangers: Vec<Owner> = owners.iter().filter(|owner| !is_own(owner)).cloned().collect();
    claim.verdict = if strangers.is_empty() { "ours" } else { "taken" };
    claim.owners = strangers.iter().map(OwnerReport::from).collect();
    claim.strangers = strangers;
}

/// Whether a process is the dev server: the process of the lease, a child of it, or one
/// started by hand in the same folder.
fn is_dev_server(process: &Process, dir: &Path, runner: Option<Starter>) -> bool {
    let around = host::process_context(process);
    let is_child = |runner: Starter| {
        leases::is_alive(runner) && (process.pid == runner.pid || around.parents.iter().any(|of| of.pid == runner.pid))
    };
    runner.is_some_and(is_child) || around.cwd.is_some_and(|cwd| cwd.starts_with(dir))
}

impl Claim {
    fn is_bad(&self) -> bool {
        !matches!(self.verdict, "free" | "ours") || !self.clashes.is_empty()
    }
}

impl Check {
    /// The number of ports that a project cannot have for itself.
    pub(crate) fn clashes(&self) -> usize {
        self.projects.iter().flat_map(|project| &project.ports).filter(|claim| claim.is_bad()).count()
    }

    pub(crate) fn text(&self, ctx: &Context) {
        let ports = self.projects.iter().map(|project| project.ports.len()).sum();
        let clashes = match self.clashes() {
            0 => "no clashes".to_owned(),
            1 => "1 clash".to_owned(),
            n => format!("{n} clashes"),
        };
        ui::out(&format!("{}, {}: {clashes}", ui::count(self.projects.len(), "project"), ui::count(ports, "port")));
        for project in &self.projects {
            let bad: Vec<&Claim> = project.ports.iter().filter(|claim| claim.is_bad()).collect();
            if bad.is_empty() {
                continue;
            }
            ui::out(&format!("  {} in {}", style(ui::clean(&project.name)).bold(), ctx.show(&project.dir)));
            for claim in bad {
                for line in lines(ctx, claim) {
                    ui::out(&format!("    {line}"));
                }
            }
        }
        if self.clashes() > 0 {
            ui::note("hint: `cargo xtask check-ports --reassign` in a project's folder moves it to free ports");
        }
    }
}

fn lines(ctx: &Context, claim: &Claim) -> Vec<String> {
    let from = claim.variable.as_deref().map(|variable| format!(" ({variable})")).unwrap_or_default();
    let head = format!("{} {}{}", ui::clean(&claim.service), claim.published, ui::clean(&from));
    let mut lines: Vec<String> = Vec::new();
    if claim.strangers.is_empty() && !matches!(claim.verdict, "free" | "ours") {
        lines.push(format!("{head}: {}", claim.verdict));
    }
    lines.extend(claim.strangers.iter().map(|owner| match owner {
        Owner::Unknown { why } => format!("{head}: {}", ui::clean(why)),
        owner => format!("{head}: taken by {}", ports::describe(ctx, owner)),
    }));
    lines.extend(claim.clashes.iter().map(|other| {
        let verb = if other.leased { "kept for" } else { "wanted by" };
        let (service, project) = (ui::clean(&other.service), ui::clean(&other.project));
        format!("{head}: {verb} {service} of {project} in {}", ctx.show(&other.dir))
    }));
    lines
}
