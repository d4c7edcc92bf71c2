//! Removes the proxy.

use super::instance::{Instance, engine_error, lock};
use super::link_networks;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::model::{Container, OF_PROXY};
use crate::ui;

/// Removes the proxy's container, and its networks that this tool created and nothing else
/// uses. Refuses while running projects depend on it, unless `force`. Certificates and
/// saved ports stay.
pub fn down(ctx: &Context, force: bool) -> Result<()> {
    let instance = Instance::resolve(ctx)?;
    let containers = ctx.engine.containers().map_err(engine_error(ctx))?;
    let guests = instance.guests(&containers);
    let running: Vec<&Container> = guests.iter().copied().filter(|guest| guest.state.holds_ports()).collect();
    if !running.is_empty() && !force {
        let names: Vec<String> = running.iter().map(|guest| name(guest)).collect();
        return Err(Error::new(format!("still reached through the proxy: {}", names.join(", ")))
            .hint("stop them first, or remove the proxy anyway: `cargo xtask proxy down --force`")
            .finding());
    }
    let Some(own) = instance.container(&containers) else {
        ui::note("there is no proxy");
        return remove_networks(ctx, &instance, &guests);
    };
    if ctx.dry_run {
        ui::out(&format!("would remove container {}", ui::clean(&own.name)));
        return Ok(());
    }
    let _lock = lock(&instance)?;
    // By id: the compose file may be missing, or of another version.
    for own in containers.iter().filter(|own| own.project.as_deref() == Some(&instance.project)) {
        ctx.engine.remove_container(&own.id).map_err(engine_error(ctx))?;
    }
    ui::note("removed the proxy; certificates stay");
    remove_networks(ctx, &instance, &guests)
}

/// Keeps a network that stopped containers refer to: without it they could not start.
fn remove_networks(ctx: &Context, instance: &Instance, guests: &[&Container]) -> Result<()> {
    let left = link_networks::remove_all(ctx, instance)?;
    let names = |network: &str| -> Vec<String> {
        let on_it = guests.iter().filter(|guest| guest.is_on(network));
        on_it.map(|guest| name(guest)).collect()
    };
    for link in &left {
        ui::note(&format!("left: network {}, because of {}", ui::clean(link), names(link).join(", ")));
    }
    let Some(network) = ctx.engine.network(&instance.network).map_err(engine_error(ctx))? else { return Ok(()) };
    if network.labels.get(OF_PROXY) != Some(&instance.project) {
        return Ok(());
    }
    let names = names(&instance.network);
    if !names.is_empty() {
        ui::note(&format!("left: network {}, because of {}", instance.network, names.join(", ")));
        return Ok(());
    }
    if ctx.dry_run {
        ui::out(&format!("would remove network {}", instance.network));
        return Ok(());
    }
    ctx.engine.remove_network(&network.id).map_err(engine_error(ctx))
}

fn name(container: &Container) -> String {
    let project = container.project.as_deref().map(|project| format!(" (project {})", ui::clean(project)));
    format!("{}{}", ui::clean(&container.name), project.unwrap_or_default())
}
