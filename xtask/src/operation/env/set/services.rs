//! What new values do to services, besides their ports.

use std::collections::{BTreeMap, BTreeSet};

use super::ports;
use crate::decide::is_image_name;
use crate::error::{Error, Result};
use crate::model::Stack;
use crate::ui;

/// Warnings about services that start or no longer start. A service is only lost to a variable that
/// selects services; another value that loses one is refused, as is a name that is no image.
pub(super) fn changes(now: &Stack, then: &Stack, values: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let cause = ports::cause(values);
    let wrong = then.services.iter().filter_map(|service| Some((service, service.image.as_deref()?)));
    let mut wrong = wrong.filter(|(service, image)| {
        let before = now.service(&service.name).and_then(|service| service.image.as_deref());
        before != Some(*image) && !is_image_name(image)
    });
    if let Some((service, image)) = wrong.next() {
        let (image, service) = (ui::clean(image), ui::clean(&service.name));
        return Err(Error::new(format!(
            "with {cause}, the image of service `{service}` would be `{image}`, which is no valid name"
        ))
        .hint("an image is NAME:TAG; a tag has letters, digits, `.`, `_` and `-`, and begins with none of `.-`"));
    }
    let names = |stack: &Stack| stack.services.iter().map(|service| service.name.clone()).collect::<BTreeSet<String>>();
    let (before, after) = (names(now), names(then));
    let list = |names: Vec<&String>| names.into_iter().map(|name| format!("`{}`", ui::clean(name))).collect::<Vec<_>>();
    let lost = list(before.difference(&after).collect());
    let mut warnings = Vec::new();
    if !lost.is_empty() {
        if !values.keys().any(|name| name.starts_with("COMPOSE_")) {
            return Err(Error::new(format!("with {cause}, {} would no longer start", lost.join(", ")))
                .hint("if you mean it, edit the file by hand; profiles are chosen with COMPOSE_PROFILES"));
        }
        warnings.push(format!("with {cause}, {} will no longer start", lost.join(", ")));
    }
    let gained = list(after.difference(&before).collect());
    if !gained.is_empty() {
        warnings.push(format!("with {cause}, {} will start too", gained.join(", ")));
    }
    let is_none = |stack: &Stack, name: &str| stack.service(name).and_then(|service| service.replicas) == Some(0);
    let emptied = list(before.intersection(&after).filter(|name| is_none(then, name) && !is_none(now, name)).collect());
    if !emptied.is_empty() {
        warnings.push(format!("with {cause}, {} will have no container", emptied.join(", ")));
    }
    if now.name != then.name {
        let (old, new) = (ui::clean(&now.name), ui::clean(&then.name));
        warnings.push(format!("the project will be `{new}`: containers and volumes of `{old}` are not part of it"));
    }
    Ok(warnings)
}
