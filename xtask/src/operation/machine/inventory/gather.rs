//! Collects all Compose projects and worktrees on this machine from the engine's containers
//! and the ledger's leases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::stacks::{Stacks, stacks};
use crate::context::Context;
use crate::disk;
use crate::docker::EngineError;
use crate::host::{self, Depth};
use crate::labels::Ports;
use crate::ledger::Ledger;
use crate::model::{Binding, ComposeOptions, Container, Health, Lease, Leases, PortRange, Protocol, Service, Tenant};
use crate::operation::proxy::{running_ports, urls_of};
use crate::operation::services::urls::service_urls;
use crate::project::folder::project_dir;
use crate::project::leases;
use crate::stack::{self, Checkout, Settings};

#[derive(Debug, Clone)]
pub struct Inventory {
    /// The current folder's project first, then by folder.
    pub entries: Vec<Entry>,
    /// Why containers are unknown.
    pub trouble: Option<EngineError>,
    pub(super) stacks: Stacks,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub project: String,
    /// Without symbolic links.
    pub dir: PathBuf,
    /// Whether the folder exists; `None` if it is on another machine or system.
    pub exists: Option<bool>,
    /// Whether the command runs in this project.
    pub here: bool,
    pub checkout: Option<Checkout>,
    /// The block of ports that was assigned to it.
    pub range: Option<PortRange>,
    /// Whether it is in the ledger.
    pub leased: bool,
    /// Whether it has containers.
    pub contained: bool,
    /// Services and dev servers, by name.
    pub services: Vec<ServiceEntry>,
}

/// A service, or a dev server outside containers.
#[derive(Debug, Clone)]
pub struct ServiceEntry {
    pub name: String,
    pub state: Activity,
    /// The worst of its containers.
    pub health: Option<Health>,
    /// Published now.
    pub bindings: Vec<Binding>,
    pub urls: Vec<String>,
    pub leases: Vec<Lease>,
    pub dev_server: bool,
}

/// Ordered: the most active is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// Only its ports are kept.
    Leased,
    /// It has containers, but none is running.
    Stopped,
    /// Its process exists but does not listen yet.
    Starting,
    /// It is running; a dev server listens.
    Running,
}

impl Activity {
    pub fn as_str(self) -> &'static str {
        match self {
            Activity::Leased => "leased",
            Activity::Stopped => "stopped",
            Activity::Starting => "starting",
            Activity::Running => "running",
        }
    }
}

impl Entry {
    /// The number of running services.
    pub fn running(&self) -> usize {
        self.services.iter().filter(|service| service.state == Activity::Running).count()
    }

    pub fn state(&self) -> Activity {
        match self.services.iter().map(|service| service.state).max() {
            Some(Activity::Leased) | None if self.contained => Activity::Stopped,
            state => state.unwrap_or(Activity::Leased),
        }
    }

    pub fn is_orphan(&self) -> bool {
        self.exists == Some(false)
    }
}

/// Asks the engine once, while the leases are read.
pub fn inventory(ctx: &Context) -> Inventory {
    let (containers, (leases, here)) = ctx.engine.containers_beside(|| {
        let leases = ctx.leases();
        let leases = with_dev_servers(ctx, leases);
        (leases, project_dir(ctx))
    });
    let (containers, trouble) = match containers {
        Ok(containers) => (containers, None),
        Err(trouble) => (Vec::new(), Some(trouble)),
    };
    let listening = listening(&leases);
    let proxy = running_ports(ctx, &containers);
    let mut entries: Vec<Entry> = group_by_project(&leases, &containers)
        .into_iter()
        .map(|((project, dir), parts)| {
            entry(ctx, &here, project, dir, &parts, &MachineState { listening: &listening, proxy })
        })
        .collect();
    entries.sort_by(|a, b| (!a.here, &a.dir, &a.project).cmp(&(!b.here, &b.dir, &b.project)));
    Inventory { entries, trouble, stacks: stacks(ctx, &containers) }
}

