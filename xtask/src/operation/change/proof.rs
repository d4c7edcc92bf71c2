//! Proves a change by comparing what Compose publishes before and after it.

use serde_json::Value;

use crate::context::Context;
use crate::decide::{Expect, MountDifference, PortDifference, address_in_words, mount_difference, port_differences};
use crate::docker::ComposeError;
use crate::error::{Error, Result};
use crate::model::{PortMapping, Stack, Wanted};
use crate::project::Project;
use crate::{exec, stack, ui};

/// What a project publishes at one moment.
#[derive(Debug)]
pub struct Model {
    /// With the services of every profile if they can be read.
    pub stack: Stack,
    source: ModelSource,
    /// Compose's JSON; `None` from our own reader.
    config: Option<Value>,
}

/// Who provided the model, and for which services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ModelSource {
    /// Compose, for the services of every profile.
    Compose,
    /// Compose, for active services only: another profile is broken.
    ComposeActive,
    /// Our own reader, without Compose, for the services of every profile.
    Reader,
    /// Our own reader, for active services only.
    ReaderActive,
}

impl Model {
    /// Asks Compose again only if the project has services of inactive profiles.
    pub fn of_project(project: &Project) -> Result<Model> {
        Self::from_resolved(project).map_or_else(|| Self::read(&project.ctx), Ok)
    }

    /// The model from the same source after a change.
    pub fn after(&self, project: &Project) -> Result<Model> {
        let known = Self::from_resolved(project).filter(|_| self.source == ModelSource::Compose);
        known.map_or_else(|| self.read_again(&project.ctx), Ok)
    }

    fn from_resolved(project: &Project) -> Option<Model> {
        let config = serde_json::from_slice(project.whole_config()?).ok()?;
        Some(Model { stack: project.stack.clone(), source: ModelSource::Compose, config: Some(config) })
    }

    /// Asks Compose or, without Compose, our own reader.
    pub fn read(ctx: &Context) -> Result<Model> {
        let mut source = ModelSource::Compose;
        loop {
            match (Self::ask(ctx, source), source) {
                (Err(ComposeError::Refused(_)), ModelSource::Compose) => source = ModelSource::ComposeActive,
                (Err(ComposeError::Refused(_)), ModelSource::Reader) => source = ModelSource::ReaderActive,
                (Err(trouble @ ComposeError::Refused(_)), _) => return Err(ctx.compose_error(&trouble)),
                (Err(_), ModelSource::Compose | ModelSource::ComposeActive) => source = ModelSource::Reader,
                (Err(trouble), _) => return Err(ctx.compose_error(&trouble)),
                (Ok(model), _) => return Ok(model),
            }
        }
    }

    /// Asks the same source again.
    pub fn read_again(&self, ctx: &Context) -> Result<Model> {
        Self::ask(ctx, self.source).map_err(|trouble| ctx.compose_error(&trouble))
    }

    fn ask(ctx: &Context, source: ModelSource) -> Result<Model, ComposeError> {
        let every = matches!(source, ModelSource::Compose | ModelSource::Reader);
        let options = if every { ctx.options.clone().with_every_profile() } else { ctx.options.clone() };
        let read = || stack::read(&options, &ctx.dir, &|name| ctx.var(name));
        if matches!(source, ModelSource::Reader | ModelSource::ReaderActive) {
            let stack = read().map_err(|error| ComposeError::Refused(error.message().to_owned()))?;
            return Ok(Model { stack, source, config: None });
        }
        let (mut stack, json) = ctx.compose_with(options.clone()).config_json(exec::LIMIT)?;
        if let Ok(read) = read() {
            stack::attach_origins(&mut stack, &read);
        }
        Ok(Model { stack, source, config: serde_json::from_slice(&json).ok() })
    }

    /// The ports that changed in another way than `expect` says.
    pub fn port_differences(&self, after: &Model, expect: &dyn Fn(&Wanted) -> Expect) -> Vec<PortDifference> {
        port_differences(&self.stack, &after.stack, expect)
    }

    /// The first mount whose kind changed. Needs Compose's JSON.
    pub fn mount_difference(&self, after: &Model) -> Option<MountDifference> {
        mount_difference(self.config.as_ref()?, after.config.as_ref()?)
    }
}

/// An error for `cause` (`DB_PORT=5433 in .env`), which would also change another port.
pub fn refusal(cause: &str, difference: &PortDifference) -> Error {
    let service = ui::clean(difference.service());
    let port = |mapping: &PortMapping| format!("{}/{} of service `{service}`", mapping.target, mapping.protocol);
    let fact = match (&difference.before, &difference.after) {
        (Some(before), Some(after)) => {
            let same = (before.target, before.protocol) == (after.target, after.protocol);
            let now = if same { "it".to_owned() } else { format!("{}/{}", before.target, before.protocol) };
            let (then_on, now_on) = (address_in_words(after), address_in_words(before));
            format!("{cause} would publish {} on {then_on}; currently {now} is on {now_on}", port(after))
        }
        (Some(before), None) => {
            format!("{cause} would no longer publish {}, which is on {}", port(before), address_in_words(before))
        }
        (None, Some(after)) => {
            format!(
                "{cause} would publish {} on {}; currently it is not published",
                port(after),
                address_in_words(after)
            )
        }
        (None, None) => format!("{cause} would change what is published"),
    };
    Error::new(fact)
}
