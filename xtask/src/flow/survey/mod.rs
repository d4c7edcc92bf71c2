//! The verdicts of all ports of a project: Compose, the engine and our own
//! reader are asked side by side, then the machine.

mod ready;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

pub use crate::ports::Row;

use crate::context::Context;
use crate::decide::{Identity, Publishing};
use crate::disk;
use crate::docker::{ComposeTrouble, Trouble};
use crate::error::{Error, Result};
use crate::exec;
use crate::flow::remote;
use crate::ledger::Book;
use crate::model::{ComposeOptions, Container, EngineHost, Leases, PortMapping, PortRange, Service, Stack};
use crate::ports::{self, PortFacts, Rules};
use crate::stack::{self, EnvFiles, Project, Settings};
use crate::ui;
use template::{missing_default, missing_env, missing_env_files, refused_for};

/// Everything a survey found.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The effective model.
    pub stack: Stack,
    /// `xtask.toml` and `.xtask.env`.
    pub settings: Settings,
    /// One row a published port, in the order of the model.
    pub rows: Vec<Row>,
    /// All containers, or why the engine did not tell.
    pub containers: Result<Vec<Container>, Trouble>,
    /// Another folder from which a project of this name runs.
    pub elsewhere: Option<PathBuf>,
    /// Whether this is a checkout that is not the project's only one: a linked
    /// git worktree, one whose name another folder has, and every one of an
    /// engine elsewhere, which others may use too.
    pub second: bool,
    /// The project's folder in the main checkout, for a linked worktree.
    pub main_dir: Option<PathBuf>,
    /// Env files that Compose reads, and the one to write to.
    pub env_files: EnvFiles,
    /// There is no `.env` yet, and this template was judged in its place, as
    /// `start` will copy it.
    pub template: Option<PathBuf>,
    /// Why our own reader stood in for Compose.
    pub without_compose: Option<ComposeTrouble>,
    /// Ports that are not to be had although they look free, and why.
    pub refused: BTreeMap<u16, String>,
    /// Ports that stopped stacks of others will want again.
    pub avoid: BTreeSet<u16>,
    /// The machine that the ports are bound on, where it is not this one.
    pub host: Option<EngineHost>,
    /// What becomes of the ports of each service.
    pub publishing: BTreeMap<String, Publishing>,
}

impl Survey {
    /// Rows that will make `up` fail.
    pub fn conflicts(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.verdict.is_conflict())
    }

    /// Why nothing is known of any port: the engine is elsewhere, and does not
    /// answer. Not seen is not free.
    pub fn engine_unreachable(&self) -> Option<&Trouble> {
        self.containers.as_ref().err().filter(|_| self.host.is_some())
    }

    /// Whether anything will make `up` fail.
    pub fn has_conflicts(&self) -> bool {
        self.conflicts().next().is_some()
    }

    /// The project folder without symbolic links, as leases and Compose's labels
    /// have it.
    pub fn real_dir(&self) -> PathBuf {
        disk::real(&self.stack.dir)
    }

    /// The address that the engine binds for a mapping because of its network.
    pub fn network_ip(&self, mapping: &PortMapping) -> Option<IpAddr> {
        match self.publishing.get(&mapping.service) {
            Some(Publishing::Bound(ip)) if mapping.host_ip.is_none() => *ip,
            _ => None,
        }
    }

    /// The service of that name; an error that lists them where there is none.
    pub fn has_service(&self, name: &str) -> Result<&Service> {
        self.stack.service(name).ok_or_else(|| {
            let known: Vec<&str> = self.stack.services.iter().map(|service| service.name.as_str()).collect();
            Error::new(format!("no service `{}` in this project", ui::clean(name)))
                .hint(format!("services are: {}", known.join(", ")))
        })
    }

    /// Keeps the rows of `services` and of all they depend on.
    pub fn narrow(&mut self, services: &[String]) -> Result<()> {
        if services.is_empty() {
            return Ok(());
        }
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        let mut queue: Vec<String> = services.to_vec();
        while let Some(name) = queue.pop() {
            let service = self.has_service(&name)?;
            if wanted.insert(name) {
                queue.extend(service.depends_on.keys().cloned());
            }
        }
        self.rows.retain(|row| wanted.contains(&row.wanted.mapping.service));
        self.stack.services.retain(|service| wanted.contains(&service.name));
        Ok(())
    }
}

/// Surveys the project that `ctx` means.
pub fn survey(ctx: &Context) -> Result<Survey> {
    survey_refused(ctx, &BTreeMap::new())
}

