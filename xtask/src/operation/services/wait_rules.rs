//! Checks `[wait]` in `xtask.toml` against the project's services and ports.

use std::collections::BTreeSet;

use crate::decide::nearest;
use crate::error::{Error, Result};
use crate::model::{PortRange, Protocol, Service, Stack, WaitFor};
use crate::project::Project;
use crate::stack::SETTINGS_FILE;
use crate::ui;

/// An error for the first rule about a service or a port that the project doesn't have in any
/// profile.
pub(crate) fn check_wait_rules(project: &Project) -> Result<()> {
    let rules = &project.settings.wait;
    if rules.is_empty() {
        return Ok(());
    }
    let every = project.read_every_profile().ok();
    let stacks: Vec<&Stack> = every.iter().chain([&project.stack]).collect();
    for (name, rule) in rules {
        check_rule(&stacks, name, &rule.wait_for).map_err(|error| {
            let file = project.ctx.show(&project.stack.dir.join(SETTINGS_FILE));
            error.within(format!("{file}:{}", rule.line))
        })?;
    }
    Ok(())
}

fn check_rule(stacks: &[&Stack], name: &str, wait_for: &WaitFor) -> Result<()> {
    let services: Vec<&Service> = stacks.iter().filter_map(|stack| stack.service(name)).collect();
    if services.is_empty() {
        let known: BTreeSet<&str> = names(stacks).collect();
        let error = Error::new(format!("[wait] names `{}`, and the project has no such service", ui::clean(name)));
        let known_list = || known.iter().map(|name| ui::clean(name)).collect::<Vec<String>>().join(", ");
        return Err(match nearest(name, known.iter().copied()) {
            Some(meant) => error.hint(format!("did you mean `{}`?", ui::clean(meant))),
            None => error.hint(format!("services are: {}", known_list())),
        });
    }
    let WaitFor::Ports(targets) = wait_for else { return Ok(()) };
    let mappings = || services.iter().flat_map(|service| &service.ports).map(|wanted| &wanted.mapping);
    let published: BTreeSet<u16> =
        mappings().filter(|mapping| mapping.protocol == Protocol::Tcp).map(|mapping| mapping.target).collect();
    let Some(target) = targets.iter().find(|target| !published.contains(target)) else { return Ok(()) };
    let name = ui::clean(name);
    let error = Error::new(format!("[wait] names port {target} of `{name}`, which publishes no such TCP port"));
    let contains = |range: PortRange| range.contains(*target);
    if let Some(mapping) = mappings().find(|mapping| mapping.published.is_some_and(contains)) {
        let target = mapping.target;
        return Err(error.hint(format!("write the port in the container: `{name} = [{target}]`")));
    }
    let published: Vec<String> = published.iter().map(u16::to_string).collect();
    Err(match published.as_slice() {
        [] => error.hint(format!("it publishes none: remove the line, or write `{name} = false`")),
        published => error.hint(format!("its ports in the container are {}", published.join(", "))),
    })
}

fn names<'a>(stacks: &'a [&Stack]) -> impl Iterator<Item = &'a str> {
    stacks.iter().flat_map(|stack| &stack.services).map(|service| service.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PortMapping, Wanted};

    fn stack() -> Stack {
        let port = |published, target| Wanted {
            mapping: PortMapping {
                service: "api".into(),
                host_ip: None,
                published: PortRange::new(published, published),
                target,
                protocol: Protocol::Tcp,
            },
            origin: None,
        };
        let api = Service { name: "api".into(), ports: vec![port(8080, 8000), port(9229, 9229)], ..Service::default() };
        let job = Service { name: "job".into(), ..Service::default() };
        Stack { services: vec![api, job], ..Stack::default() }
    }

    #[test]
    fn what_the_project_has_is_accepted() {
        let stack = stack();
        for (name, wait_for) in
            [("api", WaitFor::Every), ("api", WaitFor::Ports(vec![8000, 9229])), ("job", WaitFor::Nothing)]
        {
            check_rule(&[&stack], name, &wait_for).unwrap();
        }
    }

    #[test]
    fn anything_else_is_told_with_what_was_probably_meant() {
        let stack = stack();
        for (name, wait_for, fact, hint) in [
            ("apu", WaitFor::Every, "[wait] names `apu`", "did you mean `api`?"),
            ("frontend", WaitFor::Nothing, "[wait] names `frontend`", "services are: api, job"),
            ("api", WaitFor::Ports(vec![8000, 8080]), "[wait] names port 8080 of `api`", "`api = [8000]`"),
            ("api", WaitFor::Ports(vec![1]), "[wait] names port 1 of `api`", "are 8000, 9229"),
            ("job", WaitFor::Ports(vec![80]), "[wait] names port 80 of `job`", "it publishes none"),
        ] {
            let error = check_rule(&[&stack], name, &wait_for).unwrap_err();
            assert!(error.message().starts_with(fact), "{error}");
            assert!(error.hints()[0].contains(hint), "{:?}", error.hints());
            assert_eq!(error.exit(), crate::error::Exit::Failure);
        }
    }
}
