//! The engine's machine, if it isn't this one: what is bound there, according to its
//! kernel's tables.

use std::time::Duration;

use crate::context::Context;
use crate::docker::{EngineError, tables_in_container, tables_over_ssh};
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::host;
use crate::model::{Container, PortRange, Socket, Stack};
use crate::parse::proc_net;
use crate::ui;

/// On a busy machine it takes a second to run a container.
const LIMIT: Duration = Duration::from_secs(20);
/// Images with only a static program have no `cat`, so a few are tried.
const MAX_IMAGES: usize = 6;
const WITHOUT_PROBE: &str = "without --probe-remote, ports are judged by what the engine has bound";

/// Linux's default range for outgoing connections (ip(7), `ip_local_port_range`).
pub(super) fn default_ephemeral() -> Option<PortRange> {
    PortRange::new(32_768, 60_999)
}

/// Whether this process runs in one of the engine's own containers, such as a dev
/// container with the engine's socket. Ports are then bound on the container's host, whose
/// sockets can't be seen from here; except in the host's network.
pub(crate) fn runs_in_container(containers: &[Container]) -> bool {
    let own = host::own_container();
    let is_own = |container: &&Container| own.contains(&container.id);
    containers.iter().find(is_own).is_some_and(|container| !container.is_on("host"))
}

/// Every socket on the engine's machine, without its process. Only on request, because it
/// runs a container or an ssh connection.
pub(crate) fn sockets_of_engine_host(ctx: &Context, stack: &Stack, containers: &[Container]) -> Result<Vec<Socket>> {
    if let Some(ssh) = tables_over_ssh(ctx.engine.endpoint()) {
        return over_ssh(&ssh);
    }
    // In rootless mode the host network is a namespace of the engine's own
    // (docs.docker.com, "Rootless mode", known limitations).
    let info = ctx.engine.info().map_err(|trouble| ctx.engine_error(&trouble))?;
    if info.rootless {
        return Err(Error::new(format!(
            "the engine at {} is rootless, so its containers cannot see that machine's ports",
            ctx.engine.endpoint().host
        ))
        .hint("use ssh instead: `docker context create box --docker host=ssh://USER@HOST`")
        .hint(WITHOUT_PROBE));
    }
    in_container(ctx, stack, containers)
}

fn over_ssh(ssh: &Command) -> Result<Vec<Socket>> {
    ui::detail(&format!("$ {}", ssh.line()));
    let hint =
        |error: Error| error.hint(format!("this has to work without a prompt: `{}`", ssh.line())).hint(WITHOUT_PROBE);
    let answer = ssh.ask(LIMIT).map_err(|error| hint(error.within("the ports of the engine's machine")))?;
    // Without IPv6 two of the files are missing, and `cat` exits with 1.
    if let Some(sockets) = proc_net::sockets(&answer.stdout) {
        return Ok(sockets);
    }
    let message = answer.error_text();
    let message = message.lines().last().unwrap_or("unexpected output");
    Err(hint(Error::new(format!("cannot read the ports of the engine's machine over ssh: {}", ui::clean(message)))))
}

fn in_container(ctx: &Context, stack: &Stack, containers: &[Container]) -> Result<Vec<Socket>> {
    let images = images(ctx, stack, containers).map_err(|trouble| ctx.engine_error(&trouble))?;
    let mut message = None;
    for image in images.iter().take(MAX_IMAGES) {
        let run = tables_in_container(image);
        ui::detail(&format!("$ {}", run.line()));
        let answer = run.ask(LIMIT).map_err(|error| error.within("the ports of the engine's machine"))?;
        if let Some(sockets) = proc_net::sockets(&answer.stdout) {
            return Ok(sockets);
        }
        message = answer.error_text().lines().next().map(|line| ui::clip(&ui::clean(line), 200)).or(message);
    }
    let host = &ctx.engine.endpoint().host;
    let error = match message {
        None => Error::new(format!("the engine at {host} has no image that could read its machine's ports")),
        Some(message) => {
            Error::new(format!("no image of the engine at {host} can read its machine's ports: {message}"))
        }
    };
    Err(error
        .hint("any image with `cat` will do, but none is pulled automatically: `docker pull busybox`")
        .hint(WITHOUT_PROBE))
}

/// The engine's images: the stack's own first, then those that containers run, then the
/// others.
fn images(ctx: &Context, stack: &Stack, containers: &[Container]) -> Result<Vec<String>, EngineError> {
    let known = ctx.engine.images()?;
    let tagged = |image: &str| if image.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") };
    let of_stack = stack.services.iter().map(|service| {
        let built = || format!("{}-{}", stack.name, service.name);
        tagged(&service.image.clone().unwrap_or_else(built))
    });
    let running = containers.iter().map(|container| tagged(&container.image));
    let mut images: Vec<String> = Vec::new();
    for image in of_stack.chain(running).filter(|image| known.contains(image)).chain(known.iter().cloned()) {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    Ok(images)
}
