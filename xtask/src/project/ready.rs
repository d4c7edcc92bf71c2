//! Whether a project can be started at all: an engine, Compose, and nobody else
//! of its name.

use super::resolved::Project;
use crate::docker::{ComposeError, MissingCompose};
use crate::error::{Error, Result};

impl Project {
    /// An error where a project of this name runs from another folder: Compose
    /// would replace its containers, and `down` end them.
    pub fn refuse_elsewhere(&self) -> Result<()> {
        let Some(other) = &self.elsewhere else { return Ok(()) };
        let (ctx, name) = (&self.ctx, &self.stack.name);
        Err(Error::new(format!(
            "a project named `{name}` has containers from {}: this would replace or end them",
            ctx.show(other)
        ))
        .hint(format!(
            "give this one a name of its own: COMPOSE_PROJECT_NAME={name}-2 in {}",
            ctx.show(&self.stack.dir.join(".env"))
        ))
        .hint(format!("or stop the other one: `cd {} && cargo xtask stop`", ctx.typed(other))))
    }

    /// An error where there is no engine, no Compose, or the project runs from
    /// another folder.
    pub fn ready(&self) -> Result<()> {
        self.has_engine()?;
        self.refuse_elsewhere()
    }

    /// An error where there is no engine or no Compose.
    pub fn has_engine(&self) -> Result<()> {
        let ctx = &self.ctx;
        match (&self.containers, &self.without_compose) {
            (Ok(_), None) => Ok(()),
            (Ok(_), Some(trouble)) => Err(ctx.compose_error(trouble)),
            // Without `docker` there is not much else to be said.
            (Err(trouble), Some(ComposeError::Absent(missing))) if *missing != MissingCompose::NoDocker => {
                let compose = ctx.compose_error(&ComposeError::Absent(missing.clone()));
                let engine = ctx.engine_error(trouble);
                // What installs an engine installs Compose with it.
                let both = trouble.is_missing_engine(ctx.engine.endpoint()) && !ctx.install_hints().has_engine;
                Err(neither(&compose, &engine, both))
            }
            (Err(trouble), _) => Err(ctx.engine_error(trouble)),
        }
    }

    /// Whether Compose can be asked only after `.env` was made from its template.
    pub fn needs_env_file(&self) -> bool {
        matches!(self.without_compose, Some(ComposeError::NeedsEnvFile(_)))
    }

    /// Whether there is no engine or no Compose, so that the project's own script
    /// may bring both up. What is there and does not answer, or not to this user,
    /// no script makes anew.
    pub fn lacks_engine(&self) -> bool {
        match &self.containers {
            Ok(_) => matches!(self.without_compose, Some(ComposeError::Absent(_))),
            Err(trouble) => trouble.is_missing_engine(self.ctx.engine.endpoint()),
        }
    }
}

/// Both are missing: one error, whose hints are said once.
/// `by_engine`: those of the engine are enough.
fn neither(compose: &Error, engine: &Error, by_engine: bool) -> Error {
    let error = Error::new(format!("{}, and {}", compose.message(), engine.message()));
    let first = if by_engine { &[] } else { compose.hints() };
    let more = engine.hints().iter().filter(|hint| !first.contains(hint));
    first.iter().chain(more).fold(error, |error, hint| error.hint(hint.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cures_both_is_said_once() {
        let compose = Error::new("no Compose").hint("`make both`").hint("`install compose`");
        let engine = Error::new("no engine").hint("`make both`").hint("`install engine`");
        let both = neither(&compose, &engine, false);
        assert_eq!(both.message(), "no Compose, and no engine");
        assert_eq!(both.hints(), ["`make both`", "`install compose`", "`install engine`"]);
        assert_eq!(neither(&compose, &engine, true).hints(), engine.hints());
    }
}
