//! Whether a project can be started: there is an engine and Compose, and no other folder
//! runs a project of its name.

use super::resolved::Project;
use crate::docker::{ComposeError, MissingCompose};
use crate::error::{Error, Result};

impl Project {
    /// An error if a project of this name runs from another folder: Compose would replace
    /// its containers, and `down` would remove them.
    pub(crate) fn refuse_if_running_elsewhere(&self) -> Result<()> {
        let Some(other) = &self.other_folder else { return Ok(()) };
        let (ctx, name) = (&self.ctx, &self.stack.name);
        Err(Error::new(format!(
            "a project named `{name}` has containers from {}: this would replace or remove them",
            ctx.show(other)
        ))
        .hint(format!(
            "give this project its own name: COMPOSE_PROJECT_NAME={name}-2 in {}",
            ctx.show(&self.stack.dir.join(".env"))
        ))
        .hint(format!("or stop the other project: `cd {} && cargo xtask stop`", ctx.typed(other))))
    }

    /// An error without an engine, without Compose, or if the project runs from another
    /// folder.
    pub(crate) fn require_ready(&self) -> Result<()> {
        self.require_engine()?;
        self.refuse_if_running_elsewhere()
    }

    /// An error without an engine or without Compose.
    pub(crate) fn require_engine(&self) -> Result<()> {
        let ctx = &self.ctx;
        match (&self.containers, &self.compose_trouble) {
            (Ok(_), None) => Ok(()),
            (Ok(_), Some(trouble)) => Err(ctx.compose_error(trouble)),
            // Without `docker` the engine's error says it all.
            (Err(trouble), Some(ComposeError::Absent(absence))) if *absence != MissingCompose::NoDocker => {
                let compose = ctx.compose_error(&ComposeError::Absent(absence.clone()));
                let engine = ctx.engine_error(trouble);
                // Whatever installs an engine also installs Compose.
                let both = trouble.is_missing_engine(ctx.engine.endpoint()) && !ctx.install_hints().has_engine;
                Err(both_missing(&compose, &engine, both))
            }
            (Err(trouble), _) => Err(ctx.engine_error(trouble)),
        }
    }

    /// Whether Compose can be asked only after `.env` was created from its template.
    pub(crate) fn needs_env_file(&self) -> bool {
        matches!(self.compose_trouble, Some(ComposeError::NeedsEnvFile(_)))
    }

    /// Whether there is no engine or no Compose, so that the project's own script may
    /// install both. A script can't repair an engine that doesn't answer, or not to this
    /// user.
    pub(crate) fn lacks_engine(&self) -> bool {
        match &self.containers {
            Ok(_) => matches!(self.compose_trouble, Some(ComposeError::Absent(_))),
            Err(trouble) => trouble.is_missing_engine(self.ctx.engine.endpoint()),
        }
    }
}

/// One error for both, without repeated hints.
fn both_missing(compose: &Error, engine: &Error, engine_hints_suffice: bool) -> Error {
    let error = Error::new(format!("{}, and {}", compose.message(), engine.message()));
    let first = if engine_hints_suffice { &[] } else { compose.hints() };
    let more = engine.hints().iter().filter(|hint| !first.contains(hint));
    first.iter().chain(more).fold(error, |error, hint| error.hint(hint.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_for_both_is_given_once() {
        let compose = Error::new("no Compose").hint("`make both`").hint("`install compose`");
        let engine = Error::new("no engine").hint("`make both`").hint("`install engine`");
        let both = both_missing(&compose, &engine, false);
        assert_eq!(both.message(), "no Compose, and no engine");
        assert_eq!(both.hints(), ["`make both`", "`install compose`", "`install engine`"]);
        assert_eq!(both_missing(&compose, &engine, true).hints(), engine.hints());
    }
}
