//! What of a project an engine elsewhere cannot do: folders of this machine,
//! and ports on its own loopback.

use crate::context::Context;
use crate::operation::check::project::CheckedProject;
use crate::stack::{self, BindMount};
use crate::ui;

/// The project's bind mounts, where the engine would look for them on another
/// machine.
pub fn mounts(ctx: &Context) -> Vec<BindMount> {
    if !ctx.engine.endpoint().is_remote() {
        return Vec::new();
    }
    // What cannot be read was said already.
    stack::bind_mounts(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap_or_default()
}

/// One on a line, with the place to change.
pub fn describe(ctx: &Context, mount: &BindMount) -> String {
    format!(
        "{}:{}: {} of service {}",
        ctx.show(&mount.place.file),
        mount.place.line,
        ui::clean(&mount.source),
        ui::clean(&mount.service)
    )
}

/// Says which there are: the engine makes an empty folder in the place of each.
pub fn note(ctx: &Context) {
    let host = ctx.engine.endpoint().remote_host().unwrap_or_default();
    for mount in mounts(ctx) {
        ui::warn(&format!(
            "{} is on this machine, and {} mounts a folder of its own there: use `build:`, a volume or `configs:`",
            describe(ctx, &mount),
            ui::clean(&host)
        ));
    }
}

/// Says which ports can be reached on that machine only.
pub fn note_loopback(project: &CheckedProject) {
    // Around a container loopback is that of the person's own machine.
    let Some(host) = project.host.as_ref().filter(|host| !host.is_container_host) else { return };
    for row in &project.rows {
        let mapping = &row.wanted.mapping;
        if let (Some(ip), Some(range)) = (mapping.host_ip.filter(std::net::IpAddr::is_loopback), mapping.published) {
            let (port, name, service) = (range.first, ui::clean(&host.name), ui::clean(&mapping.service));
            ui::note(&format!(
                "note: {service} is on {ip} of {name} only: `ssh -N -L {port}:{ip}:{port} {name}` brings {port} here"
            ));
        }
    }
}
