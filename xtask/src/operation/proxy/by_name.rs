//! A start by names: what has to be there before Compose is called, the proof
//! that every name leads to its service, and how to say so.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::ask::{Answer, route_answers, routes};
use super::certify::{self, is_shown, not_shown};
use super::connect::account;
use super::names::{self, Plan};
use super::proof::{Proof, behind, refuse_rivals};
use super::{Home, Wish, connection, hosts_lines, links, up};
use crate::context::Context;
use crate::error::{Context as _, Error, Result};
use crate::exec::InterruptGuard;
use crate::labels::{self, Kind, Ports, hosts};
use crate::model::NamesFile;
use crate::operation::change::tracked::Writes;
use crate::operation::check::survey::Survey;
use crate::operation::services::urls::{ServiceUrls, further};
use crate::project::Project;
use crate::{disk, ui};

/// A project that is started by names.
#[derive(Debug, Clone)]
pub struct ByName {
    /// The compose file that gives them, and the host name of this checkout: what
    /// other commands have to know later.
    pub file: NamesFile,
    named: Vec<Named>,
    ports: Ports,
    ca: PathBuf,
}

/// One service with a name.
#[derive(Debug, Clone)]
struct Named {
    service: String,
    kind: Kind,
    host: String,
}

/// How long the proxy may take to see a container that is well. It looks at the
/// engine's events, so this is short.
const ROUTED: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// Makes all ready: the compose file of names, the proxy, the certificate. Services
/// in `also` keep their ports beside their names.
pub fn prepare(project: &Project, also: &[String], writes: Writes) -> Result<ByName> {
    let (ctx, name) = (&project.ctx, &project.stack.name);
    let plan = names::plan(project, also)?;
    if plan.routes.is_empty() {
        return Err(Error::new("no service of this project can have a name")
            .hint("say what they are in xtask.toml: `[proxy.services]` and `web = { kind = \"web\", port = 8080 }`"));
    }
    if let Some(name) = also.iter().find(|name| plan.routes.iter().all(|route| route.service != **name)) {
        let known: Vec<&str> = plan.routes.iter().map(|route| route.service.as_str()).collect();
        return Err(Error::new(format!("--also-publish {}: no service of that name has a route", ui::clean(name)))
            .hint(format!("services with one are: {}", known.join(", "))));
    }
    let named: Vec<Named> = plan.routes.iter().map(|route| named(route, &plan.host)).collect();
    up(ctx, &Wish::default())?;
    let home = Home::of(ctx)?;
    let mut ports = Ports::USUAL;
    let mut file = plan.file.clone();
    if !ctx.dry_run {
        file = write(ctx, &plan, also, writes)?;
        certify::certify(ctx, name, &named.iter().map(|named| named.host.clone()).collect::<Vec<String>>())?;
        let running = home.ports(ctx)?;
        ports = running.ok_or_else(|| Error::new("the proxy has ended").hint("`cargo xtask proxy logs`"))?;
        if links::is_used_by(&file) {
            links::ensure(ctx, &home, name, &disk::real_path(plan.file.parent().unwrap_or(&ctx.dir)))?;
        }
    }
    let file = NamesFile { path: file, host: plan.host };
    Ok(ByName { file, named, ports, ca: home.certs().ca_file() })
}

fn named(route: &labels::Route, host: &str) -> Named {
    Named { service: route.service.clone(), kind: route.kind, host: route.host(host) }
}

