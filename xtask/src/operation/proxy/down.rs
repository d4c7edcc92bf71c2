//! Taking the proxy away.

use super::home::{Home, lock_proxy, trouble};
use super::links;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::model::{Container, OF_PROXY};
use crate::ui;

/// Removes the proxy's container, and those of its networks that this made and
/// nobody is on. Refuses while others would lose their names, unless `force`.
/// Certificates and remembered ports stay.
pub fn down(ctx: &Context, force: bool) -> Result<()> {
    let home = Home::of(ctx)?;
    let containers = ctx.engine.containers().map_err(trouble(ctx))?;
    let guests = home.guests(&containers);
    let running: Vec<&Container> = guests.iter().copied().filter(|guest| guest.state.holds_ports()).collect();
    if !running.is_empty() && !force {
        let names: Vec<String> = running.iter().map(|guest| name(guest)).collect();
        return Err(Error::new(format!("still reached through the proxy: {}", names.join(", ")))
            .hint("stop them first, or take the proxy from them: `cargo xtask proxy down --force`")
            .finding());
    }
    let Some(own) = home.own(&containers) else {
        ui::note("the proxy is not there");
        return remove_networks(ctx, &home, &guests);
    };
    if ctx.dry_run {
        ui::out(&format!("would remove container {}", ui::clean(&own.name)));
        return Ok(());
    }
    let _lock = lock_proxy(&home)?;
    // By id: the compose file may be gone, or of another version.
    for own in containers.iter().filter(|own| own.project.as_deref() == Some(&home.project)) {
        ctx.engine.remove_container(&own.id).map_err(trouble(ctx))?;
    }
    ui::note("the proxy is gone; certificates stay");
    remove_networks(ctx, &home, &guests)
}

/// A network that stopped containers still name must stay: without it they
/// could not be started again.
fn remove_networks(ctx: &Context, home: &Home, guests: &[&Container]) -> Result<()> {
    let left = links::drop_all(ctx, home)?;
    let names = |network: &str| -> Vec<String> {
        let on_it = guests.iter().filter(|guest| guest.is_on(network));
        on_it.map(|guest| name(guest)).collect()
    };
    for link in &left {
        ui::note(&format!("left: network {}, because of {}", ui::clean(link), names(link).join(", ")));
    }
    let Some(network) = ctx.engine.network(&home.network).map_err(trouble(ctx))? else { return Ok(()) };
    if network.labels.get(OF_PROXY) != Some(&home.project) {
        return Ok(());
    }
    let names = names(&home.network);
    if !names.is_empty() {
        ui::note(&format!("left: network {}, because of {}", home.network, names.join(", ")));
        return Ok(());
    }
    if ctx.dry_run {
        ui::out(&format!("would remove network {}", home.network));
        return Ok(());
    }
    ctx.engine.remove_network(&network.id).map_err(trouble(ctx))
}

fn name(container: &Container) -> String {
    let project = container.project.as_deref().map(|project| format!(" (project {})", ui::clean(project)));
    format!("{}{}", ui::clean(&container.name), project.unwrap_or_default())
}
