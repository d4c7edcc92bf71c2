//! Rules about the whole project: its name, and which services take part.

use super::service::Definition;
use crate::error::{Error, Result};
use crate::model::Service;

/// A name as Compose makes it from a folder's: lower case, other characters
/// dropped, no `_` or `-` in front.
pub fn normalise_name(name: &str) -> String {
    let kept: String = name.to_lowercase().chars().filter(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_')).collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

/// The name that a project folder gives.
pub fn name_from_dir(dir: &std::path::Path) -> Result<String> {
    let base = dir.file_name().unwrap_or_default().to_string_lossy();
    let name = normalise_name(&base);
    if name.is_empty() {
        return Err(Error::new(format!("the folder `{}` gives the project no name", dir.display()))
            .hint("add `name: …` to the compose file, or set COMPOSE_PROJECT_NAME"));
    }
    Ok(name)
}

/// Refuses a name given with `-p` or `COMPOSE_PROJECT_NAME` that Compose would
/// refuse.
pub fn check_name(name: &str) -> Result<()> {
    let good = normalise_name(name);
    if good == name && !name.is_empty() {
        return Ok(());
    }
    let error = Error::new(format!(
        "invalid project name `{name}`: it must start with a lower-case letter or digit, and hold only those, `-` and `_`"
    ));
    Err(if good.is_empty() { error } else { error.hint(format!("`{good}` would do")) })
}

/// The services of the active profiles, by name, after the checks Compose
/// makes on them.
pub fn select(definitions: Vec<Definition>, profiles: &[String]) -> Result<Vec<Service>> {
    let wanted = |definition: &Definition| {
        definition.profiles.is_empty()
            || profiles.iter().any(|profile| profile == "*" || definition.profiles.contains(profile))
    };
    let (mut active, inactive): (Vec<_>, Vec<_>) = definitions.into_iter().partition(wanted);
    active.sort_by(|one, two| one.service.name.cmp(&two.service.name));
    for definition in &active {
        let service = &definition.service;
        if service.image.is_none() && !service.build {
            return Err(Error::new(format!(
                "{}: service `{}` has neither an image nor a build context",
                definition.place, service.name
            ))
            .hint("add `image:` or `build:`"));
        }
        for name in &definition.required {
            if active.iter().any(|other| other.service.name == *name) {
                continue;
            }
            let fact =
                format!("{}: service `{}` depends on undefined service `{name}`", definition.place, service.name);
            let hidden = inactive.iter().find(|other| other.service.name == *name);
            return Err(match hidden.and_then(|other| other.profiles.first()) {
                Some(profile) => Error::new(fact).hint(format!("`{name}` needs `--profile {profile}`")),
                None => Error::new(fact).hint(format!("add `{name}` under `services:`, or remove it there")),
            });
        }
    }
    Ok(active.into_iter().map(|definition| definition.service).collect())
}
