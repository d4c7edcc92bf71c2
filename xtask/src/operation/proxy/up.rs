//! Bringing the proxy up, and proving that it answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::ask::ping;
use super::certify::{certify_all, is_shown, make, not_shown};
use super::home::{Home, Memory, lock_proxy, published, trouble};
use super::links;
use super::ports::{Choice, PortChooser, Wanted, has_ipv6};
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
pub struct Wish {
    /// Another image.
    pub image: Option<String>,
    /// Ports for HTTP, HTTPS, PostgreSQL and Redis.
    pub ports: [Option<u16>; 4],
}

/// The usual image: any 3.7.
const IMAGE: &str = "traefik:v3.7";
const IMAGE_VARIABLE: &str = "XTASK_PROXY_IMAGE";
/// How long `docker compose up` may take, without a download.
const START: Duration = Duration::from_mins(2);
/// How long the proxy may take to answer after that.
const READY: Duration = Duration::from_secs(30);
const RENEWED: &str = "note: the local CA was made anew, for servers below .localhost and nothing else: the old one could sign more, and its key is gone; `cargo xtask proxy trust` makes this system accept the new one";
const POLL: Duration = Duration::from_millis(50);
/// As often as a start of a project.
const ATTEMPTS: usize = 3;

/// Brings it up, or makes sure that it is; nothing changes where all is well.
/// With `--dry-run` it only says what would be done.
pub fn up(ctx: &Context, wish: &Wish) -> Result<()> {
    let home = Home::of(ctx)?;
    let endpoint = ctx.engine.endpoint();
    if let Some(host) = endpoint.remote_host() {
        return Err(Error::new(format!(
            "the engine is on another machine ({host}), and a proxy there has no names here"
        ))
        .hint(format!("`{}`, or run this on that machine", endpoint.undo())));
    }
    let lock = if ctx.dry_run { None } else { Some(lock_proxy(&home)?) };
    let containers = ctx.engine.containers().map_err(trouble(ctx))?;
    if is_around(&containers) {
        return Err(Error::new("this is a container, and the engine around it would not find the proxy's files")
            .hint("run this on the machine around it; without names: `cargo xtask start --no-traefik`"));
    }
    refuse_other_home(ctx, &home, &containers)?;
    let mut memory = home.recall();
    // What was chosen once stays, until something else is.
    let chosen = wish.image.clone().or_else(|| ctx.var(IMAGE_VARIABLE).filter(|image| !image.is_empty()));
    memory.image = chosen.or(memory.image);
    let image = memory.image.clone().unwrap_or_else(|| IMAGE.to_owned());
    let chooser = PortChooser::new(ctx, &home, &containers);
    let mut wanted = Wanted { now: wish.ports, ever: memory.wished, last: memory.ports };
    for (ever, now) in wanted.ever.iter_mut().zip(wish.ports) {
        *ever = now.or(*ever);
    }
    let choice = chooser.choose(&wanted, &BTreeMap::new())?;
    if ctx.dry_run {
        show(ctx, &home, &image, &choice);
        return Ok(());
    }
    check_versions(ctx, &image, &mut memory)?;
    let anew = home.own(&containers).is_some() && (!home.is_whole() || links::is_stale(ctx, &home)?);
    let change = certify_all(ctx, &home, &containers)?;
    ensure_network(ctx, &home)?;
    let runs = home.own(&containers).and_then(published).is_some();
    let before = std::fs::read(home.compose_file()).ok().filter(|_| runs);
    let launched = launch(ctx, &home, &image, &wanted, choice, anew);
    let launched =
        launched.map_err(|error| ctx.without_compose().unwrap_or_else(|| go_back(&home, before.as_deref(), error)));
    // Also the one that runs again as before may be a new container.
    let joined = links::join_all(ctx, &home);
    let choice = launched?;
    joined?;
    let deadline = Instant::now() + READY;
    wait(ctx, &home, deadline).map_err(|error| match wish.image {
        Some(_) => error.hint("`cargo xtask proxy up` takes the image of before again"),
        None => error,
    })?;
    if change != Change::None {
        wait_shown(&home, choice.ports, deadline)?;
    }
    memory.ports = Some(choice.ports);
    memory.wished = wanted.ever;
    home.remember(&memory)?;
    drop(lock);
    for taken in &choice.taken {
        let port = choice.ports.entries().iter().find(|entry| entry.0 == taken.entrypoint).map_or(0, |entry| entry.1);
        ui::note(&format!("note: {} is on {port}, because {} is held: {}", taken.entrypoint, taken.port, taken.who));
    }
    match change {
        Change::Authority => {
            ui::note("note: a new CA was made; `cargo xtask proxy trust` makes this system accept https");
        }
        Change::Renewed => ui::note(RENEWED),
        Change::Certificate | Change::None => {}
    }
    Ok(())
}

/// Has Compose start it, on other ports where the engine does not give these;
/// in a new container where the old one has folders that are gone (`anew`).
fn launch(ctx: &Context, home: &Home, image: &str, wanted: &Wanted, mut choice: Choice, anew: bool) -> Result<Choice> {
    let mut refused = BTreeMap::new();
    let words = ["up", "-d", "--remove-orphans"].into_iter().chain(anew.then_some("--force-recreate"));
    for attempt in 1.. {
        write_compose(ctx, home, image, &choice)?;
        let answer = home.command(words.clone()).ask(START)?;
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
        let now = ctx.engine.containers().map_err(trouble(ctx))?;
        choice = PortChooser::new(ctx, home, &now).choose(wanted, &refused)?;
    }
    Ok(choice)
}

