//! The verdicts of all ports of a project: Compose, the engine and our own
//! reader are asked side by side, then the machine.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::decide::{Facts, Identity, Limits, clashes, judge, needs_explanation, suggest};
use crate::docker::{ComposeTrouble, Trouble};
use crate::error::{Error, Result};
use crate::exec;
use crate::flow::holders::name_containers;
use crate::host;
use crate::model::{
    ComposeOptions, Container, Owner, PortMapping, PortRange, Probe, Process, Protocol, Reservation, Socket, Source,
    Stack, Verdict, Wanted,
};
use crate::stack::{self, EnvFiles, Project, Settings};
use crate::ui;

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
    /// Env files that Compose reads, and the one to write to.
    pub env_files: EnvFiles,
    /// There is no `.env` yet, and this template was judged in its place, as
    /// `start` will copy it.
    pub template: Option<PathBuf>,
    /// Why our own reader stood in for Compose.
    pub without_compose: Option<ComposeTrouble>,
}

/// One published port.
#[derive(Debug, Clone)]
pub struct Row {
    /// The mapping and where it stands.
    pub wanted: Wanted,
    /// The answer.
    pub verdict: Verdict,
    /// Index of the earlier row of this model on the same port.
    pub clash: Option<usize>,
    /// Another port that is really free, for a conflict.
    pub suggestion: Option<u16>,
}

impl Row {
    /// The variable that feeds the port.
    pub fn variable(&self) -> Option<&str> {
        self.wanted.origin.as_ref()?.variable.as_deref()
    }

    /// Whether the port's value comes from the shell, which beats every file.
    pub fn from_shell(&self) -> bool {
        self.wanted.origin.as_ref().is_some_and(|origin| origin.source == Source::Shell)
    }
}

