//! Removes link networks, each of which one checkout shares with the proxy.

use crate::context::Context;
use crate::decide::{is_on, users};
use crate::docker::EngineError;
use crate::model::{Container, Network};

/// Disconnects the proxy and removes the link network. If other containers are connected the
/// engine refuses, and the proxy is connected again.
pub fn remove(ctx: &Context, link: &Network, containers: &[Container]) -> Result<(), EngineError> {
    let proxy = link.link().map(|link| link.proxy);
    let is_proxy = |container: &&Container| container.project.as_deref() == proxy && is_on(container, link);
    let proxies: Vec<&Container> = containers.iter().filter(is_proxy).collect();
    for proxy in &proxies {
        ctx.engine.disconnect(&link.id, &proxy.id)?;
    }
    ctx.engine.remove_network(&link.id).inspect_err(|_| {
        for proxy in &proxies {
            // A removed proxy does not need the network.
            drop(ctx.engine.connect(&link.id, &proxy.id));
        }
    })
}

/// Removes the link network if only the proxy uses it; returns whether it was removed.
pub fn remove_unused(ctx: &Context, link: &Network, containers: &[Container]) -> Result<bool, EngineError> {
    if !users(link, containers).is_empty() {
        return Ok(false);
    }
    remove(ctx, link, containers).map(|()| true)
}
