//! A project's containers and networks, away.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::exec::Command;
use crate::model::Container;
use crate::ui;

/// `docker compose down` with these words behind it, as a person would type it.
pub fn down<S: AsRef<std::ffi::OsStr>>(ctx: &Context, words: impl IntoIterator<Item = S>) -> Command {
    let words: Vec<std::ffi::OsString> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
    ctx.compose().command(std::iter::once("down".into()).chain(words))
}

/// Says whose data is not found again: `down` leaves volumes without a name where
/// they are, and the next `up` makes new ones. Those of the image alone (`VOLUME`
/// in its Dockerfile) are such.
pub fn warn_unnamed<'a>(containers: impl IntoIterator<Item = &'a Container>) {
    for container in containers {
        for path in &container.unnamed_volumes {
            let service = ui::clean(container.service.as_deref().unwrap_or(&container.name));
            let path = ui::clean(path);
            ui::warn(&format!(
                "{service} keeps {path} in a volume without a name: the next container begins with an empty one"
            ));
            ui::note(&format!("hint: name it in the compose file: `volumes: [{service}-data:{path}]`"));
        }
    }
}

/// Runs that, in sight of the person. Where it fails because the engine has
/// gone, that is the error.
pub fn take_down(ctx: &Context, project: &str, down: &Command) -> Result<()> {
    let code = down.show(false)?;
    if code == 0 {
        return Ok(());
    }
    if let Some(error) = ctx.compose_absence() {
        return Err(error);
    }
    ctx.engine.containers_of(project).map_err(|trouble| ctx.engine_error(&trouble))?;
    Err(Error::new(format!("`docker compose down` failed with exit code {code}"))
        .hint("why stands above; what was not stopped yet, the same command stops when that is mended"))
}
