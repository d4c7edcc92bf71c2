//! Link networks: each is shared by one checkout and the proxy. `start` creates one and
//! connects the running proxy to it. The proxy's compose file does not list them, because
//! Compose would recreate the proxy for a new list and break every connection.

use std::path::Path;

use super::instance::{Instance, engine_error, lock};
use crate::context::Context;
use crate::decide::users;
use crate::error::{Error, Result};
use crate::labels::{LINK_VARIABLE, link_network};
use crate::model::{Container, LINK, LINK_FOLDER, Network, OF_PROXY};
use crate::operation::networks::{link, prune};
use crate::{disk, docker, exec, ui};

/// Whether a compose file with labels puts its services on the checkout's link network. A
/// hand-written one uses the network that projects share.
pub(super) fn names_file_uses_link(file: &Path) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("${{{LINK_VARIABLE}")))
}

/// Creates the link network of `project` in `folder` if it is missing, and connects the
/// running proxy to it.
pub(super) fn ensure(ctx: &Context, instance: &Instance, project: &str, folder: &Path) -> Result<()> {
    let _lock = lock(instance)?;
    let name = link_network(&instance.network, project);
    let find = |ctx: &Context| -> Result<Option<Network>> {
        Ok(ctx.engine.all_networks().map_err(engine_error(ctx))?.into_iter().find(|network| network.name == name))
    };
    let mut found = find(ctx)?;
    if found.is_none() {
        create(&name, instance, project, folder)?;
        found = find(ctx)?;
    }
    let link =
        found.ok_or_else(|| Error::new(format!("the network `{name}` was removed right after it was created")))?;
    if link.link().is_none_or(|link| link.proxy != instance.project) {
        return Err(Error::new(format!("there is already a network `{name}` that this tool did not create"))
            .hint(format!("this project needs that name for its network with the proxy: `docker network rm {name}`")));
    }
    let containers = ctx.engine.containers_of(&instance.project).map_err(engine_error(ctx))?;
    let proxy = instance.container(&containers).filter(|own| own.state.holds_ports());
    let proxy = proxy.ok_or_else(|| Error::new("the proxy has exited").hint("`cargo xtask proxy logs`"))?;
    join(ctx, proxy, &link)
}

fn create(name: &str, instance: &Instance, project: &str, folder: &Path) -> Result<()> {
    let labels = [
        (OF_PROXY, instance.project.clone()),
        (LINK, project.to_owned()),
        (LINK_FOLDER, folder.to_string_lossy().into_owned()),
    ];
    let answer = docker::create_network(name, &labels).ask(exec::LIMIT)?;
    if answer.ok() {
        return Ok(());
    }
    Err(create_error(name, &answer.error_text()))
}

pub(super) fn create_error(name: &str, why: &str) -> Error {
    Error::new(format!("cannot create the network `{name}`: {why}"))
        .hint("too many networks? `cargo xtask prune-network` removes unused ones")
}

fn join(ctx: &Context, proxy: &Container, link: &Network) -> Result<()> {
    if proxy.is_on(&link.name) {
        return Ok(());
    }
    ctx.engine.connect(&link.id, &proxy.id).map_err(engine_error(ctx))
}

/// Connects the proxy to all its link networks, which a recreated container has lost, and
/// removes unused ones whose folder was deleted.
pub(super) fn join_all(ctx: &Context, instance: &Instance) -> Result<()> {
    let (networks, containers) = prune::look(ctx).map_err(engine_error(ctx))?;
    let own = ctx.engine.containers_of(&instance.project).map_err(engine_error(ctx))?;
    let Some(proxy) = instance.container(&own) else { return Ok(()) };
    for network in networks.iter().filter(|network| is_ours(instance, network)) {
        let is_gone = network.link().is_some_and(|link| !disk::is_folder(link.folder));
        if is_gone && users(network, &containers).is_empty() {
            link::remove(ctx, network, &containers).map_err(engine_error(ctx))?;
        } else if let Err(error) = join(ctx, proxy, network) {
            // `prune-network` may just have removed it.
            if ctx.engine.network(&network.name).map_err(engine_error(ctx))?.is_some() {
                return Err(error);
            }
        }
    }
    Ok(())
}

fn is_ours(instance: &Instance, network: &Network) -> bool {
    network.link().is_some_and(|link| link.proxy == instance.project)
}

/// Whether the proxy's container refers to a removed network, so that it could not start.
pub(super) fn references_removed_network(ctx: &Context, instance: &Instance) -> Result<bool> {
    let (networks, containers) = prune::look(ctx).map_err(engine_error(ctx))?;
    let is_own = |container: &&Container| container.project.as_deref() == Some(&instance.project);
    let is_there = |id: &str| id.is_empty() || networks.iter().any(|network| network.id == id);
    let mut ids = containers.iter().filter(is_own).flat_map(|container| &container.networks);
    Ok(ids.any(|attachment| !is_there(&attachment.id)))
}

/// Removes a project's link network if only the proxy is connected to it: the project was
/// stopped, or now uses ports. It occupies one of the engine's few address ranges, and is
/// quickly created again.
pub fn remove_link(ctx: &Context, project: &str) {
    // There is no proxy, and a request is slow.
    if ctx.engine.endpoint().is_remote() {
        return;
    }
    let Ok(instance) = Instance::resolve(ctx) else { return };
    let name = link_network(&instance.network, project);
    let removed = || -> Result<()> {
        // Usually there is none, and this request is cheap.
        if ctx.engine.network(&name).map_err(engine_error(ctx))?.is_none() {
            return Ok(());
        }
        let _lock = lock(&instance)?;
        let (networks, containers) = prune::look(ctx).map_err(engine_error(ctx))?;
        let link = networks.iter().find(|network| network.name == name && is_ours(&instance, network));
        let Some(link) = link else { return Ok(()) };
        if !link::remove_unused(ctx, link, &containers).map_err(engine_error(ctx))? {
            let on_it: Vec<&str> = users(link, &containers).into_iter().map(|user| user.name.as_str()).collect();
            ui::note(&format!("left: network {name}, because of {}", ui::clean(&on_it.join(", "))));
        }
        Ok(())
    };
    // `prune-network` finds what is left.
    if let Err(error) = removed() {
        ui::detail(&format!("network {name} stays: {error}"));
    }
}

/// Removes the link networks that only the proxy uses; returns the names of the others.
pub(super) fn remove_all(ctx: &Context, instance: &Instance) -> Result<Vec<String>> {
    let (networks, containers) = prune::look(ctx).map_err(engine_error(ctx))?;
    let mut left = Vec::new();
    for network in networks.iter().filter(|network| is_ours(instance, network)) {
        let on_it = users(network, &containers);
        if on_it.is_empty() && ctx.dry_run {
            ui::out(&format!("would remove network {}", ui::clean(&network.name)));
        } else if on_it.is_empty() {
            link::remove(ctx, network, &containers).map_err(engine_error(ctx))?;
        } else {
            left.push(network.name.clone());
        }
    }
    Ok(left)
}
