//! Bringing the proxy up, and proving that it answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::ask::ping;
use super::certify::{certify_all, presents_current_certificate, stale_certificate};
use super::instance::{Instance, SavedState, engine_error, lock, published_ports};
use super::link_networks;
use super::ports::{Choice, PortChooser, Requested, has_ipv6};
use crate::certs::Change;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::labels::{self, DASHBOARD, Ports, Proxy};
use crate::model::{Container, Health, OF_PROXY, Version};
use crate::parse::engine_message;
use crate::ports::is_around;
use crate::{disk, docker, exec, ui};

/// What a person asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Another image.
    pub image: Option<String>,
    /// Ports for HTTP, HTTPS, PostgreSQL and Redis.
    pub ports: [Option<u16>; 4],
}

/// The usual image: any 3.7.
const IMAGE: &str = "traefik:v3.7";
const IMAGE_VARIABLE: &str = "XTASK_PROXY_IMAGE";
/// How long `docker compose up` may take, without a download.
const UP_TIMEOUT: Duration = Duration::from_mins(2);
/// How long the proxy may take to answer after that.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
const CA_REPLACED: &str = "note: the local CA was made anew, for servers below .localhost and nothing else: the old one could sign more, and its key is gone; `cargo xtask proxy trust` makes this system accept the new one";
const POLL: Duration = Duration::from_millis(50);
/// As often as a start of a project.
const ATTEMPTS: usize = 3;

/// Brings it up, or makes sure that it is; nothing changes where all is well.
/// With `--dry-run` it only says what would be done.
pub fn up(ctx: &Context, options: &Options) -> Result<()> {
    let instance = Instance::resolve(ctx)?;
    let endpoint = ctx.engine.endpoint();
    if let Some(host) = endpoint.remote_host() {
        return Err(Error::new(format!(
            "the engine is on another machine ({host}), and a proxy there has no names here"
        ))
        .hint(format!("`{}`, or run this on that machine", endpoint.undo())));
    }
    let turn = if ctx.dry_run { None } else { Some(lock(&instance)?) };
    let containers = ctx.engine.containers().map_err(engine_error(ctx))?;
    if is_around(&containers) {
        return Err(Error::new("this is a container, and the engine around it would not find the proxy's files")
            .hint("run this on the machine around it; without names: `cargo xtask start --no-traefik`"));
    }
    refuse_other_folder(ctx, &instance, &containers)?;
    let mut saved = instance.load_state();
    // What was chosen once stays, until something else is.
    let chosen = options.image.clone().or_else(|| ctx.var(IMAGE_VARIABLE).filter(|image| !image.is_empty()));
    saved.image = chosen.or(saved.image);
    let image = saved.image.clone().unwrap_or_else(|| IMAGE.to_owned());
    let chooser = PortChooser::new(ctx, &instance, &containers);
    let mut requested = Requested { now: options.ports, saved: saved.chosen_ports, last: saved.ports };
    for (saved, now) in requested.saved.iter_mut().zip(options.ports) {
        *saved = now.or(*saved);
    }
    let choice = chooser.choose(&requested, &BTreeMap::new())?;
    if ctx.dry_run {
        print_plan(ctx, &instance, &image, &choice);
        return Ok(());
    }
    check_versions(ctx, &image, &mut saved)?;
    let recreate = instance.container(&containers).is_some()
        && (!instance.has_all_files() || link_networks::references_removed_network(ctx, &instance)?);
    let change = certify_all(ctx, &instance, &containers)?;
    ensure_network(ctx, &instance)?;
    let runs = instance.container(&containers).and_then(published_ports).is_some();
    let before = std::fs::read(instance.compose_file()).ok().filter(|_| runs);
    let launched = launch(ctx, &instance, &image, &requested, choice, recreate);
    let launched = launched.map_err(|error| {
        ctx.without_compose().unwrap_or_else(|| restore_previous(&instance, before.as_deref(), error))
    });
    // Also the one that runs again as before may be a new container.
    let joined = link_networks::join_all(ctx, &instance);
    let choice = launched?;
    joined?;
    let deadline = Instant::now() + READY_TIMEOUT;
    wait_until_ready(ctx, &instance, deadline).map_err(|error| match options.image {
        Some(_) => error.hint("`cargo xtask proxy up` takes the image of before again"),
        None => error,
    })?;
    if change != Change::None {
        wait_for_certificates(&instance, choice.ports, deadline)?;
    }
    saved.ports = Some(choice.ports);
    saved.chosen_ports = requested.saved;
    instance.save_state(&saved)?;
    drop(turn);
    for taken in &choice.taken {
        let port = choice.ports.entries().iter().find(|entry| entry.0 == taken.entrypoint).map_or(0, |entry| entry.1);
        ui::note(&format!("note: {} is on {port}, because {} is held: {}", taken.entrypoint, taken.port, taken.who));
    }
    match change {
        Change::Authority => {
            ui::note("note: a new CA was made; `cargo xtask proxy trust` makes this system accept https");
        }
        Change::Renewed => ui::note(CA_REPLACED),
        Change::Certificate | Change::None => {}
    }
    Ok(())
}