/// The same, knowing that some ports are not to be had and why: what cannot be
/// seen from here (the engine's own books, a machine in between) is believed.
pub fn survey_refused(ctx: &Context, refused: &BTreeMap<u16, String>) -> Result<Survey> {
    let mut found = project(ctx)?;
    if ctx.probe_remote && found.host.is_some() && found.containers.is_ok() {
        let sockets =
            ports::sockets_of_engine_host(ctx, &found.stack, found.containers.as_deref().unwrap_or_default())?;
        found.host.iter_mut().for_each(|host| host.sockets = Some(sockets.clone()));
    }
    judge_ports(ctx, &mut found, refused);
    Ok(found)
}

/// Judges every port of a project; once more, where that was done before.
pub fn judge_ports(ctx: &Context, found: &mut Survey, refused: &BTreeMap<u16, String>) {
    found.refused.clone_from(refused);
    let leases = ctx.ledger_dir().map(|dir| Book::peek(&dir)).unwrap_or_default();
    let mut avoid = BTreeSet::new();
    let rows = with_facts(found, |facts| {
        let mut facts = facts.with_leases(&leases).with_refused(refused);
        let mut rows = ports::judge_stack(&mut facts, &found.stack, &found.publishing);
        if rows.iter().any(|row| row.verdict.is_conflict()) {
            avoid = ports::ports_of_stopped(&ctx.engine, &facts);
            avoid.extend(of_every_profile(ctx, found));
            ports::suggest_for_conflicts(&facts, &mut rows, &rules(found, &avoid));
        }
        rows
    });
    (found.rows, found.avoid) = (rows, avoid);
}

/// Chooses anew for every conflict, with what the book says now.
pub fn choose_again(found: &mut Survey, leases: &Leases) {
    let mut rows = std::mem::take(&mut found.rows);
    with_facts(found, |facts| {
        let facts = facts.with_leases(leases).with_refused(&found.refused);
        ports::suggest_for_conflicts(&facts, &mut rows, &rules(found, &found.avoid));
    });
    found.rows = rows;
}

/// A block for this project that nobody else has, and on whose ports nobody is.
pub fn free_range(found: &Survey, leases: &Leases) -> Option<PortRange> {
    with_facts(found, |facts| {
        let facts = facts.with_leases(leases).with_refused(&found.refused);
        ports::free_range(&facts, &found.rows, &found.avoid)
    })
}

/// Whether `port` could be published in the place of the mapping's own.
pub fn is_free(found: &Survey, mapping: &PortMapping, port: u16) -> bool {
    let effective = ports::effective(&found.publishing, mapping);
    effective.is_ok_and(|mapping| with_facts(found, |facts| facts.is_free(&mapping, port)))
}

