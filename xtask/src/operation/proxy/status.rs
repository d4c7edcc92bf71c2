//! The proxy's state, from the engine, from Traefik's API (through the dashboard's router),
//! and from the certificates.

use serde::Serialize;

use super::ask::routes;
use super::instance::{Instance, engine_error, published_ports};
use super::ports::{PortChooser, port_option};
use super::proof;
use super::urls::{account, url, url_or_command};
use crate::context::Context;
use crate::error::Result;
use crate::labels::{self, DASHBOARD, Kind, LabelledContainer, Ports, Rival, Transport, hosts, routers};
use crate::model::{Container, Health, State};
use crate::ui::{self, Column};

/// Also the JSON of `proxy status`.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    schema: u32,
    /// `running`, `starting`, `unhealthy`, `stopped` or `absent`.
    state: &'static str,
    project: String,
    network: String,
    folder: String,
    image: Option<String>,
    version: Option<String>,
    dashboard: Option<String>,
    ports: Vec<EntryPoint>,
    ca: Option<String>,
    certificates: Vec<Certificate>,
    routes: Vec<RouteRow>,
    /// Labels that take names from projects.
    rivals: Vec<RivalRow>,
    /// Why the routes are unknown, or what is wrong with all of them.
    trouble: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct EntryPoint {
    entrypoint: &'static str,
    port: u16,
    /// The default or requested one.
    usual: u16,
    /// Who holds that one.
    held_by: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Certificate {
    name: String,
    hosts: Vec<String>,
    ends: String,
}

#[derive(Debug, Clone, Serialize)]
struct RouteRow {
    transport: Transport,
    router: String,
    rule: String,
    urls: Vec<String>,
    /// The command that connects to a database.
    connect: Option<String>,
    status: String,
    errors: Vec<String>,
    project: Option<String>,
    service: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct RivalRow {
    /// The project that loses names.
    project: String,
    /// The container that takes them.
    container: String,
    /// Whether it takes them now; `false`: only while a service is down.
    harm: bool,
    message: String,
    cure: String,
}

impl Status {
    /// Whether it runs without problems.
    pub fn is_healthy(&self) -> bool {
        self.state == "running"
            && self.trouble.is_none()
            && self.routes.iter().all(|route| route.errors.is_empty())
            && !self.rivals.iter().any(|rival| rival.harm)
    }

    pub fn is_up(&self) -> bool {
        self.state == "running"
    }

    /// Whether it has no container.
    pub fn is_absent(&self) -> bool {
        self.state == "absent"
    }

    /// `running, Traefik 3.7.0, 2 routes, 1 certificate`
    pub fn summary(&self) -> String {
        let version = self.version.as_ref().map(|version| format!(", Traefik {version}")).unwrap_or_default();
        let (routes, certificates) =
            (ui::count(self.routes.len(), "route"), ui::count(self.certificates.len(), "certificate"));
        format!("{}{version}, {routes}, {certificates}", self.state)
    }

    /// Why it cannot be asked, the errors of its routes, and labels that take names.
    pub fn problems(&self) -> Vec<String> {
        let of_route = |route: &RouteRow| {
            let router = ui::clean(&route.router);
            route.errors.iter().map(|error| format!("{router}: {}", ui::clean(error))).collect::<Vec<String>>()
        };
        let rivals = self.rivals.iter().filter(|rival| rival.harm).map(|rival| ui::clean(&rival.message));
        self.trouble.iter().cloned().chain(self.routes.iter().flat_map(of_route)).chain(rivals).collect()
    }

    /// Routers that answer for a project while one of its services is down.
    pub fn fallbacks(&self) -> Vec<String> {
        let rivals = self.rivals.iter().filter(|rival| !rival.harm);
        rivals.map(|rival| format!("{}: {}", ui::clean(&rival.project), ui::clean(&rival.message))).collect()
    }

    /// The ports that differ from the default because others hold those.
    pub fn displaced_ports(&self) -> Vec<String> {
        let other = |entry: &EntryPoint| {
            let holder = entry.held_by.as_ref()?;
            Some(format!("{} is on {}, because {} is held: {holder}", entry.entrypoint, entry.port, entry.usual))
        };
        self.ports.iter().filter_map(other).collect()
    }

    /// The command that switches back to the default ports once they are free, while projects
    /// keep running.
    pub fn reclaim_command(&self) -> String {
        reclaim(self.ports.iter().filter(|entry| entry.held_by.is_some()))
    }
}

fn reclaim<'a>(entries: impl IntoIterator<Item = &'a EntryPoint>) -> String {
    let options = entries.into_iter().map(|entry| format!(" {} {}", port_option(entry.entrypoint), entry.usual));
    format!("cargo xtask proxy up{}", options.collect::<String>())
}

pub fn status(ctx: &Context) -> Result<Status> {
    let instance = Instance::resolve(ctx)?;
    let containers = ctx.engine.containers().map_err(engine_error(ctx))?;
    let own = instance.container(&containers);
    let saved = instance.load_state();
    let state = match own.map(|own| (own.state, own.health)) {
        None => "absent",
        Some((State::Running, Some(Health::Healthy))) => "running",
        Some((State::Running, Some(Health::Unhealthy))) => "unhealthy",
        Some((State::Running | State::Restarting, _)) => "starting",
        Some(_) => "stopped",
    };
    let ports = own.and_then(published_ports);
    let asked = ports.map(|ports| (ports, routes(ports)));
    let (rows, trouble) = match asked {
        Some((ports, Ok(routes))) => {
            (routes.into_iter().map(|route| row(ctx, route, ports, &instance, &containers)).collect(), None)
        }
        Some((ports, Err(error))) => {
            (Vec::new(), Some(format!("{} does not answer: {error}", url("http", DASHBOARD, ports.web))))
        }
        None => (Vec::new(), None),
    };
    let certs = instance.certs();
    let certificate = |issued: crate::certs::Issued| Certificate {
        ends: ui::rfc3339(issued.ends_at()),
        name: issued.name,
        hosts: issued.hosts,
    };
    Ok(Status {
        schema: 1,
        state,
        image: own.map(|own| own.image.clone()),
        version: saved.version.map(|(_, version)| version),
        dashboard: ports.map(|ports| url("http", DASHBOARD, ports.web)),
        ports: ports
            .map(|ports| entry_points(ctx, &instance, &containers, ports, saved.chosen_ports))
            .unwrap_or_default(),
        ca: certs.ca_file().is_file().then(|| certs.ca_file().display().to_string()),
        certificates: certs.list().into_iter().map(certificate).collect(),
        routes: rows,
        rivals: rivals(&instance, &containers),
        trouble: trouble.or_else(|| outdated(&instance, own)),
        project: instance.project,
        network: instance.network,
        folder: instance.dir.display().to_string(),
    })
}

fn rivals(instance: &Instance, containers: &[Container]) -> Vec<RivalRow> {
    let row = |(project, rival, by): (String, Rival, LabelledContainer<'_>)| RivalRow {
        project,
        container: by.container.to_owned(),
        harm: rival.is_harmful(),
        message: rival.fact(&by.in_words()),
        cure: rival.cure(),
    };
    proof::find_rivals(instance, containers, None).into_iter().map(row).collect()
}

/// Whether an older version of this program, in another checkout, started the proxy last.
fn outdated(instance: &Instance, own: Option<&Container>) -> Option<String> {
    own?;
    let text = std::fs::read_to_string(instance.compose_file()).ok()?;
    (!text.contains(&labels::constraint(&instance.network))).then(|| {
        "an older `cargo xtask` of another checkout started it, so it ignores the names of this version; \
         `cargo xtask proxy up` fixes that"
            .to_owned()
    })
}

fn entry_points(
    ctx: &Context,
    instance: &Instance,
    containers: &[Container],
    ports: Ports,
    chosen: [Option<u16>; 4],
) -> Vec<EntryPoint> {
    let chooser = PortChooser::new(ctx, instance, containers);
    // The probe finds the proxy's own ports free.
    let itself = |usual| ports.entries().into_iter().find(|entry| entry.1 == usual).map(|entry| entry.0);
    let entry = |((entrypoint, port, usual), chosen): ((&'static str, u16, u16), Option<u16>)| {
        let usual = chosen.unwrap_or(usual);
        let other = || itself(usual).map(|name| format!("{name} of this proxy")).or_else(|| chooser.holder(usual));
        EntryPoint { entrypoint, port, usual, held_by: if port == usual { None } else { other() } }
    };
    ports.entries().into_iter().zip(chosen).map(entry).collect()
}

/// The URLs of a container at a proxy with these ports, by its labels.
pub fn urls_of(container: &Container, ports: Ports) -> Vec<String> {
    let port = |entry: &str| ports.entries().into_iter().find(|known| known.0 == entry).map(|known| known.1);
    let of_router = |router: crate::labels::Router| {
        let names = hosts(&router.rule);
        let entries = router.entrypoints.iter().filter_map(|entry| Some((scheme(entry), port(entry)?)));
        entries
            .flat_map(|(scheme, port)| names.iter().map(move |host| url(scheme, host, port)))
            .collect::<Vec<String>>()
    };
    routers(&container.traefik).into_iter().flat_map(of_router).collect()
}

fn row(
    ctx: &Context,
    route: crate::operation::proxy::ask::Route,
    ports: Ports,
    instance: &Instance,
    containers: &[Container],
) -> RouteRow {
    let name = route.name.strip_suffix("@docker");
    let defines = |container: &&Container| {
        container.state.holds_ports()
            && routers(&container.traefik)
                .iter()
                .any(|router| Some(router.name.as_str()) == name && router.transport == route.transport)
    };
    let owner = instance.guests(containers).into_iter().find(defines);
    let of_entry = |entry: &str| ports.entries().into_iter().find(|known| known.0 == entry).map(|known| known.1);
    let names = hosts(&route.rule);
    let mut urls = Vec::new();
    for entry in &route.entrypoints {
        let (Some(port), scheme) = (of_entry(entry), scheme(entry)) else { continue };
        urls.extend(names.iter().map(|host| url(scheme, host, port)));
    }
    let kind = route.entrypoints.iter().find_map(|entry| match entry.as_str() {
        "postgres" => Some(Kind::Postgres),
        "redis" => Some(Kind::Redis),
        _ => None,
    });
    let ca = instance.certs().ca_file();
    let asked = owner.filter(|_| kind == Some(Kind::Postgres)).and_then(|owner| ctx.engine.detail(&owner.id).ok());
    let account = asked.map(|detail| account(&detail.environment)).unwrap_or_default();
    let connect = kind.zip(names.first()).map(|(kind, host)| url_or_command(host, kind, ports, &ca, &account));
    RouteRow {
        connect,
        transport: route.transport,
        router: route.name,
        rule: route.rule,
        urls,
        status: route.status,
        errors: route.errors,
        project: owner.and_then(|owner| owner.project.clone()),
        service: owner.and_then(|owner| owner.service.clone()),
    }
}

fn scheme(entrypoint: &str) -> &'static str {
    match entrypoint {
        "web" => "http",
        "websecure" => "https",
        "postgres" => "postgres",
        _ => "rediss",
    }
}

fn lines(columns: &[Column], rows: &[Vec<String>]) {
    for line in ui::table(columns, rows) {
        ui::out(&format!("  {line}"));
    }
}

pub fn print(ctx: &Context, status: &Status) {
    let version = status.version.as_deref().map(|version| format!(", Traefik {version}")).unwrap_or_default();
    ui::out(&format!("proxy {}{version}, network {}", status.state, status.network));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for entry in &status.ports {
        let note = match &entry.held_by {
            Some(who) => format!("{} is held: {who}", entry.usual),
            None if entry.port != entry.usual => format!("{} is free again: `{}`", entry.usual, reclaim([entry])),
            None => String::new(),
        };
        rows.push(vec![entry.entrypoint.to_owned(), entry.port.to_string(), note]);
    }
    lines(&[Column::Left, Column::Right, Column::Left], &rows);
    let mut rows: Vec<Vec<String>> = Vec::new();
    if let Some(dashboard) = &status.dashboard {
        rows.push(vec!["dashboard".to_owned(), dashboard.clone()]);
    }
    if let Some(ca) = &status.ca {
        rows.push(vec!["ca".to_owned(), ctx.show(std::path::Path::new(ca))]);
    }
    for certificate in &status.certificates {
        let names = format!("{} until {}", certificate.hosts.join(" "), certificate.ends);
        rows.push(vec!["certificate".to_owned(), ui::clean(&names)]);
    }
    lines(&[Column::Left; 2], &rows);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for row in &status.routes {
        let whose = match (&row.project, &row.service) {
            (Some(project), Some(service)) => format!("{project}/{service}"),
            _ => row.router.clone(),
        };
        let what = if row.urls.is_empty() { row.rule.clone() } else { row.urls.join(" ") };
        rows.push(vec!["route".to_owned(), ui::clean(&what), ui::clean(&whose), ui::clean(&row.status)]);
        rows.extend(row.errors.iter().map(|error| vec![String::new(), ui::clean(error)]));
    }
    lines(&[Column::Left; 4], &rows);
    // Long lines to copy, so not in a table.
    for connect in status.routes.iter().filter_map(|row| row.connect.as_ref()) {
        ui::out(&format!("  {}", ui::clean(connect)));
    }
    for rival in status.rivals.iter().filter(|rival| rival.harm) {
        ui::warn(&ui::clean(&rival.message));
        ui::note(&format!("hint: {}", rival.cure));
    }
    for fallback in status.fallbacks() {
        ui::note(&format!("note: {fallback}"));
    }
    if let Some(trouble) = &status.trouble {
        ui::warn(trouble);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_names_each_option() {
        let entry = |entrypoint, usual| EntryPoint { entrypoint, port: 1, usual, held_by: Some("nginx".to_owned()) };
        let all = [entry("web", 80), entry("websecure", 443), entry("postgres", 5432), entry("redis", 6379)];
        assert_eq!(
            reclaim(&all),
            "cargo xtask proxy up --http-port 80 --https-port 443 --postgres-port 5432 --redis-port 6379"
        );
        assert_eq!(reclaim(&all[2..3]), "cargo xtask proxy up --postgres-port 5432");
    }
}
