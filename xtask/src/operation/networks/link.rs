//! Taking away a checkout's own network with the proxy.

use crate::context::Context;
use crate::decide::{is_on, users};
use crate::docker::EngineError;
use crate::model::{Container, Network};

/// Takes a link away, the proxy first. The engine refuses where anybody else is on
/// it; the proxy is back on it then.
pub fn remove(ctx: &Context, link: &Network, containers: &[Container]) -> Result<(), EngineError> {
    let proxy = link.link().map(|link| link.proxy);
    let is_proxy = |container: &&Container| container.project.as_deref() == proxy && is_on(container, link);
    let proxies: Vec<&Container> = containers.iter().filter(is_proxy).collect();
    for proxy in &proxies {
        ctx.engine.disconnect(&link.id, &proxy.id)?;
    }
    ctx.engine.remove_network(&link.id).inspect_err(|_| {
        for proxy in &proxies {
            // One that is not there any more needs no names.
            drop(ctx.engine.connect(&link.id, &proxy.id));
        }
    })
}

/// The same where only the proxy is on it; whether it is gone.
pub fn remove_unused(ctx: &Context, link: &Network, containers: &[Container]) -> Result<bool, EngineError> {
    if !users(link, containers).is_empty() {
        return Ok(false);
    }
    remove(ctx, link, containers).map(|()| true)
}
