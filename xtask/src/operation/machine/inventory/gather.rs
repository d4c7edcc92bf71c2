//! Every Compose project and worktree on this machine, running or kept: the
//! engine's containers and the ledger's leases, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::disk;
use crate::docker::EngineError;
use crate::host::{self, Depth};
use crate::labels::Ports;
use crate::ledger::Ledger;
use crate::model::{Binding, ComposeOptions, Container, Health, Lease, Leases, PortRange, Protocol, Service, Tenant};
use crate::operation::proxy::{running_ports, urls_of};
use crate::operation::services::urls::service_urls;
use crate::project::folder::home_dir;
use crate::project::leases;
use crate::stack::{self, Checkout, Settings};

/// What is there.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// This folder's project first, then by folder.
    pub entries: Vec<Entry>,
    /// Why the engine did not tell.
    pub trouble: Option<EngineError>,
}

/// A project in one folder.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Compose project name.
    pub project: String,
    /// Its folder, without symbolic links.
    pub dir: PathBuf,
    /// Whether the folder is there; `None` where that cannot be told, because
    /// the stack was started on another machine or system.
    pub exists: Option<bool>,
    /// Whether it is the project that the command was typed in.
    pub here: bool,
    /// The git checkout that the folder is in.
    pub checkout: Option<Checkout>,
    /// The block that was given to it.
    pub range: Option<PortRange>,
    /// Whether the ledger knows it.
    pub leased: bool,
    /// Whether the engine has containers of it.
    pub contained: bool,
    /// Its services and dev servers, by name.
    pub services: Vec<ServiceEntry>,
}

/// A service, or a dev server outside containers.
#[derive(Debug, Clone)]
pub struct ServiceEntry {
    /// Name.
    pub name: String,
    /// How it is.
    pub state: Activity,
    /// The worst of its containers.
    pub health: Option<Health>,
    /// What the engine publishes for it now.
    pub bindings: Vec<Binding>,
    /// How it is reached.
    pub urls: Vec<String>,
    /// What is kept for it.
    pub leases: Vec<Lease>,
    /// Whether it is outside containers.
    pub dev_server: bool,
}

/// How a service is, the liveliest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// Nothing of it is there, but its ports are kept.
    Leased,
    /// It has containers, and none runs.
    Stopped,
    /// Its process is there, and does not listen yet.
    Starting,
    /// It runs; a dev server listens.
    Running,
}

impl Activity {
    /// The word used in JSON.
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
    /// Services that run.
    pub fn running(&self) -> usize {
        self.services.iter().filter(|service| service.state == Activity::Running).count()
    }

    /// The project as a whole.
    pub fn state(&self) -> Activity {
        match self.services.iter().map(|service| service.state).max() {
            Some(Activity::Leased) | None if self.contained => Activity::Stopped,
            state => state.unwrap_or(Activity::Leased),
        }
    }

    /// Whether its folder is gone.
    pub fn is_orphan(&self) -> bool {
        self.exists == Some(false)
    }
}

/// Looks around: the engine is asked one question.
pub fn inventory(ctx: &Context) -> Inventory {
    let (containers, (leases, here)) = ctx.engine.containers_beside(|| {
        let leases = ctx.leases();
        let leases = with_dev_servers(ctx, leases);
        (leases, home_dir(ctx))
    });
    let (containers, trouble) = match containers {
        Ok(containers) => (containers, None),
        Err(trouble) => (Vec::new(), Some(trouble)),
    };
    let listening = listening(&leases);
    let proxy = running_ports(ctx, &containers);
    let mut entries: Vec<Entry> = grouped(&leases, &containers)
        .into_iter()
        .map(|((project, dir), parts)| entry(ctx, &here, project, dir, &parts, &Seen { listening: &listening, proxy }))
        .collect();
    entries.sort_by(|a, b| (!a.here, &a.dir, &a.project).cmp(&(!b.here, &b.dir, &b.project)));
    Inventory { entries, trouble }
}

