//! The networks that single checkouts share with the proxy. `start` makes one and
//! has the running proxy join it; its compose file does not name them, because with
//! another list of networks Compose would make it anew and end every connection.

use std::path::Path;

use super::home::{Home, lock_proxy, trouble};
use crate::context::Context;
use crate::decide::users;
use crate::error::{Error, Result};
use crate::labels::{LINK_VARIABLE, link_network};
use crate::model::{Container, LINK, LINK_FOLDER, Network, OF_PROXY};
use crate::operation::networks::{link, prune};
use crate::{disk, docker, exec, ui};

/// Whether a file of names reads the name of the checkout's own network: one that
/// was written by hand has its services on the network that projects share.
pub(super) fn is_used_by(file: &Path) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("${{{LINK_VARIABLE}")))
}

/// Makes the network of `project` in `folder` where it is not there, and has the
/// running proxy join it.
pub(super) fn ensure(ctx: &Context, home: &Home, project: &str, folder: &Path) -> Result<()> {
    let _lock = lock_proxy(home)?;
    let name = link_network(&home.network, project);
    let there = |ctx: &Context| -> Result<Option<Network>> {
        Ok(ctx.engine.all_networks().map_err(trouble(ctx))?.into_iter().find(|network| network.name == name))
    };
    let mut found = there(ctx)?;
    if found.is_none() {
        make(&name, home, project, folder)?;
        found = there(ctx)?;
    }
    let link = found.ok_or_else(|| Error::new(format!("the network `{name}` was removed as soon as it was made")))?;
    if link.link().is_none_or(|link| link.proxy != home.project) {
        return Err(Error::new(format!("there is a network `{name}` that this tool did not make"))
            .hint(format!("the services of this project share it with the proxy: `docker network rm {name}`")));
    }
    let containers = ctx.engine.containers_of(&home.project).map_err(trouble(ctx))?;
    let proxy = home.own(&containers).filter(|own| own.state.holds_ports());
    let proxy = proxy.ok_or_else(|| Error::new("the proxy has ended").hint("`cargo xtask proxy logs`"))?;
    join(ctx, proxy, &link)
}

fn make(name: &str, home: &Home, project: &str, folder: &Path) -> Result<()> {
    let labels = [
        (OF_PROXY, home.project.clone()),
        (LINK, project.to_owned()),
        (LINK_FOLDER, folder.to_string_lossy().into_owned()),
    ];
    let answer = docker::create_network(name, &labels).ask(exec::LIMIT)?;
    if answer.ok() {
        return Ok(());
    }
    Err(not_made(name, &answer.error_text()))
}

/// The error that a network could not be made.
pub(super) fn not_made(name: &str, why: &str) -> Error {
    Error::new(format!("the network `{name}` could not be made: {why}"))
        .hint("too many networks? `cargo xtask prune-network` removes those that nobody needs")
}

fn join(ctx: &Context, proxy: &Container, link: &Network) -> Result<()> {
    if proxy.is_on(&link.name) {
        return Ok(());
    }
    ctx.engine.connect(&link.id, &proxy.id).map_err(trouble(ctx))
}

/// Has the proxy join all networks that are its own, as after it was made anew, and
/// takes those away that nobody is on and whose folder is gone.
pub(super) fn join_all(ctx: &Context, home: &Home) -> Result<()> {
    let (networks, containers) = prune::look(ctx).map_err(trouble(ctx))?;
    let own = ctx.engine.containers_of(&home.project).map_err(trouble(ctx))?;
    let Some(proxy) = home.own(&own) else { return Ok(()) };
    for network in networks.iter().filter(|network| is_ours(home, network)) {
        let is_gone = network.link().is_some_and(|link| !disk::is_folder(link.folder));
        if is_gone && users(network, &containers).is_empty() {
            link::remove(ctx, network, &containers).map_err(trouble(ctx))?;
        } else if let Err(error) = join(ctx, proxy, network) {
            // `prune-network` may have taken it away just now.
            if ctx.engine.network(&network.name).map_err(trouble(ctx))?.is_some() {
                return Err(error);
            }
        }
    }
    Ok(())
}

fn is_ours(home: &Home, network: &Network) -> bool {
    network.link().is_some_and(|link| link.proxy == home.project)
}

/// Whether the proxy's container names a network that is gone: it could not be
/// started again.
pub(super) fn is_stale(ctx: &Context, home: &Home) -> Result<bool> {
    let (networks, containers) = prune::look(ctx).map_err(trouble(ctx))?;
    let is_own = |container: &&Container| container.project.as_deref() == Some(&home.project);
    let is_there = |id: &str| id.is_empty() || networks.iter().any(|network| network.id == id);
    let mut ids = containers.iter().filter(is_own).flat_map(|container| &container.networks);
    Ok(ids.any(|attachment| !is_there(&attachment.id)))
}

/// Takes the network of a project away, where only the proxy is on it: once it is
/// stopped, or goes by ports. It takes an address range of the engine, of which there
/// are few, and is made again in a moment.
pub fn drop_link(ctx: &Context, project: &str) {
    // There is no proxy, and a question takes long.
    if ctx.engine.endpoint().is_remote() {
        return;
    }
    let Ok(home) = Home::of(ctx) else { return };
    let name = link_network(&home.network, project);
    let dropped = || -> Result<()> {
        // As a rule there is none, and that is a short question.
        if ctx.engine.network(&name).map_err(trouble(ctx))?.is_none() {
            return Ok(());
        }
        let _lock = lock_proxy(&home)?;
        let (networks, containers) = prune::look(ctx).map_err(trouble(ctx))?;
        let link = networks.iter().find(|network| network.name == name && is_ours(&home, network));
        let Some(link) = link else { return Ok(()) };
        if !link::remove_unused(ctx, link, &containers).map_err(trouble(ctx))? {
            let on_it: Vec<&str> = users(link, &containers).into_iter().map(|user| user.name.as_str()).collect();
            ui::note(&format!("left: network {name}, because of {}", ui::clean(&on_it.join(", "))));
        }
        Ok(())
    };
    // What is left is found by `prune-network`.
    if let Err(error) = dropped() {
        ui::detail(&format!("network {name} stays: {error}"));
    }
}

/// Takes all networks of the proxy away that nobody else is on, and gives the names
/// of the others.
pub(super) fn drop_all(ctx: &Context, home: &Home) -> Result<Vec<String>> {
    let (networks, containers) = prune::look(ctx).map_err(trouble(ctx))?;
    let mut left = Vec::new();
    for network in networks.iter().filter(|network| is_ours(home, network)) {
        let on_it = users(network, &containers);
        if on_it.is_empty() && ctx.dry_run {
            ui::out(&format!("would remove network {}", ui::clean(&network.name)));
        } else if on_it.is_empty() {
            link::remove(ctx, network, &containers).map_err(trouble(ctx))?;
        } else {
            left.push(network.name.clone());
        }
    }
    Ok(left)
}