impl Survey {
    /// Rows that will make `up` fail.
    pub fn conflicts(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.verdict.is_conflict())
    }

    /// Whether anything will make `up` fail.
    pub fn has_conflicts(&self) -> bool {
        self.conflicts().next().is_some()
    }

    /// An error where a project of this name runs from another folder: Compose
    /// would replace its containers, and `down` end them.
    pub fn refuse_elsewhere(&self, ctx: &Context) -> Result<()> {
        let Some(other) = &self.elsewhere else { return Ok(()) };
        let name = &self.stack.name;
        Err(Error::new(format!(
            "a project named `{name}` has containers from {}: this would replace or end them",
            ctx.show(other)
        ))
        .hint(format!(
            "give this one a name of its own: COMPOSE_PROJECT_NAME={name}-2 in {}",
            ctx.show(&self.stack.dir.join(".env"))
        ))
        .hint(format!("or stop the other one: `cd {} && cargo xtask stop`", ctx.show(other))))
    }

    /// An error where there is no engine, no Compose, or the project runs from
    /// another folder.
    pub fn ready(&self, ctx: &Context) -> Result<()> {
        if let Err(trouble) = &self.containers {
            return Err(trouble.error(ctx.engine.endpoint()));
        }
        if let Some(trouble) = &self.without_compose {
            return Err(trouble.error());
        }
        self.refuse_elsewhere(ctx)
    }

    /// Keeps the rows of `services` and of all they depend on.
    pub fn narrow(&mut self, services: &[String]) -> Result<()> {
        if services.is_empty() {
            return Ok(());
        }
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        let mut queue: Vec<String> = services.to_vec();
        while let Some(name) = queue.pop() {
            let Some(service) = self.stack.service(&name) else {
                let known: Vec<&str> = self.stack.services.iter().map(|service| service.name.as_str()).collect();
                return Err(Error::new(format!("no service `{}` in this project", ui::clean(&name)))
                    .hint(format!("services are: {}", known.join(", "))));
            };
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

/// The same, knowing that the engine refused some ports and why: what cannot be
/// seen from here (its own books, a machine in between) is believed.
pub fn survey_refused(ctx: &Context, refused: &BTreeMap<u16, String>) -> Result<Survey> {
    let mut found = project(ctx)?;
    found.rows = rows(ctx, &found, refused);
    Ok(found)
}

/// The project and the engine's containers, without a look at any port.
pub fn project(ctx: &Context) -> Result<Survey> {
    let env = |name: &str| ctx.var(name);
    let env_files = stack::env_files(&ctx.options, &ctx.dir, &env)?;
    let template = missing_env(&env_files);
    let options = match &template {
        Some(path) => ComposeOptions { env_files: vec![path.clone()], ..ctx.options.clone() },
        None => ctx.options.clone(),
    };
    let compose = crate::docker::Compose::new(options.clone(), ctx.dir.clone());
    let (config, containers, read) = std::thread::scope(|scope| {
        let containers = scope.spawn(|| ctx.engine.containers());
        let config = scope.spawn(|| compose.config(exec::LIMIT));
        let read = stack::read(&options, &ctx.dir, &env);
        (join(config.join()), join(containers.join()), read)
    });
    let locate = || stack::locate(&options, &ctx.dir, &env);
    let (stack, without_compose) = effective(config, read, locate)?;
    let settings = Settings::read(&stack.dir)?;
    let dir = real(&stack.dir);
    let elsewhere = containers.iter().flatten().find_map(|container| elsewhere(container, &stack.name, &dir));
    Ok(Survey { stack, settings, rows: Vec::new(), containers, elsewhere, env_files, template, without_compose })
}

/// The other folder of a container of this name. Stopped ones count as long as
/// their folder is there: `up` would replace them too, and `down --volumes` take
/// their data. Where it is gone, this is the same project after a move.
fn elsewhere(container: &Container, name: &str, dir: &Path) -> Option<PathBuf> {
    let other = container.working_dir.as_deref().filter(|_| container.project.as_deref() == Some(name)).map(real)?;
    (other != dir && (container.state.holds_ports() || other.is_dir())).then_some(other)
}

/// A panic of ours stays one.
fn join<T>(result: std::thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Names that a template has, the usual one first.
pub(super) const TEMPLATES: [&str; 2] = [".env.template", ".env.example"];

/// The template beside a `.env` that is not there yet.
fn missing_env(files: &EnvFiles) -> Option<PathBuf> {
    let file = files.default_file().filter(|file| files.files().is_empty() && !file.exists())?;
    TEMPLATES.iter().map(|name| file.with_file_name(name)).find(|template| template.is_file())
}

/// Compose's model with our reader's origins; our reader's own model where
/// there is no Compose; and where Compose refuses, our reader's error, which
/// names file and line, before Compose's.
fn effective(
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
        (Err(trouble @ ComposeTrouble::Refused(_)), Ok(_)) => Err(trouble.error()),
        (Err(trouble), Ok(stack)) => Ok((stack, Some(trouble))),
        (Err(_), Err(error)) => Err(error),
    }
}

/// Without symbolic links, as Compose's label has it; a folder that is gone
/// stays as it is written.
fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Containers with their folders made comparable.
fn with_real_folders(containers: &[Container]) -> Vec<Container> {
    let real = |container: &Container| Container {
        working_dir: container.working_dir.as_deref().map(real),
        ..container.clone()
    };
    containers.iter().map(real).collect()
}

struct Machine<'a> {
    remote: bool,
    refused: &'a BTreeMap<u16, String>,
    containers: &'a [Container],
    project: Identity<'a>,
    reservations: Vec<Reservation>,
    sockets: Vec<Socket>,
    processes: Vec<Process>,
    /// Each address is probed once: two answers could differ.
    seen: RefCell<BTreeMap<(IpAddr, u16, Protocol), Probe>>,
}

impl<'a> Machine<'a> {
    fn new(
        ctx: &Context,
        name: &'a str,
        dir: &'a Path,
        containers: &'a [Container],
        refused: &'a BTreeMap<u16, String>,
    ) -> Self {
        Machine {
            remote: ctx.engine.endpoint().is_remote(),
            refused,
            containers,
            project: Identity { name, dir },
            reservations: host::reservations(),
            sockets: Vec::new(),
            processes: Vec::new(),
            seen: RefCell::default(),
        }
    }

    /// The ports are bound where the engine is: elsewhere, probing here would
    /// say nothing.
    fn probes(&self, mapping: &PortMapping, port: u16) -> Vec<(IpAddr, Probe)> {
        if self.remote {
            return Vec::new();
        }
        let addresses = host::probe_addresses(mapping.host_ip);
        let mut seen = self.seen.borrow_mut();
        let mut probe = |ip: IpAddr| {
            *seen.entry((ip, port, mapping.protocol)).or_insert_with(|| host::probe(ip, port, mapping.protocol))
        };
        addresses.into_iter().map(|ip| (ip, probe(ip))).collect()
    }

    fn judge(&self, mapping: &PortMapping, port: u16) -> Verdict {
        let facts = Facts {
            probes: &self.probes(mapping, port),
            containers: self.containers,
            sockets: &self.sockets,
            processes: &self.processes,
            reservations: &self.reservations,
        };
        match (judge(mapping, port, self.project, &facts), self.refused.get(&port)) {
            (Verdict::Free, Some(why)) => Verdict::Taken(vec![Owner::Unknown { why: why.clone() }]),
            (Verdict::Taken(owners), _) => Verdict::Taken(name_containers(owners, self.containers)),
            (verdict, _) => verdict,
        }
    }

    /// Any single port, or the best of a range, of which the engine takes one.
    fn verdict(&self, mapping: &PortMapping) -> Verdict {
        let Some(range) = mapping.published else { return Verdict::Free };
        let mut first = None;
        for port in range.iter() {
            let verdict = self.judge(mapping, port);
            if !verdict.is_conflict() {
                return verdict;
            }
            first.get_or_insert(verdict);
        }
        first.unwrap_or(Verdict::Free)
    }

    fn is_free(&self, mapping: &PortMapping, port: u16) -> bool {
        let kept = self.reservations.iter().any(|kept| kept.blocks && kept.range.contains(port));
        let can_bind =
            self.probes(mapping, port).iter().all(|(_, probe)| matches!(probe, Probe::Free | Probe::NoFamily));
        can_bind && !kept && self.judge(mapping, port) == Verdict::Free
    }
}

/// Whether `port` could be published in the place of the mapping's own.
pub fn is_free(ctx: &Context, survey: &Survey, mapping: &PortMapping, port: u16) -> bool {
    let containers = with_real_folders(survey.containers.as_deref().unwrap_or_default());
    let dir = real(&survey.stack.dir);
    let refused = BTreeMap::new();
    Machine::new(ctx, &survey.stack.name, &dir, &containers, &refused).is_free(mapping, port)
}

fn rows(ctx: &Context, survey: &Survey, refused: &BTreeMap<u16, String>) -> Vec<Row> {
    let containers = with_real_folders(survey.containers.as_deref().unwrap_or_default());
    let dir = real(&survey.stack.dir);
    let mut machine = Machine::new(ctx, &survey.stack.name, &dir, &containers, refused);
    explain(&mut machine, &survey.stack);
    let wanted: Vec<Wanted> = survey.stack.ports().cloned().collect();
    let mappings: Vec<&PortMapping> = wanted.iter().map(|wanted| &wanted.mapping).collect();
    let clashes = clashes(&mappings);
    let verdict = |(i, clash): (usize, &Option<usize>)| match clash {
        Some(earlier) => {
            let other = mappings[*earlier];
            let why = format!("service `{}` of this project publishes {} too", other.service, other.address());
            Verdict::Taken(vec![Owner::Unknown { why }])
        }
        None => machine.verdict(mappings[i]),
    };
    let verdicts: Vec<Verdict> = clashes.iter().enumerate().map(verdict).collect();
    let suggestions = suggestions(&machine, &wanted, &verdicts, &survey.settings);
    wanted
        .into_iter()
        .zip(verdicts)
        .zip(clashes)
        .zip(suggestions)
        .map(|(((wanted, verdict), clash), suggestion)| Row { wanted, verdict, clash, suggestion })
        .collect()
}

/// Asks the tables about the ports that cannot be bound, all at once.
fn explain(machine: &mut Machine<'_>, stack: &Stack) {
    let ports = stack.ports().map(|wanted| &wanted.mapping);
    let single = ports.flat_map(|mapping| {
        mapping.published.into_iter().flat_map(move |range| range.iter().map(move |port| (mapping, port)))
    });
    let unexplained: BTreeSet<(u16, Protocol)> = single
        .filter(|(mapping, port)| {
            let probes = machine.probes(mapping, *port);
            needs_explanation(mapping, *port, machine.project, machine.containers, &probes)
        })
        .map(|(mapping, port)| (port, mapping.protocol))
        .collect();
    if unexplained.is_empty() {
        return;
    }
    let unexplained: Vec<(u16, Protocol)> = unexplained.into_iter().collect();
    match host::sockets(&unexplained, host::Depth::Complete) {
        Ok(sockets) => machine.sockets = sockets,
        Err(error) => ui::detail(&format!("who holds a port cannot be told: {error}")),
    }
    let pids: BTreeSet<u32> = machine.sockets.iter().flat_map(|socket| socket.pids.iter().copied()).collect();
    machine.processes = host::processes(&pids.into_iter().collect::<Vec<u32>>());
}

/// One suggestion for each conflict; ports fed by one variable move together.
fn suggestions(
    machine: &Machine<'_>,
    wanted: &[Wanted],
    verdicts: &[Verdict],
    settings: &Settings,
) -> Vec<Option<u16>> {
    let mut outside: Vec<_> = host::ephemeral().into_iter().collect();
    outside.extend(machine.reservations.iter().map(|kept| kept.range));
    let mut used: BTreeSet<u16> = wanted.iter().filter_map(|w| w.mapping.published).flat_map(PortRange::iter).collect();
    let mut found: Vec<Option<u16>> = vec![None; wanted.len()];
    for i in 0..wanted.len() {
        let published = wanted[i].mapping.published.filter(|range| range.is_one());
        let (true, None, Some(published)) = (verdicts[i].is_conflict(), found[i], published) else { continue };
        let together: Vec<usize> =
            (0..wanted.len()).filter(|j| *j == i || same_variable(&wanted[i], &wanted[*j])).collect();
        // A variable that holds a range feeds several ports: no single number.
        if together.iter().any(|j| {
            wanted[*j].mapping.published.map(|range| (range.first, range.last))
                != Some((published.first, published.first))
        }) {
            continue;
        }
        let limits = Limits { within: settings.port_range, outside: &outside, used: &used };
        let mut is_free = |port: u16| together.iter().all(|j| machine.is_free(&wanted[*j].mapping, port));
        let port = suggest(published.first, &limits, &mut is_free);
        used.extend(port);
        for j in together.into_iter().filter(|j| verdicts[*j].is_conflict()) {
            found[j] = port;
        }
    }
    found
}

fn same_variable(a: &Wanted, b: &Wanted) -> bool {
    let variable = |wanted: &Wanted| wanted.origin.as_ref().and_then(|origin| origin.variable.clone());
    variable(a).is_some_and(|name| variable(b) == Some(name))
}