/// Dev servers are on this machine, wherever the engine is.
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

/// What is known of one project in one folder.
#[derive(Default)]
struct Parts<'a> {
    tenant: Option<&'a Tenant>,
    containers: Vec<&'a Container>,
}

/// By project and folder. A folder is looked at once, however many containers
/// it has.
fn grouped<'a>(leases: &'a Leases, containers: &'a [Container]) -> BTreeMap<(String, PathBuf), Parts<'a>> {
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

/// Ports of dev servers on which somebody listens.
fn listening(leases: &Leases) -> BTreeSet<u16> {
    let servers = leases.tenants.iter().flat_map(|tenant| &tenant.leases).filter(|lease| lease.is_dev_server());
    let ports: Vec<(u16, Protocol)> = servers.map(|lease| (lease.published, lease.protocol)).collect();
    host::listeners(&ports, Depth::Quick).iter().map(|socket| socket.port).collect()
}

/// What was seen of the machine as a whole.
struct Seen<'a> {
    /// Ports of dev servers on which somebody listens.
    listening: &'a BTreeSet<u16>,
    /// Those of the proxy, while it runs.
    proxy: Option<Ports>,
}

fn entry(ctx: &Context, here: &Path, project: String, dir: PathBuf, parts: &Parts<'_>, seen: &Seen<'_>) -> Entry {
    let leased = parts.tenant.is_some();
    // The engine may be elsewhere, or the stack have been started on the other
    // side of WSL: such a path is none of this system.
    let elsewhere = (ctx.engine.endpoint().is_remote() && !leased) || !dir.is_absolute();
    let runs = parts.containers.iter().any(|container| container.held().next().is_some());
    let (name, folder) = (project.clone(), dir.clone());
    let looked = (!elsewhere).then(|| disk::with_timeout(&dir, move || Folder::look(&name, &folder, runs))).flatten();
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
            let mut found = service(ctx, &declared, name, &own, leases.map(|lease| (*lease).clone()).collect());
            let running = own.iter().filter(|container| container.state.holds_ports());
            let at_proxy =
                |container: &&Container| seen.proxy.map(|ports| urls_of(container, ports)).unwrap_or_default();
            let names: Vec<String> = running.flat_map(at_proxy).collect();
            found.urls.splice(0..0, names);
            found
        })
        .collect();
    services.extend(servers.into_iter().map(|lease| server(lease, seen.listening)));
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

/// What was seen of a project's folder, all of it within one limit.
#[derive(Default)]
struct Folder {
    exists: bool,
    declared: Declared,
    checkout: Option<Checkout>,
}

impl Folder {
    fn look(project: &str, dir: &Path, runs: bool) -> Folder {
        if !dir.is_dir() {
            return Folder::default();
        }
        Folder { exists: true, declared: Declared::read(project, dir, runs), checkout: stack::checkout(dir) }
    }
}

/// What the project's own files say of its services: user and database of a
/// URL, further paths.
#[derive(Default)]
struct Declared {
    services: Vec<Service>,
    settings: Settings,
}

impl Declared {
    /// Reading costs a millisecond or two: only where something runs. A project
    /// that was started with options of its own is read without them, which is
    /// good enough for a URL.
    fn read(project: &str, dir: &Path, wanted: bool) -> Declared {
        let options = ComposeOptions { project_name: Some(project.to_owned()), ..ComposeOptions::default() };
        let read = || stack::read(&options, dir, &|_| None).ok();
        let services = wanted.then(read).flatten().map(|stack| stack.services).unwrap_or_default();
        let settings = wanted.then(|| Settings::read(dir).ok()).flatten().unwrap_or_default();
        Declared { services, settings }
    }
}

fn service(
    ctx: &Context,
    declared: &Declared,
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

fn server(lease: &Lease, listening: &BTreeSet<u16>) -> ServiceEntry {
    let state = if listening.contains(&lease.published) {
        Activity::Running
    } else if lease.runner.is_some_and(leases::lives) {
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
