//! Starting a project with host names (`start --traefik`): what is prepared before Compose
//! runs, the proof that every name reaches its service, and the URLs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::ask::{Answer, route_answers, routes};
use super::certify::{self, presents_current_certificate, stale_certificate};
use super::names::{self, Plan};
use super::proof::{Backends, backends, refuse_rivals};
use super::urls::{account, hosts_lines, url_or_command};
use super::{Instance, Options, link_networks, up};
use crate::context::Context;
use crate::error::{Context as _, Error, Result};
use crate::exec::InterruptGuard;
use crate::labels::{self, Kind, Ports, hosts};
use crate::model::NamesFile;
use crate::operation::change::tracked::WriteMode;
use crate::operation::check::project::CheckedProject;
use crate::operation::services::urls::{ServiceUrls, url_with_path};
use crate::project::Project;
use crate::{disk, ui};

#[derive(Debug, Clone)]
pub struct NamedStart {
    /// The compose file with the labels, and the host name of this checkout; saved for
    /// later commands.
    pub file: NamesFile,
    named: Vec<Named>,
    ports: Ports,
    ca: PathBuf,
}

#[derive(Debug, Clone)]
struct Named {
    service: String,
    kind: Kind,
    host: String,
}

/// For a healthy container to get its route. The proxy watches the engine's events, so
/// this takes a moment only.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// Starts the proxy, writes the compose file with the labels, and issues the certificate.
/// Services in `also_publish` keep their published ports.
pub fn prepare(project: &Project, also_publish: &[String], writes: WriteMode) -> Result<NamedStart> {
    let (ctx, name) = (&project.ctx, &project.stack.name);
    let plan = names::plan(project, also_publish)?;
    if plan.routes.is_empty() {
        return Err(Error::new("no service of this project can have a name")
            .hint("declare one in xtask.toml: `[proxy.services]` and `web = { kind = \"web\", port = 8080 }`"));
    }
    if let Some(name) = also_publish.iter().find(|name| plan.routes.iter().all(|route| route.service != **name)) {
        let known: Vec<&str> = plan.routes.iter().map(|route| route.service.as_str()).collect();
        return Err(Error::new(format!("--also-publish {}: no service of that name has a route", ui::clean(name)))
            .hint(format!("services with a route: {}", known.join(", "))));
    }
    let named: Vec<Named> = plan.routes.iter().map(|route| named(route, &plan.host)).collect();
    up(ctx, &Options::default())?;
    let instance = Instance::resolve(ctx)?;
    let mut ports = Ports::USUAL;
    let mut file = plan.file.clone();
    if !ctx.dry_run {
        file = write(ctx, &plan, also_publish, writes)?;
        certify::certify(ctx, name, &named.iter().map(|named| named.host.clone()).collect::<Vec<String>>())?;
        let running = instance.ports(ctx)?;
        ports = running.ok_or_else(|| Error::new("the proxy has exited").hint("`cargo xtask proxy logs`"))?;
        if link_networks::names_file_uses_link(&file) {
            link_networks::ensure(ctx, &instance, name, &disk::real_path(plan.file.parent().unwrap_or(&ctx.dir)))?;
        }
    }
    let file = NamesFile { path: file, host: plan.host };
    Ok(NamedStart { file, named, ports, ca: instance.certs().ca_file() })
}

fn named(route: &labels::Route, host: &str) -> Named {
    Named { service: route.service.clone(), kind: route.kind, host: route.host(host) }
}

/// WriteMode the compose file with the labels: in the project, where it may be committed, or
/// in the state folder if it is for this run only.
fn write(ctx: &Context, plan: &Plan, also_publish: &[String], writes: WriteMode) -> Result<PathBuf> {
    if also_publish.is_empty() && writes != WriteMode::Environment {
        match names::write(ctx, plan) {
            Ok(true) => ui::note(&format!("{} written", ctx.show(&plan.file))),
            Ok(false) => {}
            // Hand-written labels will do, if they are correct.
            Err(_) if plan.file.is_file() => {
                ui::note(&format!("note: {} was written by hand and is used as it is", ctx.show(&plan.file)));
            }
            Err(error) => return Err(error),
        }
        return Ok(plan.file.clone());
    }
    let file = ctx.override_file(plan.file.parent().unwrap_or(&ctx.dir), "-names")?;
    let folder = file.parent().unwrap_or(&file);
    std::fs::create_dir_all(folder).context(format!("make `{}`", folder.display()))?;
    disk::write_atomic(&file, plan.text.as_bytes())?;
    Ok(file)
}

/// The project as `start --traefik` started it; `None` if it was not started that way, or
/// no proxy runs.
pub fn started(project: &Project) -> Result<Option<NamedStart>> {
    let ctx = &project.ctx;
    let Some(file) = &ctx.names else { return Ok(None) };
    let instance = Instance::resolve(ctx)?;
    let Some(ports) = instance.ports(ctx)? else { return Ok(None) };
    let plan = names::plan(project, &[])?;
    let named = plan.routes.iter().map(|route| named(route, &file.host)).collect();
    Ok(Some(NamedStart { file: file.clone(), named, ports, ca: instance.certs().ca_file() }))
}