/// Facts of this moment: what was free before may be held by now.
fn with_facts<T>(found: &Survey, work: impl FnOnce(PortFacts<'_>) -> T) -> T {
    let real = |container: &Container| Container {
        working_dir: container.working_dir.as_deref().map(disk::real),
        ..container.clone()
    };
    let containers: Vec<Container> = found.containers.iter().flatten().map(real).collect();
    let dir = found.real_dir();
    work(PortFacts::new(Identity { name: &found.stack.name, dir: &dir }, &containers, found.host.as_ref()))
}

fn rules<'a>(found: &'a Survey, avoid: &'a BTreeSet<u16>) -> Rules<'a> {
    let (stack, publishing) = (&found.stack, &found.publishing);
    Rules { stack, publishing, port_range: found.settings.port_range, avoid }
}

/// What the project publishes, services of inactive profiles included: they may
/// come up beside the others any time.
fn of_every_profile(ctx: &Context, found: &Survey) -> BTreeSet<u16> {
    let options = reading(ctx, found.template.as_deref()).with_every_profile();
    let Ok(stack) = stack::read(&options, &ctx.dir, &|name| ctx.var(name)) else { return BTreeSet::new() };
    stack.ports().filter_map(|wanted| wanted.mapping.published).flat_map(PortRange::iter).collect()
}

/// How the project is read: a template stands in for an env file to be.
pub(in crate::flow) fn reading(ctx: &Context, template: Option<&Path>) -> ComposeOptions {
    let mut options = ctx.options.clone();
    if let Some(template) = template {
        options.env_files = vec![template.to_path_buf()];
    }
    options
}

/// The project and the engine's containers, without a look at any port.
pub fn project(ctx: &Context) -> Result<Survey> {
    let env = |name: &str| ctx.var(name);
    let env_files = stack::env_files(&ctx.options, &ctx.dir, &env)?;
    let template = missing_env(&env_files);
    let options = reading(ctx, template.as_deref());
    let compose = ctx.compose_with(options.clone());
    // It can only refuse as long as a service reads the file that is to be made.
    let needs = template.as_ref().and_then(|_| missing_default(ctx, &options, &env_files));
    let (config, containers, read) = std::thread::scope(|scope| {
        let containers = scope.spawn(|| ctx.engine.containers());
        let config = scope.spawn(|| match needs {
            Some(missing) => Err(ComposeTrouble::NeedsEnvFile(Box::new(missing))),
            None => compose.config(exec::LIMIT),
        });
        let read = stack::read(&options, &ctx.dir, &env);
        (join(config.join()), join(containers.join()), read)
    });
    if matches!(config, Err(ComposeTrouble::Refused(_)))
        && let Some(missing) = missing_env_files(ctx, &options).first()
    {
        return Err(refused_for(ctx, missing));
    }
    let locate = || stack::locate(&options, &ctx.dir, &env);
    let (stack, without_compose) = effective(ctx, config, read, locate)?;
    let settings = Settings::read(&stack.dir)?;
    let dir = disk::real(&stack.dir);
    let host = remote::engine_host(ctx, containers.as_deref().unwrap_or_default());
    let is_elsewhere = host.as_ref().is_some_and(|host| !host.is_around);
    let is_there = |dir: &Path| is_elsewhere || disk::is_folder(dir);
    let mut others = containers.iter().flatten().filter_map(|one| elsewhere(one, &stack.name, &dir, &is_there));
    let elsewhere = others.next();
    let checkout = stack::checkout(&dir);
    let mut found = Survey {
        second: checkout.as_ref().is_some_and(|checkout| checkout.linked || elsewhere.is_some()),
        main_dir: checkout.and_then(|checkout| Some(checkout.main?.join(dir.strip_prefix(&checkout.root).ok()?))),
        stack,
        settings,
        rows: Vec::new(),
        containers,
        elsewhere,
        env_files,
        template,
        without_compose,
        refused: BTreeMap::new(),
        avoid: BTreeSet::new(),
        host,
        publishing: BTreeMap::new(),
    };
    found.publishing = ports::publishing_of(found.containers.is_ok().then_some(&ctx.engine), &found.stack);
    found.second |= remote::is_shared(ctx, &found);
    Ok(found)
}

/// The other folder of a container of this name. Stopped ones count as long as
/// their folder is there: `up` would replace them too, and `down --volumes` take
/// their data. Where it is gone, this is the same project after a move; that
/// cannot be told of folders on other people's machines.
pub(super) fn elsewhere(
    container: &Container,
    name: &str,
    dir: &Path,
    is_there: &dyn Fn(&Path) -> bool,
) -> Option<PathBuf> {
    let other =
        container.working_dir.as_deref().filter(|_| container.project.as_deref() == Some(name)).map(disk::real)?;
    (other != dir && (container.state.holds_ports() || is_there(&other))).then_some(other)
}

/// A panic of ours stays one.
fn join<T>(result: std::thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Compose's model with our reader's origins; our reader's own model where
/// there is no Compose; and where Compose refuses, our reader's error, which
/// names file and line, before Compose's.
fn effective(
    ctx: &Context,
    config: Result<Stack, ComposeTrouble>,
    read: Result<Stack>,
    locate: impl FnOnce() -> Result<Project>,
) -> Result<(Stack, Option<ComposeTrouble>)> {
    match (config, read) {
        (Ok(mut stack), Ok(read)) => {
            stack.dir.clone_from(&read.dir);
            stack.files.clone_from(&read.files);
            stack::attach_origins(&mut stack, &read);
            Ok((stack, None))
        }
        // Something that our reader does not know (a remote include, an oddity
        // of YAML): the ports are known all the same, only not their variables.
        (Ok(mut stack), Err(error)) => {
            let located = locate()?;
            stack.dir = located.dir;
            stack.files = located.files;
            ui::note(&format!("note: which variables feed the ports cannot be told: {error}"));
            Ok((stack, None))
        }
        (Err(trouble @ ComposeTrouble::Refused(_)), Ok(_)) => Err(ctx.compose_error(&trouble)),
        (Err(trouble), Ok(stack)) => Ok((stack, Some(trouble))),
        (Err(_), Err(error)) => Err(error),
    }
}