/// Has Compose start it, on other ports where the engine does not give these;
/// in a new container where the old one has folders that are gone (`recreate`).
fn launch(
    ctx: &Context,
    instance: &Instance,
    image: &str,
    requested: &Requested,
    mut choice: Choice,
    recreate: bool,
) -> Result<Choice> {
    let mut refused = BTreeMap::new();
    let words = ["up", "-d", "--remove-orphans"].into_iter().chain(recreate.then_some("--force-recreate"));
    for attempt in 1.. {
        write_compose(ctx, instance, image, &choice)?;
        let answer = instance.command(words.clone()).ask(UP_TIMEOUT)?;
        if answer.ok() {
            break;
        }
        let problems = engine_message::port_problems(&answer.stderr);
        let ports = problems.iter().filter_map(|problem| Some((problem.port?, problem.cause)));
        let more: BTreeMap<u16, String> =
            ports.map(|(port, cause)| (port, format!("refused by the engine: {}", cause.as_str()))).collect();
        if more.is_empty() || attempt == ATTEMPTS {
            let text = answer.error_text();
            let last = text.lines().last().unwrap_or("it does not say why").to_owned();
            return Err(Error::new(format!("the proxy could not be started: {last}")));
        }
        refused.extend(more);
        // The container that could not have its ports is in nobody's way.
        let now = ctx.engine.containers().map_err(engine_error(ctx))?;
        choice = PortChooser::new(ctx, instance, &now).choose(requested, &refused)?;
    }
    Ok(choice)
}

/// After a start that failed: the proxy of `before`, where one ran, is brought
/// up again, because projects are reached through it.
fn restore_previous(instance: &Instance, before: Option<&[u8]>, error: Error) -> Error {
    let Some(before) = before else {
        return error.hint(format!("see it whole: `{}`", instance.command(["up"]).line()));
    };
    let written = disk::write_atomic(&instance.compose_file(), before);
    let answer = written.and_then(|()| instance.command(["up", "-d", "--remove-orphans"]).ask(UP_TIMEOUT));
    match answer {
        Ok(answer) if answer.ok() => error.hint("the proxy runs again as it did before"),
        _ => {
            error.hint("the proxy is down now: `cargo xtask proxy up` starts it, without other ports or another image")
        }
    }
}

/// A proxy of this name that another state folder manages.
fn refuse_other_folder(ctx: &Context, instance: &Instance, containers: &[Container]) -> Result<()> {
    let Some(other) = instance.container(containers).and_then(|own| own.working_dir.as_deref()) else { return Ok(()) };
    if disk::real(other) == disk::real(&instance.dir) {
        return Ok(());
    }
    Err(Error::new(format!("a proxy for network `{}` runs already, from {}", instance.network, ctx.show(other)))
        .hint(format!("use that one, or take another network: {}=NAME", labels::NETWORK_VARIABLE)))
}

fn print_plan(ctx: &Context, instance: &Instance, image: &str, choice: &Choice) {
    for (entrypoint, port, _) in choice.ports.entries() {
        let taken = choice.taken.iter().find(|taken| taken.entrypoint == entrypoint);
        let why = taken.map(|taken| format!(" ({} is held: {})", taken.port, taken.who)).unwrap_or_default();
        ui::out(&format!("would publish {entrypoint} on 127.0.0.1:{port}{why}"));
    }
    ui::out(&format!("would write {} and what is below it", ctx.show(&instance.dir)));
    ui::out(&format!("would run: {} ({image}, network {})", instance.command(["up", "-d"]).line(), instance.network));
}

