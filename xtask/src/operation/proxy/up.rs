//! Starts the proxy and proves that it answers.

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
use crate::ports::runs_in_container;
use crate::{disk, docker, exec, ui};

#[derive(Debug, Clone, Default)]
pub struct Options {
    pub image: Option<String>,
    /// Ports for HTTP, HTTPS, PostgreSQL and Redis.
    pub ports: [Option<u16>; 4],
}

const IMAGE: &str = "traefik:v3.7";
const IMAGE_VARIABLE: &str = "XTASK_PROXY_IMAGE";
/// For `docker compose up`, without a download.
const UP_TIMEOUT: Duration = Duration::from_mins(2);
/// For the proxy to answer after that.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
const CA_REPLACED: &str = "note: the local CA was replaced by one that can sign only for names below .localhost; the key of the old one, which could sign more, was deleted; `cargo xtask proxy trust` has this system trust the new one";
const POLL: Duration = Duration::from_millis(50);
/// As many as a start of a project makes.
const ATTEMPTS: usize = 3;

/// Starts the proxy, or verifies that it runs and answers. With `--dry-run` it only prints
/// the plan.
pub fn up(ctx: &Context, options: &Options) -> Result<()> {
    let instance = Instance::resolve(ctx)?;
    let endpoint = ctx.engine.endpoint();
    if let Some(host) = endpoint.remote_host() {
        return Err(Error::new(format!(
            "the engine is on another machine ({host}), so names of a proxy there would not work here"
        ))
        .hint(format!("`{}`, or run this on that machine", endpoint.undo())));
    }
    let turn = if ctx.dry_run { None } else { Some(lock(&instance)?) };
    let containers = ctx.engine.containers().map_err(engine_error(ctx))?;
    if runs_in_container(&containers) {
        return Err(Error::new("this runs in a container, and the engine outside it would not find the proxy's files")
            .hint("run this on the machine outside; or start without names: `cargo xtask start --no-traefik`"));
    }
    refuse_other_folder(ctx, &instance, &containers)?;
    let mut saved = instance.load_state();
    // A chosen image is kept until another one is chosen.
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
        ctx.compose_absence().unwrap_or_else(|| restore_previous(&instance, before.as_deref(), error))
    });
    // Also after a failure: the restored proxy may be a new container.
    let joined = link_networks::join_all(ctx, &instance);
    let choice = launched?;
    joined?;
    let deadline = Instant::now() + READY_TIMEOUT;
    wait_until_ready(ctx, &instance, deadline).map_err(|error| match options.image {
        Some(_) => error.hint("`cargo xtask proxy up` goes back to the previous image"),
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
            ui::note("note: a new CA was created; `cargo xtask proxy trust` makes this system trust it for https");
        }
        Change::Renewed => ui::note(CA_REPLACED),
        Change::Certificate | Change::None => {}
    }
    Ok(())
}

/// Has Compose start it, on other ports if the engine refuses these. `recreate`: the old
/// container refers to deleted folders or networks, so make a new one.
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
            let last = text.lines().last().unwrap_or("no reason given").to_owned();
            return Err(Error::new(format!("the proxy did not start: {last}")));
        }
        refused.extend(more);
        // A container that did not get its ports holds none.
        let now = ctx.engine.containers().map_err(engine_error(ctx))?;
        choice = PortChooser::new(ctx, instance, &now).choose(requested, &refused)?;
    }
    Ok(choice)
}

/// After a failed start, restarts the proxy that ran before, if any, because projects depend
/// on it. `before` is its compose file.
fn restore_previous(instance: &Instance, before: Option<&[u8]>, error: Error) -> Error {
    let Some(before) = before else {
        return error.hint(format!("for the full output: `{}`", instance.command(["up"]).line()));
    };
    let written = disk::write_atomic(&instance.compose_file(), before);
    let answer = written.and_then(|()| instance.command(["up", "-d", "--remove-orphans"]).ask(UP_TIMEOUT));
    match answer {
        Ok(answer) if answer.ok() => error.hint("the proxy runs again as it did before"),
        _ => error.hint("the proxy is down now: `cargo xtask proxy up` starts it with the previous ports and image"),
    }
}