/// Adds the dev servers, which run on this machine even if the engine is remote.
fn with_dev_servers(ctx: &Context, mut leases: Leases) -> Leases {
    if ctx.engine.endpoint().is_remote() {
        let here = ctx.state_dir().map(|state| Ledger::peek(&state)).unwrap_or_default();
        for tenant in here.tenants {
            let servers: Vec<Lease> = tenant.leases.into_iter().filter(Lease::is_dev_server).collect();
            if !servers.is_empty() {
                leases.tenant_mut(&tenant.project, &tenant.dir).leases.extend(servers);
            }
        }
    }
    leases
}

#[derive(Default)]
struct Parts<'a> {
    tenant: Option<&'a Tenant>,
    containers: Vec<&'a Container>,
}

/// By project and folder. Each folder is resolved once.
fn group_by_project<'a>(leases: &'a Leases, containers: &'a [Container]) -> BTreeMap<(String, PathBuf), Parts<'a>> {
    let mut groups: BTreeMap<(String, PathBuf), Parts<'a>> = BTreeMap::new();
    for tenant in &leases.tenants {
        groups.entry((tenant.project.clone(), tenant.dir.clone())).or_default().tenant = Some(tenant);
    }
    let mut folders: BTreeMap<&Path, PathBuf> = BTreeMap::new();
    for container in containers {
        let (Some(project), Some(dir)) = (&container.project, &container.working_dir) else { continue };
        let dir = folders.entry(dir).or_insert_with(|| disk::real_path(dir)).clone();
        groups.entry((project.clone(), dir)).or_default().containers.push(container);
    }
    groups
}

/// Ports of dev servers that have a listener.
fn listening(leases: &Leases) -> BTreeSet<u16> {
    let servers = leases.tenants.iter().flat_map(|tenant| &tenant.leases).filter(|lease| lease.is_dev_server());
    let ports: Vec<(u16, Protocol)> = servers.map(|lease| (lease.published, lease.protocol)).collect();
    host::listeners(&ports, Depth::Quick).iter().map(|socket| socket.port).collect()
}

struct MachineState<'a> {
    /// Ports of dev servers that have a listener.
    listening: &'a BTreeSet<u16>,
    /// Ports of the running proxy.
    proxy: Option<Ports>,
}

fn entry(
    ctx: &Context,
    here: &Path,
    project: String,
    dir: PathBuf,
    parts: &Parts<'_>,
    seen: &MachineState<'_>,
) -> Entry {
    let leased = parts.tenant.is_some();
    // With a remote engine, or a stack started on the other side of WSL, the path is
    // not one of this system.
    let elsewhere = (ctx.engine.endpoint().is_remote() && !leased) || !dir.is_absolute();
    let runs = parts.containers.iter().any(|container| container.held().next().is_some());
    let (name, folder) = (project.clone(), dir.clone());
    let looked =
        (!elsewhere).then(|| disk::with_timeout(&dir, move || Folder::inspect(&name, &folder, runs))).flatten();
    let exists = looked.as_ref().map(|folder| folder.exists);
    let Folder { declared, checkout, .. } = looked.unwrap_or_default();
    let leases = parts.tenant.map(|tenant| tenant.leases.as_slice()).unwrap_or_default();
    let (servers, of_services): (Vec<&Lease>, Vec<&Lease>) = leases.iter().partition(|lease| lease.is_dev_server());
    let mut names: BTreeSet<&str> = of_services.iter().map(|lease| lease.service.as_str()).collect();
    names.extend(parts.containers.iter().filter_map(|container| container.service.as_deref()));
    let mut services: Vec<ServiceEntry> = names
        .into_iter()
        .map(|name| {
            let own = parts.containers.iter().copied().filter(|container| container.service.as_deref() == Some(name));
            let leases = of_services.iter().filter(|lease| lease.service == name);
            let own: Vec<&Container> = own.collect();
            let mut found = service_entry(ctx, &declared, name, &own, leases.map(|lease| (*lease).clone()).collect());
            let running = own.iter().filter(|container| container.state.holds_ports());
            let at_proxy =
                |container: &&Container| seen.proxy.map(|ports| urls_of(container, ports)).unwrap_or_default();
            let names: Vec<String> = running.flat_map(at_proxy).collect();
            found.urls.splice(0..0, names);
            found
        })
        .collect();
    services.extend(servers.into_iter().map(|lease| dev_server_entry(lease, seen.listening)));
    Entry {
        here: dir == here,
        checkout,
        range: parts.tenant.and_then(|tenant| tenant.range),
        contained: !parts.containers.is_empty(),
        project,
        dir,
        exists,
        leased,
        services,
    }
}