impl NamedStart {
    /// Waits until the proxy routes to every service that was started; the error names the
    /// cause if it does not.
    pub fn prove(&self, ctx: &Context, survey: &CheckedProject, interrupt: &InterruptGuard) -> Result<()> {
        let instance = Instance::resolve(ctx)?;
        refuse_rivals(ctx, &instance, &survey.stack.name)?;
        let deadline = Instant::now() + ROUTE_TIMEOUT;
        for named in self.named.iter().filter(|named| survey.stack.service(&named.service).is_some()) {
            loop {
                let answer = route_answers(&named.host, named.kind, self.ports);
                let shown =
                    answer != Answer::Routed || presents_current_certificate(&instance, &named.host, self.ports);
                // Something answers; the proxy's API says which container it is.
                let proof = if answer == Answer::Routed && shown {
                    self.backends_of(ctx, &survey.stack.name, named)?
                } else {
                    Backends::None
                };
                if proof == Backends::Own {
                    break;
                }
                if interrupt.interrupted() {
                    return Err(Error::interrupted("interrupted: containers that were started keep running")
                        .hint("`cargo xtask start --traefik` continues from here"));
                }
                if Instant::now() >= deadline {
                    return Err(match proof {
                        Backends::Foreign(who) => foreign_backend(named, &who),
                        Backends::Unknown(why) => unknown_backend(named, &why),
                        _ if !shown => stale_certificate(&instance, &named.host),
                        _ if answer == Answer::Routed => foreign_backend(named, &["another service".to_owned()]),
                        _ => self.no_answer(named, &answer),
                    });
                }
                std::thread::sleep(POLL);
            }
        }
        Ok(())
    }

    fn backends_of(&self, ctx: &Context, project: &str, named: &Named) -> Result<Backends> {
        let containers = ctx.engine.containers().map_err(|trouble| ctx.engine_error(&trouble))?;
        let generated = link_networks::names_file_uses_link(&self.file.path);
        let proof = backends(&containers, project, &named.host, generated, self.ports);
        Ok(proof.unwrap_or_else(|error| Backends::Unknown(error.to_string())))
    }

    fn no_answer(&self, named: &Named, answer: &Answer) -> Error {
        let Named { service, host, .. } = named;
        let service = ui::clean(service);
        let error = match answer {
            Answer::Routed | Answer::NoRoute => Error::new(format!("the proxy has no route for {host}"))
                .hint("it skips containers that are not healthy, and routers that two containers define"),
            Answer::BadGateway => {
                Error::new(format!("{host} has a route, but the service does not accept connections (502)")).hint(format!(
                    "`{service}` may listen only on 127.0.0.1 of its container, or on another port: `port = …` under [proxy.services] in xtask.toml"
                ))
            }
            Answer::GatewayTimeout => Error::new(format!("{host} has a route, but the proxy cannot reach the service (504)"))
                .hint(format!("`{service}` is not on the proxy's network: it needs `networks: [default, web]`")),
            Answer::NoProxy(why) => Error::new(format!("the proxy does not answer: {}", ui::clean(why)))
                .hint("`cargo xtask proxy logs` shows why; `cargo xtask proxy up` restarts it"),
        };
        let said = self
            .traefik_errors(host)
            .into_iter()
            .fold(error, |error, said| error.hint(format!("Traefik reports: {said}")));
        said.hint("`cargo xtask proxy labels --lint` checks the labels, `cargo xtask proxy status` shows the routes")
            .finding()
    }

    /// The errors that Traefik reports for the routers of a host.
    fn traefik_errors(&self, host: &str) -> Vec<String> {
        let routes = routes(self.ports).unwrap_or_default();
        let of_host = routes.into_iter().filter(|route| hosts(&route.rule).iter().any(|known| known == host));
        of_host.flat_map(|route| route.errors).map(|text| ui::clean(&text)).collect()
    }

    pub fn urls(&self, survey: &Project) -> Vec<ServiceUrls> {
        let of = |named: &Named| {
            let service = survey.stack.service(&named.service)?;
            let account = if named.kind == Kind::Postgres { account(&service.environment) } else { String::new() };
            let base = url_or_command(&named.host, named.kind, self.ports, &self.ca, &account);
            let paths = survey.settings.urls.get(&service.name).filter(|_| named.kind.is_http()).into_iter().flatten();
            let further = paths.map(|path| url_with_path(&base, path));
            let urls = std::iter::once(base.clone()).chain(further).collect();
            Some(ServiceUrls { service: service.name.clone(), urls })
        };
        self.named.iter().filter_map(of).collect()
    }

    /// Prints lines for the hosts file if this system does not resolve the names.
    pub fn note_hosts_file(&self) {
        let hosts: Vec<String> = self.named.iter().map(|named| named.host.clone()).collect();
        if let Some(lines) = hosts_lines(&hosts) {
            let file = if cfg!(windows) { "the hosts file" } else { "/etc/hosts" };
            ui::note(&format!("note: browsers and curl resolve these names; for other programs add to {file}:"));
            for line in lines.lines() {
                ui::note(&format!("  {line}"));
            }
        }
    }
}

fn unknown_backend(named: &Named, why: &str) -> Error {
    Error::new(format!(
        "{} answers, but the proxy does not say whether it is `{}`: {}",
        named.host,
        ui::clean(&named.service),
        ui::clean(why)
    ))
    .hint("see `cargo xtask proxy logs`")
    .finding()
}

fn foreign_backend(named: &Named, who: &[String]) -> Error {
    Error::new(format!(
        "{} is answered by {}, not only by `{}` of this project",
        named.host,
        who.join(", "),
        ui::clean(&named.service)
    ))
    .hint("`cargo xtask proxy status` shows the routes; `cargo xtask proxy labels --lint` checks the labels")
    .finding()
}