/// Refuses if a proxy of this name runs from another state folder.
fn refuse_other_folder(ctx: &Context, instance: &Instance, containers: &[Container]) -> Result<()> {
    let Some(other) = instance.container(containers).and_then(|own| own.working_dir.as_deref()) else { return Ok(()) };
    if disk::real_path(other) == disk::real_path(&instance.dir) {
        return Ok(());
    }
    Err(Error::new(format!("a proxy for network `{}` already runs from {}", instance.network, ctx.show(other)))
        .hint(format!("use that one, or choose another network: {}=NAME", labels::NETWORK_VARIABLE)))
}

fn print_plan(ctx: &Context, instance: &Instance, image: &str, choice: &Choice) {
    for (entrypoint, port, _) in choice.ports.entries() {
        let taken = choice.taken.iter().find(|taken| taken.entrypoint == entrypoint);
        let why = taken.map(|taken| format!(" ({} is held: {})", taken.port, taken.who)).unwrap_or_default();
        ui::out(&format!("would publish {entrypoint} on 127.0.0.1:{port}{why}"));
    }
    ui::out(&format!("would write files in {}", ctx.show(&instance.dir)));
    ui::out(&format!("would run: {} ({image}, network {})", instance.command(["up", "-d"]).line(), instance.network));
}

/// Finds the Traefik version of the image, pulling it if needed, and checks that it works
/// with this engine.
fn check_versions(ctx: &Context, image: &str, saved: &mut SavedState) -> Result<()> {
    let mut found = ctx.engine.image(image).map_err(engine_error(ctx))?;
    if found.is_none() {
        if docker::pull(image).show(false)? != 0 {
            return Err(Error::new(format!("cannot pull the image {}", ui::clean(image)))
                .hint("use another one: `cargo xtask proxy up --image MIRROR/traefik:v3.7`, or XTASK_PROXY_IMAGE"));
        }
        found = ctx.engine.image(image).map_err(engine_error(ctx))?;
    }
    let found = found.ok_or_else(|| Error::new(format!("there is no image {}", ui::clean(image))))?;
    let remembered = saved.version.as_ref().filter(|(id, _)| *id == found.id).map(|(_, version)| version.clone());
    let version = match remembered.or(found.version) {
        Some(version) => version,
        None => ask_version(image)?,
    };
    let traefik: Version = version.parse().map_err(|()| {
        Error::new(format!("the Traefik version of {} cannot be read: `{}`", ui::clean(image), ui::clean(&version)))
    })?;
    saved.version = Some((found.id, traefik.to_string()));
    let engine = ctx.engine.version().map_err(engine_error(ctx))?;
    // An unknown API version counts as new.
    let api = engine.api.unwrap_or(Version(u32::MAX, 0, 0));
    labels::check_engine(traefik, api)
}

/// Runs `traefik version` in the image, for images without a version label.
fn ask_version(image: &str) -> Result<String> {
    let answer = docker::run_once(image, &["version"]).ask(UP_TIMEOUT)?;
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("Version:"));
    line.map(|version| version.trim().to_owned()).ok_or_else(|| {
        Error::new(format!("{} does not print a Traefik version", ui::clean(image)))
            .hint("is it a Traefik image? `docker run --rm IMAGE version`")
    })
}

/// Not created by Compose, because projects connect to it and leave.
fn ensure_network(ctx: &Context, instance: &Instance) -> Result<()> {
    if ctx.engine.network(&instance.network).map_err(engine_error(ctx))?.is_some() {
        return Ok(());
    }
    let create = docker::create_network(&instance.network, &[(OF_PROXY, instance.project.clone())]);
    let answer = create.ask(exec::LIMIT)?;
    // Another process may have created it meanwhile.
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

/// Waits until the container is healthy and answers through its own router.
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
                .hint("see `cargo xtask proxy logs`")
                .finding());
        }
        std::thread::sleep(POLL);
    }
}

/// Waits until it presents the current certificates.
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