/// All that is read from a project's folder, under one time limit.
#[derive(Default)]
struct Folder {
    exists: bool,
    declared: DeclaredServices,
    checkout: Option<Checkout>,
}

impl Folder {
    fn inspect(project: &str, dir: &Path, runs: bool) -> Folder {
        if !dir.is_dir() {
            return Folder::default();
        }
        Folder { exists: true, declared: DeclaredServices::read(project, dir, runs), checkout: stack::checkout(dir) }
    }
}

/// From the project's files: user and database for URLs, additional paths.
#[derive(Default)]
struct DeclaredServices {
    services: Vec<Service>,
    settings: Settings,
}

impl DeclaredServices {
    /// Only for running projects, because reading takes a millisecond or two. Options of the
    /// start are not known here, which is good enough for URLs.
    fn read(project: &str, dir: &Path, wanted: bool) -> DeclaredServices {
        let options = ComposeOptions { project_name: Some(project.to_owned()), ..ComposeOptions::default() };
        let read = || stack::read(&options, dir, &|_| None).ok();
        let services = wanted.then(read).flatten().map(|stack| stack.services).unwrap_or_default();
        let settings = wanted.then(|| Settings::read(dir).ok()).flatten().unwrap_or_default();
        DeclaredServices { services, settings }
    }
}

fn service_entry(
    ctx: &Context,
    declared: &DeclaredServices,
    name: &str,
    containers: &[&Container],
    leases: Vec<Lease>,
) -> ServiceEntry {
    let image = containers.first().map(|container| container.image.clone());
    let from_image = Service { name: name.to_owned(), image, ..Service::default() };
    let model = declared.services.iter().find(|service| service.name == name).unwrap_or(&from_image);
    let held = || containers.iter().flat_map(|container| container.held());
    let mut bindings: Vec<Binding> = held().cloned().collect();
    bindings.sort_by_key(|binding| (binding.target, binding.published, binding.protocol, binding.host_ip));
    let running = || containers.iter().filter(|container| container.state.holds_ports());
    let state = match (running().next(), containers.first()) {
        (Some(_), _) => Activity::Running,
        (None, Some(_)) => Activity::Stopped,
        (None, None) => Activity::Leased,
    };
    ServiceEntry {
        name: name.to_owned(),
        state,
        health: running().filter_map(|container| container.health).min(),
        urls: service_urls(ctx, &declared.settings, model, held()),
        bindings,
        leases,
        dev_server: false,
    }
}

fn dev_server_entry(lease: &Lease, listening: &BTreeSet<u16>) -> ServiceEntry {
    let state = if listening.contains(&lease.published) {
        Activity::Running
    } else if lease.runner.is_some_and(leases::is_alive) {
        Activity::Starting
    } else {
        Activity::Leased
    };
    let url = || format!("http://localhost:{}", lease.published);
    ServiceEntry {
        name: lease.service.clone(),
        state,
        health: None,
        bindings: Vec::new(),
        urls: (state == Activity::Running).then(url).into_iter().collect(),
        leases: vec![lease.clone()],
        dev_server: true,
    }
}