/// The file of names: the project's own, which people may commit; what is for
/// this run alone lies in the state folder.
fn write(ctx: &Context, plan: &Plan, also: &[String], writes: Writes) -> Result<PathBuf> {
    if also.is_empty() && writes != Writes::Environment {
        match names::write(ctx, plan) {
            Ok(true) => ui::note(&format!("{} written", ctx.show(&plan.file))),
            Ok(false) => {}
            // Somebody's own labels are as good, if they are right.
            Err(_) if plan.file.is_file() => {
                ui::note(&format!("note: {} was written by hand, and is used as it is", ctx.show(&plan.file)));
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

/// The names of a project that was started by names before; `None` where it was
/// not, and while no proxy runs.
pub fn known(project: &Project) -> Result<Option<ByName>> {
    let ctx = &project.ctx;
    let Some(file) = &ctx.names else { return Ok(None) };
    let home = Home::of(ctx)?;
    let Some(ports) = home.ports(ctx)? else { return Ok(None) };
    let plan = names::plan(project, &[])?;
    let named = plan.routes.iter().map(|route| named(route, &file.host)).collect();
    Ok(Some(ByName { file: file.clone(), named, ports, ca: home.certs().ca_file() }))
}

impl ByName {
    /// Waits until the proxy really leads to every service that was started, and
    /// names the cause where it does not.
    pub fn prove(&self, ctx: &Context, survey: &Survey, interrupt: &InterruptGuard) -> Result<()> {
        let home = Home::of(ctx)?;
        refuse_rivals(ctx, &home, &survey.stack.name)?;
        let deadline = Instant::now() + ROUTED;
        for named in self.named.iter().filter(|named| survey.stack.service(&named.service).is_some()) {
            loop {
                let answer = route_answers(&named.host, named.kind, self.ports);
                let shown = answer != Answer::Yes || is_shown(&home, &named.host, self.ports);
                // Somebody answers; whether it is this project's container, the proxy
                // itself knows.
                let proof = if answer == Answer::Yes && shown {
                    self.led(ctx, &survey.stack.name, named)?
                } else {
                    Proof::Missing
                };
                if proof == Proof::Own {
                    break;
                }
                if interrupt.interrupted() {
                    return Err(Error::interrupted("interrupted: containers that were started keep running")
                        .hint("`cargo xtask start --traefik` goes on from here"));
                }
                if Instant::now() >= deadline {
                    return Err(match proof {
                        Proof::Strangers(who) => strangers(named, &who),
                        Proof::Untold(why) => untold(named, &why),
                        _ if !shown => not_shown(&home, &named.host),
                        _ if answer == Answer::Yes => strangers(named, &["somebody else".to_owned()]),
                        _ => self.lost(named, &answer),
                    });
                }
                std::thread::sleep(POLL);
            }
        }
        Ok(())
    }

    /// Who is behind a name, as the proxy and the engine have it now.
    fn led(&self, ctx: &Context, project: &str, named: &Named) -> Result<Proof> {
        let containers = ctx.engine.containers().map_err(|trouble| ctx.engine_error(&trouble))?;
        let generated = links::is_used_by(&self.file.path);
        let proof = behind(&containers, project, &named.host, generated, self.ports);
        Ok(proof.unwrap_or_else(|error| Proof::Untold(error.to_string())))
    }

    fn lost(&self, named: &Named, answer: &Answer) -> Error {
        let Named { service, host, .. } = named;
        let service = ui::clean(service);
        let error = match answer {
            Answer::Yes | Answer::NoRoute => Error::new(format!("{host} leads nowhere: the proxy has no route for it"))
                .hint("it leaves out containers that are not healthy, and routers that two containers give one name"),
            Answer::NobodyThere => {
                Error::new(format!("{host} has a route, and nobody answers behind it (502)")).hint(format!(
                    "`{service}` may listen on 127.0.0.1 of its container only, or on another port: `port = …` under [proxy.services] in xtask.toml"
                ))
            }
            Answer::Unreachable => Error::new(format!("{host} has a route that the proxy cannot follow (504)"))
                .hint(format!("`{service}` is not on the proxy's network: it needs `networks: [default, web]`")),
            Answer::NoProxy(why) => Error::new(format!("the proxy does not answer: {}", ui::clean(why)))
                .hint("`cargo xtask proxy logs` says why; `cargo xtask proxy up` starts it again"),
        };
        let said = self.complaints(host).into_iter().fold(error, |error, said| error.hint(format!("it says: {said}")));
        said.hint("`cargo xtask proxy labels --lint` looks at the labels, `cargo xtask proxy status` at the routes")
            .finding()
    }

    /// What Traefik itself says of the routers of a host.
    fn complaints(&self, host: &str) -> Vec<String> {
        let routes = routes(self.ports).unwrap_or_default();
        let for_host = routes.into_iter().filter(|route| hosts(&route.rule).iter().any(|known| known == host));
        for_host.flat_map(|route| route.errors).map(|text| ui::clean(&text)).collect()
    }

    /// How each service is reached, in the order of the names.
    pub fn urls(&self, survey: &Project) -> Vec<ServiceUrls> {
        let of = |named: &Named| {
            let service = survey.stack.service(&named.service)?;
            let account = if named.kind == Kind::Postgres { account(&service.environment) } else { String::new() };
            let base = connection(&named.host, named.kind, self.ports, &self.ca, &account);
            let paths = survey.settings.urls.get(&service.name).filter(|_| named.kind.is_http()).into_iter().flatten();
            let further = paths.map(|path| further(&base, path));
            let urls = std::iter::once(base.clone()).chain(further).collect();
            Some(ServiceUrls { service: service.name.clone(), urls })
        };
        self.named.iter().filter_map(of).collect()
    }

    /// Says what to do where this system does not resolve the names.
    pub fn note_names(&self) {
        let hosts: Vec<String> = self.named.iter().map(|named| named.host.clone()).collect();
        if let Some(lines) = hosts_lines(&hosts) {
            let file = if cfg!(windows) { "the hosts file" } else { "/etc/hosts" };
            ui::note(&format!("note: browsers and curl find these names; for other programs add to {file}:"));
            for line in lines.lines() {
                ui::note(&format!("  {line}"));
            }
        }
    }
}

fn untold(named: &Named, why: &str) -> Error {
    Error::new(format!(
        "{} is answered, and the proxy does not say whether by `{}`: {}",
        named.host,
        ui::clean(&named.service),
        ui::clean(why)
    ))
    .hint("`cargo xtask proxy logs` shows what it says")
    .finding()
}

fn strangers(named: &Named, who: &[String]) -> Error {
    Error::new(format!(
        "{} is answered by {}, and not by `{}` of this project alone",
        named.host,
        who.join(", "),
        ui::clean(&named.service)
    ))
    .hint("`cargo xtask proxy status` shows the routes; `cargo xtask proxy labels --lint` looks at the labels")
    .finding()
}
