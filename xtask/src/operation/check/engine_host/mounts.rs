//! What doesn't work with a remote engine: bind mounts of this machine's folders, and ports
//! on this machine's loopback.

use crate::context::Context;
use crate::operation::check::project::CheckedProject;
use crate::stack::{self, BindMount};
use crate::ui;

/// The project's bind mounts, if the engine would look for them on another machine.
pub fn mounts(ctx: &Context) -> Vec<BindMount> {
    if !ctx.engine.endpoint().is_remote() {
        return Vec::new();
    }
    // Errors of the reader were reported before.
    stack::bind_mounts(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap_or_default()
}

/// The mount with the file and line to change.
pub fn describe(ctx: &Context, mount: &BindMount) -> String {
    format!(
        "{}:{}: {} of service {}",
        ctx.show(&mount.place.file),
        mount.place.line,
        ui::clean(&mount.source),
        ui::clean(&mount.service)
    )
}

/// Warns about each mount, because the engine creates an empty folder in its place.
pub fn note(ctx: &Context) {
    let host = ctx.engine.endpoint().remote_host().unwrap_or_default();
    for mount in mounts(ctx) {
        ui::warn(&format!(
            "{} is on this machine, but {} would mount its own folder: use `build:`, a volume or `configs:`",
            describe(ctx, &mount),
            ui::clean(&host)
        ));
    }
}

/// Prints the ports that can be reached only on that machine.
pub fn note_loopback(project: &CheckedProject) {
    // The loopback of this container's host is the user's own.
    let Some(host) = project.host.as_ref().filter(|host| !host.is_container_host) else { return };
    for row in &project.rows {
        let mapping = &row.wanted.mapping;
        if let (Some(ip), Some(range)) = (mapping.host_ip.filter(std::net::IpAddr::is_loopback), mapping.published) {
            let (port, name, service) = (range.first, ui::clean(&host.name), ui::clean(&mapping.service));
            ui::note(&format!(
                "note: {service} listens only on {ip} of {name}: `ssh -N -L {port}:{ip}:{port} {name}` forwards {port} here"
            ));
        }
    }
}
