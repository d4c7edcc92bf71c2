//! Proves a change by comparing Compose's whole model before and after it.
//!
//! The model is that of the active services, because only they will be started: a broken
//! service of another profile blocks nothing. Ports of inactive services are compared as far
//! as our own reader can read them.

use serde_json::Value;

use crate::context::Context;
use crate::decide::{
    Expect, ModelDifference, MountDifference, PortDifference, WiderReach, address_in_words, model_differences,
    mount_difference, port_differences, wider_reach, with_expected_ports,
};
use crate::docker::ComposeError;
use crate::error::{Error, Result};
use crate::model::{PortMapping, Stack, Wanted};
use crate::parse::compose_config;
use crate::project::Project;
use crate::{exec, stack, ui};

/// A project's model at one moment.
#[derive(Debug)]
pub struct Model {
    /// The active services.
    pub stack: Stack,
    /// Compose's JSON; `None` from our own reader.
    config: Option<Value>,
    /// The services of every profile, from our own reader; `None` if it can't read them.
    every: Option<Stack>,
}

/// What a change does besides what was expected.
#[derive(Debug, Default)]
pub struct Differences {
    /// Ports whose address or number differ. With Compose's model a port whose target alone
    /// differs is in `other`.
    pub ports: Vec<PortDifference>,
    /// Everything else in Compose's model.
    pub other: Vec<ModelDifference>,
}

impl Model {
    /// The model that the project was resolved with.
    pub fn of_project(project: &Project) -> Result<Model> {
        let ctx = project.ctx.with_template(project.template.as_deref());
        match project.config() {
            Some(json) => Self::from_json(&ctx, json),
            None => Ok(Model { stack: read(&ctx)?, config: None, every: read_every_profile(&ctx) }),
        }
    }

    /// The same after a change; an error if Compose doesn't answer any more.
    pub fn after(&self, project: &Project) -> Result<Model> {
        let after = Self::of_project(project)?;
        match &project.compose_trouble {
            Some(trouble) if self.config.is_some() => Err(project.ctx.compose_error(trouble)),
            _ => Ok(after),
        }
    }

    /// Asks Compose or, without Compose, our own reader.
    pub fn read(ctx: &Context) -> Result<Model> {
        match ctx.compose().config_json(exec::LIMIT) {
            Ok((_, json)) => Self::from_json(ctx, &json),
            Err(trouble @ ComposeError::Refused(_)) => Err(ctx.compose_error(&trouble)),
            Err(_) => Self::read_without_compose(ctx),
        }
    }

    /// Asks our own reader.
    pub fn read_without_compose(ctx: &Context) -> Result<Model> {
        Ok(Model { stack: read(ctx)?, config: None, every: read_every_profile(ctx) })
    }

    /// Asks again; an error if Compose doesn't answer any more.
    pub fn read_again(&self, ctx: &Context) -> Result<Model> {
        if self.config.is_none() {
            return Self::read_without_compose(ctx);
        }
        let (_, json) = ctx.compose().config_json(exec::LIMIT).map_err(|trouble| ctx.compose_error(&trouble))?;
        Self::from_json(ctx, &json)
    }

    fn from_json(ctx: &Context, json: &[u8]) -> Result<Model> {
        let mut stack = compose_config::parse(json)?;
        if let Ok(read) = read(ctx) {
            stack::attach_origins(&mut stack, &read);
        }
        Ok(Model { stack, config: serde_json::from_slice(json).ok(), every: read_every_profile(ctx) })
    }

    /// Compose's JSON.
    pub fn config(&self) -> Option<&Value> {
        self.config.as_ref()
    }

    /// Everything that changed in another way than `expect` says of ports.
    pub fn differences(&self, after: &Model, expect: &dyn Fn(&Wanted) -> Expect) -> Differences {
        let mut ports = self.port_differences(after, expect);
        let (Some(before), Some(after)) = (&self.config, &after.config) else {
            return Differences { ports, other: Vec::new() };
        };
        let is_active = |port: &PortDifference| self.stack.service(port.service()).is_some();
        ports.retain(|port| !(port.is_target_only() && is_active(port)));
        let mut other = model_differences(&with_expected_ports(before, &self.stack, expect), after);
        // These were compared above.
        other.retain(|found| {
            found.service.is_none()
                || !matches!(found.keys()[..], ["ports"] | ["ports", "published" | "host_ip" | "protocol"])
        });
        Differences { ports, other }
    }

    /// The ports that changed in another way than `expect` says.
    pub fn port_differences(&self, after: &Model, expect: &dyn Fn(&Wanted) -> Expect) -> Vec<PortDifference> {
        let mut found = port_differences(&self.stack, &after.stack, expect);
        if let (Some(before), Some(after)) = (&self.every, &after.every) {
            let inactive = port_differences(before, after, expect);
            found.extend(inactive.into_iter().filter(|port| self.stack.service(port.service()).is_none()));
        }
        found
    }

    /// What a change makes reachable from more addresses.
    pub fn wider_reach(&self, after: &Model) -> Vec<WiderReach> {
        let mut found = wider_reach(&self.stack, &after.stack);
        if let (Some(before), Some(after)) = (&self.every, &after.every) {
            let mut before = before.clone();
            before.services.retain(|service| self.stack.service(&service.name).is_none());
            found.extend(wider_reach(&before, after));
        }
        found
    }

    /// The first mount whose kind changed. Needs Compose's JSON.
    pub fn mount_difference(&self, after: &Model) -> Option<MountDifference> {
        mount_difference(self.config.as_ref()?, after.config.as_ref()?)
    }
}

fn read(ctx: &Context) -> Result<Stack> {
    stack::read(&ctx.options, &ctx.dir, &|name| ctx.var(name))
}

fn read_every_profile(ctx: &Context) -> Option<Stack> {
    stack::read(&ctx.options.clone().with_every_profile(), &ctx.dir, &|name| ctx.var(name)).ok()
}

/// An error for `cause` (`DB_PORT=5433 in .env`), which would also change another port.
pub fn refusal(cause: &str, difference: &PortDifference) -> Error {
    Error::new(fact(cause, difference.before.as_ref(), difference.after.as_ref()))
}

/// An error for `cause`, which would make a service reachable from more addresses.
pub fn wider_refusal(cause: &str, found: &WiderReach) -> Error {
    Error::new(match found {
        WiderReach::Port { before, after } => fact(cause, Some(before), Some(after)),
        WiderReach::Bound(after) | WiderReach::New(after) => fact(cause, None, Some(after)),
        WiderReach::HostNetwork { service } => format!(
            "{cause} would run service `{}` on the host's network, where all its ports are open on every address",
            ui::clean(service)
        ),
        WiderReach::ForeignNetwork { service, container } => format!(
            "{cause} would run service `{}` on the network of container `{}`, whose addresses are not known",
            ui::clean(service),
            ui::clean(container)
        ),
        WiderReach::Direct { service, network } => format!(
            "{cause} would make service `{}` reachable from other machines at its own address on network `{}`",
            ui::clean(service),
            ui::clean(network)
        ),
    })
}

fn fact(cause: &str, before: Option<&PortMapping>, after: Option<&PortMapping>) -> String {
    let service = ui::clean(before.or(after).map_or("", |mapping| &mapping.service));
    let port = |mapping: &PortMapping| format!("{}/{} of service `{service}`", mapping.target, mapping.protocol);
    match (before, after) {
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
    }
}
