//! Rules about the whole project: its name, and which services are active.

use std::collections::BTreeSet;

use super::service::Definition;
use crate::error::{Error, Result};
use crate::model::{Service, is_project_name};

/// A project name as Compose derives it from a folder's: lower case, other characters
/// dropped, no leading `_` or `-`.
pub fn normalise_name(name: &str) -> String {
    let kept: String = name.to_lowercase().chars().filter(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_')).collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

pub fn name_from_dir(dir: &std::path::Path) -> Result<String> {
    let base = dir.file_name().unwrap_or_default().to_string_lossy();
    let name = normalise_name(&base);
    if name.is_empty() {
        return Err(Error::new(format!("the folder `{}` gives the project no name", dir.display()))
            .hint("add `name: …` to the compose file, or set COMPOSE_PROJECT_NAME"));
    }
    Ok(name)
}

/// Refuses a name from `-p` or `COMPOSE_PROJECT_NAME` that Compose would refuse.
pub fn check_name(name: &str) -> Result<()> {
    if is_project_name(name) {
        return Ok(());
    }
    let good = normalise_name(name);
    let error = Error::new(format!(
        "invalid project name `{name}`: it must start with a lower-case letter or digit, and hold only those, `-` and `_`"
    ));
    Err(if good.is_empty() { error } else { error.hint(format!("`{good}` would do")) })
}

/// The services of the active profiles by name, validated as Compose does.
pub fn select(definitions: Vec<Definition>, profiles: &[String]) -> Result<Vec<Service>> {
    let wanted = |definition: &Definition| {
        definition.profiles.is_empty()
            || profiles.iter().any(|profile| profile == "*" || definition.profiles.contains(profile))
    };
    let (mut active, inactive): (Vec<_>, Vec<_>) = definitions.into_iter().partition(wanted);
    active.sort_by(|one, two| one.service.name.cmp(&two.service.name));
    for definition in &active {
        let service = &definition.service;
        if service.image.is_none() && !service.build && !definition.provided {
            return Err(Error::new(format!(
                "{}: service `{}` has neither an image nor a build context",
                definition.place, service.name
            ))
            .hint("add `image:` or `build:`"));
        }
        for (name, required) in &definition.needs {
            let hidden = inactive.iter().find(|other| other.service.name == *name);
            if active.iter().any(|other| other.service.name == *name) || (hidden.is_some() && !required) {
                continue;
            }
            let place = &definition.place;
            let error =
                Error::new(format!("{place}: service `{}` depends on undefined service `{name}`", service.name));
            return Err(match hidden.and_then(|other| other.profiles.first()) {
                Some(profile) => error.hint(format!("`{name}` needs `--profile {profile}`")),
                None => error.hint(format!("add `{name}` under `services:`, or remove it there")),
            });
        }
    }
    let services: Vec<Service> = active.into_iter().map(|definition| definition.service).collect();
    match cycle(&services) {
        Some(names) => Err(Error::new(format!("services depend on each other: {}", names.join(" -> ")))
            .hint("remove one of these from `depends_on:`")),
        None => Ok(services),
    }
}

/// A dependency cycle; its first service is repeated at the end.
fn cycle(services: &[Service]) -> Option<Vec<&str>> {
    fn visit<'a>(
        service: &'a Service,
        services: &'a [Service],
        trail: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<&'a str>> {
        let name = service.name.as_str();
        if let Some(start) = trail.iter().position(|known| *known == name) {
            return Some(trail[start..].iter().copied().chain([name]).collect());
        }
        if done.contains(name) {
            return None;
        }
        trail.push(name);
        let mut next = service.depends_on.keys().filter_map(|name| services.iter().find(|other| other.name == *name));
        let found = next.find_map(|next| visit(next, services, trail, done));
        trail.pop();
        done.insert(name);
        found
    }
    let mut done = BTreeSet::new();
    services.iter().find_map(|service| visit(service, services, &mut Vec::new(), &mut done))
}
