//! The machine of the engine, where it is not this one: what is bound there, by
//! its own kernel's tables.

use std::time::Duration;

use crate::context::Context;
use crate::docker::{EngineError, tables_in_container, tables_over_ssh};
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::host;
use crate::model::{Container, PortRange, Socket, Stack};
use crate::parse::proc_net;
use crate::ui;

/// A container takes a second to come and go on a machine that has work.
const LIMIT: Duration = Duration::from_secs(20);
/// Images that are tried. One with a shell has `cat`; those of a single static
/// program have nothing.
const IMAGES: usize = 6;

/// Ports from which a Linux picks those of outgoing connections, unless told
/// otherwise (ip(7), `ip_local_port_range`).
pub(super) fn ephemeral() -> Option<PortRange> {
    PortRange::new(32_768, 60_999)
}

/// Whether this runs in one of the engine's own containers, as in a dev container
/// that was given the engine's socket: ports are bound around it then, where
/// nothing of here is seen. Not on the network of the host, which is the engine's.
pub(crate) fn is_around(containers: &[Container]) -> bool {
    let own = host::own_container();
    let is_own = |container: &&Container| own.contains(&container.id);
    containers.iter().find(is_own).is_some_and(|container| !container.is_on("host"))
}

/// Every socket on the engine's machine, without its process. Only where it was
/// asked for: it makes a container, or a connection of ssh.
pub(crate) fn sockets_of_engine_host(ctx: &Context, stack: &Stack, containers: &[Container]) -> Result<Vec<Socket>> {
    if let Some(ssh) = tables_over_ssh(ctx.engine.endpoint()) {
        return over_ssh(&ssh);
    }
    // In rootless mode the "host's" network is one that the engine made for
    // itself (docs.docker.com, "Rootless mode", known limitations).
    let info = ctx.engine.info().map_err(|trouble| ctx.engine_error(&trouble))?;
    if info.rootless {
        return Err(Error::new(format!(
            "the engine at {} is rootless: its containers do not see that machine's ports",
            ctx.engine.endpoint().host
        ))
        .hint("over ssh they can be seen: `docker context create box --docker host=ssh://USER@HOST`")
        .hint("without --probe-remote ports are judged by what the engine has bound"));
    }
    in_container(ctx, stack, containers)
}

fn over_ssh(ssh: &Command) -> Result<Vec<Socket>> {
    ui::detail(&format!("$ {}", ssh.line()));
    let hint = |error: Error| {
        error
            .hint(format!("this has to work without a question: `{}`", ssh.line()))
            .hint("without --probe-remote ports are judged by what the engine has bound")
    };
    let answer = ssh.ask(LIMIT).map_err(|error| hint(error.within("the ports of the engine's machine")))?;
    // A machine without IPv6 has two of the files only, which `cat` tells by 1.
    if let Some(sockets) = proc_net::sockets(&answer.stdout) {
        return Ok(sockets);
    }
    let said = answer.error_text();
    let said = said.lines().last().unwrap_or("it answers with something else");
    Err(hint(Error::new(format!("the ports of the engine's machine cannot be seen over ssh: {}", ui::clean(said)))))
}

fn in_container(ctx: &Context, stack: &Stack, containers: &[Container]) -> Result<Vec<Socket>> {
    let images = images(ctx, stack, containers).map_err(|trouble| ctx.engine_error(&trouble))?;
    let mut said = None;
    for image in images.iter().take(IMAGES) {
        let run = tables_in_container(image);
        ui::detail(&format!("$ {}", run.line()));
        let answer = run.ask(LIMIT).map_err(|error| error.within("the ports of the engine's machine"))?;
        if let Some(sockets) = proc_net::sockets(&answer.stdout) {
            return Ok(sockets);
        }
        said = answer.error_text().lines().next().map(|line| ui::clip(&ui::clean(line), 200)).or(said);
    }
    let host = &ctx.engine.endpoint().host;
    let error = match said {
        None => Error::new(format!("the engine at {host} has no image to look at its machine's ports with")),
        Some(said) => Error::new(format!("no image of the engine at {host} can show its machine's ports: {said}")),
    };
    Err(error
        .hint("any with `cat` will do, and nothing is pulled unasked: `docker pull busybox`")
        .hint("without --probe-remote ports are judged by what the engine has bound"))
}

/// Images that are there: the stack's own first, then those that containers run,
/// then any.
fn images(ctx: &Context, stack: &Stack, containers: &[Container]) -> Result<Vec<String>, EngineError> {
    let there = ctx.engine.images()?;
    let tagged = |image: &str| if image.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") };
    let of_stack = stack.services.iter().map(|service| {
        let built = || format!("{}-{}", stack.name, service.name);
        tagged(&service.image.clone().unwrap_or_else(built))
    });
    let running = containers.iter().map(|container| tagged(&container.image));
    let mut images: Vec<String> = Vec::new();
    for image in of_stack.chain(running).filter(|image| there.contains(image)).chain(there.iter().cloned()) {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    Ok(images)
}