/// After a start that failed: the proxy of `before`, where one ran, is brought
/// up again, because projects are reached through it.
fn go_back(home: &Home, before: Option<&[u8]>, error: Error) -> Error {
    let Some(before) = before else {
        return error.hint(format!("see it whole: `{}`", home.command(["up"]).line()));
    };
    let written = disk::write_atomic(&home.compose_file(), before);
    let answer = written.and_then(|()| home.command(["up", "-d", "--remove-orphans"]).ask(START));
    match answer {
        Ok(answer) if answer.ok() => error.hint("the proxy runs again as it did before"),
        _ => {
            error.hint("the proxy is down now: `cargo xtask proxy up` starts it, without other ports or another image")
        }
    }
}

/// A proxy of this name that another state folder manages.
fn refuse_other_home(ctx: &Context, home: &Home, containers: &[Container]) -> Result<()> {
    let Some(other) = home.own(containers).and_then(|own| own.working_dir.as_deref()) else { return Ok(()) };
    if disk::real_path(other) == disk::real_path(&home.dir) {
        return Ok(());
    }
    Err(Error::new(format!("a proxy for network `{}` runs already, from {}", home.network, ctx.show(other)))
        .hint(format!("use that one, or take another network: {}=NAME", labels::NETWORK_VARIABLE)))
}

fn show(ctx: &Context, home: &Home, image: &str, choice: &Choice) {
    for (entrypoint, port, _) in choice.ports.entries() {
        let taken = choice.taken.iter().find(|taken| taken.entrypoint == entrypoint);
        let why = taken.map(|taken| format!(" ({} is held: {})", taken.port, taken.who)).unwrap_or_default();
        ui::out(&format!("would publish {entrypoint} on 127.0.0.1:{port}{why}"));
    }
    ui::out(&format!("would write {} and what is below it", ctx.show(&home.dir)));
    ui::out(&format!("would run: {} ({image}, network {})", home.command(["up", "-d"]).line(), home.network));
}

/// Finds out which Traefik the image has, getting it first where it is not
/// there, and whether that works with this engine.
fn check_versions(ctx: &Context, image: &str, memory: &mut Memory) -> Result<()> {
    let mut found = ctx.engine.image(image).map_err(trouble(ctx))?;
    if found.is_none() {
        if docker::pull(image).show(false)? != 0 {
            return Err(Error::new(format!("the image {} could not be had", ui::clean(image)))
                .hint("another one: `cargo xtask proxy up --image MIRROR/traefik:v3.7`, or XTASK_PROXY_IMAGE"));
        }
        found = ctx.engine.image(image).map_err(trouble(ctx))?;
    }
    let found = found.ok_or_else(|| Error::new(format!("the image {} is not there", ui::clean(image))))?;
    let remembered = memory.version.as_ref().filter(|(id, _)| *id == found.id).map(|(_, version)| version.clone());
    let version = match remembered.or(found.version) {
        Some(version) => version,
        None => ask_version(image)?,
    };
    let traefik: Version = version.parse().map_err(|()| {
        Error::new(format!("which Traefik is in {} cannot be told: `{}`", ui::clean(image), ui::clean(&version)))
    })?;
    memory.version = Some((found.id, traefik.to_string()));
    let engine = ctx.engine.version().map_err(trouble(ctx))?;
    // An engine that numbers its API otherwise is taken for a new one.
    let api = engine.api.unwrap_or(Version(u32::MAX, 0, 0));
    labels::check_engine(traefik, api)
}

/// The image's own word, where no label has it.
fn ask_version(image: &str) -> Result<String> {
    let answer = docker::run_once(image, &["version"]).ask(START)?;
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("Version:"));
    line.map(|version| version.trim().to_owned()).ok_or_else(|| {
        Error::new(format!("{} does not say which Traefik it is", ui::clean(image)))
            .hint("is it one? `docker run --rm IMAGE version`")
    })
}

/// Made here and not by Compose, because projects come and go on it.
fn ensure_network(ctx: &Context, home: &Home) -> Result<()> {
    if ctx.engine.network(&home.network).map_err(trouble(ctx))?.is_some() {
        return Ok(());
    }
    let create = docker::create_network(&home.network, &[(OF_PROXY, home.project.clone())]);
    let answer = create.ask(exec::LIMIT)?;
    // Somebody else may have made it in the meantime.
    if answer.ok() || ctx.engine.network(&home.network).map_err(trouble(ctx))?.is_some() {
        return Ok(());
    }
    Err(links::not_made(&home.network, &answer.error_text()))
}

fn write_compose(ctx: &Context, home: &Home, image: &str, choice: &Choice) -> Result<()> {
    let text = labels::compose(&Proxy {
        project: &home.project,
        image,
        network: &home.network,
        ports: choice.ports,
        ipv6: has_ipv6(),
        socket: &labels::socket_source(&ctx.engine.endpoint().host, cfg!(target_os = "linux")),
        dynamic: &home.dynamic(),
        certs: &home.certs().folder(),
    });
    make(&home.dir)?;
    disk::write_atomic(&home.compose_file(), text.as_bytes())
}

/// Until the container is healthy and answers through its own router.
fn wait(ctx: &Context, home: &Home, deadline: Instant) -> Result<()> {
    loop {
        let containers = ctx.engine.containers_of(&home.project).map_err(trouble(ctx))?;
        let own = home.own(&containers);
        let healthy = own.filter(|own| own.health == Some(Health::Healthy));
        if healthy.and_then(published).is_some_and(ping) {
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
fn wait_shown(home: &Home, ports: Ports, deadline: Instant) -> Result<()> {
    for host in home.certs().list().iter().filter_map(|issued| issued.hosts.first()) {
        while !is_shown(home, host, ports) {
            if Instant::now() >= deadline {
                return Err(not_shown(home, host));
            }
            std::thread::sleep(POLL);
        }
    }
    Ok(())
}
