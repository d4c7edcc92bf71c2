//! Proof of a change: what Compose publishes before it, and after it.

use serde_json::Value;

use crate::context::Context;
use crate::decide::{Expect, MountDifference, PortDifference, address_in_words, mount_difference, port_differences};
use crate::docker::ComposeError;
use crate::error::{Error, Result};
use crate::model::{PortMapping, Stack, Wanted};
use crate::project::Project;
use crate::{exec, stack, ui};

/// The project as it is at one moment.
#[derive(Debug)]
pub struct Model {
    /// Its services, those of every profile where Compose can read them.
    pub stack: Stack,
    by: By,
    /// All that Compose says of it; `None` from our own reader.
    config: Option<Value>,
}

/// Who was asked, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// Compose, for the services of every profile.
    Compose,
    /// Compose, for those that take part: another one is in bad repair.
    ComposeActive,
    /// Our own reader, where there is no Compose.
    Reader,
    /// The same, for the services that take part.
    ReaderActive,
}

impl Model {
    /// That of a project. Compose is asked again only where the project has services
    /// of inactive profiles.
    pub fn of(project: &Project) -> Result<Model> {
        Self::known(project).map_or_else(|| Self::now(&project.ctx), Ok)
    }

    /// The same of the project as it is after a change.
    pub fn after(&self, project: &Project) -> Result<Model> {
        let known = Self::known(project).filter(|_| self.by == By::Compose);
        known.map_or_else(|| self.again(&project.ctx), Ok)
    }

    fn known(project: &Project) -> Option<Model> {
        let config = serde_json::from_slice(project.whole_config()?).ok()?;
        Some(Model { stack: project.stack.clone(), by: By::Compose, config: Some(config) })
    }

    /// Asks Compose; without a Compose our own reader. An error where the
    /// project cannot be read.
    pub fn now(ctx: &Context) -> Result<Model> {
        let mut by = By::Compose;
        loop {
            match (Self::ask(ctx, by), by) {
                (Err(ComposeError::Refused(_)), By::Compose) => by = By::ComposeActive,
                (Err(ComposeError::Refused(_)), By::Reader) => by = By::ReaderActive,
                (Err(trouble @ ComposeError::Refused(_)), _) => return Err(ctx.compose_error(&trouble)),
                (Err(_), By::Compose | By::ComposeActive) => by = By::Reader,
                (Err(trouble), _) => return Err(ctx.compose_error(&trouble)),
                (Ok(model), _) => return Ok(model),
            }
        }
    }

    /// The same question once more.
    pub fn again(&self, ctx: &Context) -> Result<Model> {
        Self::ask(ctx, self.by).map_err(|trouble| ctx.compose_error(&trouble))
    }

    fn ask(ctx: &Context, by: By) -> Result<Model, ComposeError> {
        let every = matches!(by, By::Compose | By::Reader);
        let options = if every { ctx.options.clone().with_every_profile() } else { ctx.options.clone() };
        let read = || stack::read(&options, &ctx.dir, &|name| ctx.var(name));
        if matches!(by, By::Reader | By::ReaderActive) {
            let stack = read().map_err(|error| ComposeError::Refused(error.message().to_owned()))?;
            return Ok(Model { stack, by, config: None });
        }
        let (mut stack, json) = ctx.compose_with(options.clone()).config_json(exec::LIMIT)?;
        if let Ok(read) = read() {
            stack::attach_origins(&mut stack, &read);
        }
        Ok(Model { stack, by, config: serde_json::from_slice(&json).ok() })
    }

    /// The ports that became others than `expect` says.
    pub fn port_differences(&self, after: &Model, expect: &dyn Fn(&Wanted) -> Expect) -> Vec<PortDifference> {
        port_differences(&self.stack, &after.stack, expect)
    }

    /// The first mount that became one of another kind; Compose alone knows.
    pub fn mount_difference(&self, after: &Model) -> Option<MountDifference> {
        mount_difference(self.config.as_ref()?, after.config.as_ref()?)
    }
}

/// That `cause` (`DB_PORT=5433 in .env`) would publish a port otherwise.
pub fn refusal(cause: &str, difference: &PortDifference) -> Error {
    let service = ui::clean(difference.service());
    let port = |mapping: &PortMapping| format!("{}/{} of service `{service}`", mapping.target, mapping.protocol);
    let fact = match (&difference.before, &difference.after) {
        (Some(before), Some(after)) => {
            let same = (before.target, before.protocol) == (after.target, after.protocol);
            let now = if same { "it".to_owned() } else { format!("{}/{}", before.target, before.protocol) };
            let (then_on, now_on) = (address_in_words(after), address_in_words(before));
            format!("{cause} would publish {} on {then_on}; now {now} is on {now_on}", port(after))
        }
        (Some(before), None) => {
            format!("{cause} would no longer publish {}, which is on {} now", port(before), address_in_words(before))
        }
        (None, Some(after)) => {
            format!("{cause} would publish {} on {}; now it is not published", port(after), address_in_words(after))
        }
        (None, None) => format!("{cause} would change what is published"),
    };
    Error::new(fact)
}
