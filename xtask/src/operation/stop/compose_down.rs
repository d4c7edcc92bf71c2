//! Removes a project's containers and networks.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::model::Container;
use crate::ui;

/// `docker compose down` with these arguments.
pub fn down_command<S: AsRef<std::ffi::OsStr>>(ctx: &Context, args: impl IntoIterator<Item = S>) -> Command {
    let args: Vec<std::ffi::OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
    ctx.compose().command(std::iter::once("down".into()).chain(args))
}

/// Warns about data in anonymous volumes, such as those of a `VOLUME` in the Dockerfile:
/// `down` leaves them behind, and the next `up` creates new ones.
pub fn warn_unnamed_volumes<'a>(containers: impl IntoIterator<Item = &'a Container>) {
    for container in containers {
        for path in &container.unnamed_volumes {
            let service = ui::clean(container.service.as_deref().unwrap_or(&container.name));
            let path = ui::clean(path);
            ui::warn(&format!(
                "{service} keeps {path} in an anonymous volume: the next container starts with an empty one"
            ));
            ui::note(&format!("hint: name it in the compose file: `volumes: [{service}-data:{path}]`"));
        }
    }
}

/// Runs `down`, showing its output. If it fails because the engine is gone, the error says
/// so.
pub fn compose_down(ctx: &Context, project: &str, down: &Command) -> Result<()> {
    let code = down.show(false)?;
    if code == 0 {
        return Ok(());
    }
    if let Some(error) = ctx.compose_absence() {
        return Err(error);
    }
    ctx.engine.containers_of(project).map_err(|trouble| ctx.engine_error(&trouble))?;
    Err(Error::new(format!("`docker compose down` failed with exit code {code}"))
        .hint("its output above says why; once that is fixed, run the same command again"))
}