/// Finds out which Traefik the image has, getting it first where it is not
/// there, and whether that works with this engine.
fn check_versions(ctx: &Context, image: &str, saved: &mut SavedState) -> Result<()> {
    let mut found = ctx.engine.image(image).map_err(engine_error(ctx))?;
    if found.is_none() {
        if docker::pull(image).show(false)? != 0 {
            return Err(Error::new(format!("the image {} could not be had", ui::clean(image)))
                .hint("another one: `cargo xtask proxy up --image MIRROR/traefik:v3.7`, or XTASK_PROXY_IMAGE"));
        }
        found = ctx.engine.image(image).map_err(engine_error(ctx))?;
    }
    let found = found.ok_or_else(|| Error::new(format!("the image {} is not there", ui::clean(image))))?;
    let remembered = saved.version.as_ref().filter(|(id, _)| *id == found.id).map(|(_, version)| version.clone());
    let version = match remembered.or(found.version) {
        Some(version) => version,
        None => ask_version(image)?,
    };
    let traefik: Version = version.parse().map_err(|()| {
        Error::new(format!("which Traefik is in {} cannot be told: `{}`", ui::clean(image), ui::clean(&version)))
    })?;
    saved.version = Some((found.id, traefik.to_string()));
    let engine = ctx.engine.version().map_err(engine_error(ctx))?;
    // An engine that numbers its API otherwise is taken for a new one.
    let api = engine.api.unwrap_or(Version(u32::MAX, 0, 0));
    labels::check_engine(traefik, api)
}

/// The image's own word, where no label has it.
fn ask_version(image: &str) -> Result<String> {
    let answer = docker::run_once(image, &["version"]).ask(UP_TIMEOUT)?;
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("Version:"));
    line.map(|version| version.trim().to_owned()).ok_or_else(|| {
        Error::new(format!("{} does not say which Traefik it is", ui::clean(image)))
            .hint("is it one? `docker run --rm IMAGE version`")
    })
}

/// Made here and not by Compose, because projects come and go on it.
fn ensure_network(ctx: &Context, instance: &Instance) -> Result<()> {
    if ctx.engine.network(&instance.network).map_err(engine_error(ctx))?.is_some() {
        return Ok(());
    }
    let create = docker::create_network(&instance.network, &[(OF_PROXY, instance.project.clone())]);
    let answer = create.ask(exec::LIMIT)?;
    // Somebody else may have made it in the meantime.
    if answer.ok() || ctx.engine.network(&instance.network).map_err(engine_error(ctx))?.is_some() {
        return Ok(());
    }
    Err(link_networks::create_error(&instance.network, &answer.error_text()))
}

fn write_compose(ctx: &Context, instance: &Instance, image: &str, choice: &Choice) -> Result<()> {
    let text = labels::compose(&Proxy {
        project: &instance.project,
        image,
        network: &instance.network,
        ports: choice.ports,
        ipv6: has_ipv6(),
        socket: &labels::socket_source(&ctx.engine.endpoint().host, cfg!(target_os = "linux")),
        dynamic: &instance.dynamic(),
        certs: &instance.certs().folder(),
    });
    disk::private_folder(&instance.dir)?;
    disk::write_atomic(&instance.compose_file(), text.as_bytes())
}

/// Until the container is healthy and answers through its own router.
fn wait_until_ready(ctx: &Context, instance: &Instance, deadline: Instant) -> Result<()> {
    loop {
        let containers = ctx.engine.containers_of(&instance.project).map_err(engine_error(ctx))?;
        let own = instance.container(&containers);
        let healthy = own.filter(|own| own.health == Some(Health::Healthy));
        if healthy.and_then(published_ports).is_some_and(ping) {
            return Ok(());
        }
        let ended = own.is_none_or(|own| !own.state.holds_ports());
        if ended || Instant::now() >= deadline {
            let state = own.map_or_else(|| "gone".to_owned(), |own| own.status.clone());
            let log = own.and_then(|own| docker::last_lines(&own.id, 12).ask(exec::LIMIT).ok());
            let log = log.map(|answer| String::from_utf8_lossy(&[answer.stdout, answer.stderr].concat()).into_owned());
            for line in log.unwrap_or_default().lines() {
                ui::note(&ui::clean(line));
            }
            return Err(Error::new(format!("the proxy does not answer at http://{DASHBOARD} ({state})"))
                .hint("`cargo xtask proxy logs` shows what it says")
                .finding());
        }
        std::thread::sleep(POLL);
    }
}

/// Until it shows every certificate that there is.
fn wait_for_certificates(instance: &Instance, ports: Ports, deadline: Instant) -> Result<()> {
    for host in instance.certs().list().iter().filter_map(|issued| issued.hosts.first()) {
        while !presents_current_certificate(instance, host, ports) {
            if Instant::now() >= deadline {
                return Err(stale_certificate(instance, host));
            }
            std::thread::sleep(POLL);
        }
    }
    Ok(())
}
