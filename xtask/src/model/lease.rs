//! Ports leased to projects, whether they run or not.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{PortRange, Protocol};

/// A published port that is reserved for a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Service of the project, or the name of a dev server outside containers.
    pub service: String,
    /// Port in the container; 0 for a dev server outside containers.
    pub target: u16,
    pub protocol: Protocol,
    pub published: u16,
    /// RFC 3339.
    pub since: String,
    /// The dev server that was last started on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<Starter>,
}

impl Lease {
    /// A lease of a port for a service.
    pub fn new(service: &str, target: u16, protocol: Protocol, published: u16, since: String) -> Self {
        Lease { service: service.to_owned(), target, protocol, published, since, runner: None }
    }

    /// Whether it is for a dev server outside containers.
    pub fn is_dev_server(&self) -> bool {
        self.target == 0
    }
}

/// A process that is about to bind the ports of a tenant. It counts while it lives,
/// which pid and start time together tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starter {
    /// Process id.
    pub pid: u32,
    /// Its start time, in the unit of [`super::Process::start_mark`].
    pub mark: u64,
}

/// A project in one folder, and its leases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Compose project name.
    pub project: String,
    /// Project folder, without symbolic links.
    pub dir: PathBuf,
    /// The block that its ports are chosen from, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<PortRange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting: Option<Starter>,
    /// How it was started by names, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<NamesFile>,
    pub leases: Vec<Lease>,
}

/// What is needed to read a project that was started by names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamesFile {
    pub path: PathBuf,
    /// The host name of this checkout, without `.localhost`.
    pub host: String,
}

impl Tenant {
    /// A tenant without leases.
    pub fn new(project: &str, dir: &Path) -> Self {
        Tenant {
            project: project.to_owned(),
            dir: dir.to_path_buf(),
            range: None,
            starting: None,
            names: None,
            leases: Vec::new(),
        }
    }

    /// The ports leased for one target port of a service, in the order of the model: a
    /// service may publish the same target several times.
    pub fn ports_of(&self, service: &str, target: u16, protocol: Protocol) -> impl Iterator<Item = u16> {
        let is_it =
            move |lease: &&Lease| lease.service == service && lease.target == target && lease.protocol == protocol;
        self.leases.iter().filter(is_it).map(|lease| lease.published)
    }

    pub fn has_lease(&self, port: u16, protocol: Protocol) -> bool {
        self.leases.iter().any(|lease| lease.published == port && lease.protocol == protocol)
    }

    /// Whether `port` is leased to one of its dev servers.
    pub fn has_dev_server(&self, port: u16) -> bool {
        self.leases.iter().any(|lease| lease.published == port && lease.is_dev_server())
    }

    /// The processes that are about to bind `port` or have bound it: the one that
    /// starts the project, and the dev server that the port is for.
    pub fn starters(&self, port: u16, protocol: Protocol) -> impl Iterator<Item = Starter> {
        let of_port = self.leases.iter().filter(move |lease| (lease.published, lease.protocol) == (port, protocol));
        self.starting.into_iter().chain(of_port.filter_map(|lease| lease.runner))
    }

    /// Whether it is a Compose project rather than a folder of dev servers.
    pub fn is_stack(&self) -> bool {
        self.leases.is_empty() || self.leases.iter().any(|lease| !lease.is_dev_server())
    }

    pub fn is_project(&self, project: &str, dir: &Path) -> bool {
        self.project == project && self.dir == dir
    }

    fn moved(mut self, from: &Path, to: &Path) -> Tenant {
        self.dir = to.to_path_buf();
        if let Some(names) = &mut self.names
            && let Ok(below) = names.path.strip_prefix(from)
        {
            names.path = to.join(below);
        }
        self
    }

    /// Adds the leases of services that have none.
    fn add(&mut self, other: Tenant) {
        let is_new = |lease: &Lease| self.ports_of(&lease.service, lease.target, lease.protocol).next().is_none();
        let leases: Vec<Lease> = other.leases.into_iter().filter(is_new).collect();
        self.leases.extend(leases);
        self.range = self.range.or(other.range);
    }
}

/// All leases of this user on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leases {
    /// In the order in which they were added.
    pub tenants: Vec<Tenant>,
}

impl Leases {
    pub fn tenant(&self, project: &str, dir: &Path) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.is_project(project, dir))
    }

    /// Adds the tenant if there is none.
    pub fn tenant_mut(&mut self, project: &str, dir: &Path) -> &mut Tenant {
        let at = self.tenants.iter().position(|tenant| tenant.is_project(project, dir)).unwrap_or_else(|| {
            self.tenants.push(Tenant::new(project, dir));
            self.tenants.len() - 1
        });
        &mut self.tenants[at]
    }

    /// Moves what is kept for projects in folders that are at other paths now: project, path before,
    /// path now. All at once, because two folders may have changed places. Something may be kept for
    /// a project there already: then the ports that were chosen there win.
    pub fn move_tenants(&mut self, steps: &[(String, &Path, &Path)]) {
        let step_of = |tenant: &Tenant| steps.iter().find(|(project, from, _)| tenant.is_project(project, from));
        let mut moved = Vec::new();
        let mut stay = Vec::new();
        for tenant in self.tenants.drain(..) {
            match step_of(&tenant) {
                Some((_, from, to)) => moved.push((stay.len(), tenant.moved(from, to))),
                None => stay.push(tenant),
            }
        }
        // From the end, so that the tenants before keep their order.
        for (at, tenant) in moved.into_iter().rev() {
            match stay.iter_mut().find(|there| there.is_project(&tenant.project, &tenant.dir)) {
                Some(there) => there.add(tenant),
                None => stay.insert(at, tenant),
            }
        }
        self.tenants = stay;
    }

    /// All tenants except the project of that name in that folder.
    pub fn others<'a>(&'a self, project: &'a str, dir: &'a Path) -> impl Iterator<Item = &'a Tenant> {
        self.tenants.iter().filter(move |tenant| !tenant.is_project(project, dir))
    }

    /// Ends the lease of `port` for everybody except the project of that name in that
    /// folder, and returns those who had it.
    pub fn take_over(&mut self, port: u16, protocol: Protocol, project: &str, dir: &Path) -> Vec<(String, PathBuf)> {
        let mut before = Vec::new();
        for tenant in self.tenants.iter_mut().filter(|tenant| !tenant.is_project(project, dir)) {
            let had = tenant.leases.len();
            tenant.leases.retain(|lease| (lease.published, lease.protocol) != (port, protocol));
            if tenant.leases.len() < had {
                before.push((tenant.project.clone(), tenant.dir.clone()));
            }
        }
        before
    }
}
