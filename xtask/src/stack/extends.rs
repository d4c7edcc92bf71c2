//! `extends:`: merges a service on top of another one, of the same or another file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{Loader, parse, services_mut};
use super::locate::{absolute, is_remote, remote};
use crate::error::{Error, Result};
use crate::parse::compose::{Data, Node, check_ports, merge, strip_tags};

type Services = Vec<(String, Node)>;

/// Resolves `extends:` in every service of `document`.
pub(super) fn apply(loader: &Loader<'_>, document: &mut Node, file: &Arc<Path>) -> Result<()> {
    let Some(services) = services_mut(document)? else {
        return Ok(());
    };
    if services.iter().all(|(_, service)| service.get("extends").is_none()) {
        return Ok(());
    }
    let mut resolver = Resolver { loader, files: HashMap::new(), trail: Vec::new() };
    let originals = Arc::new(services.clone());
    for (name, service) in services {
        if service.get("extends").is_some() {
            *service = resolver.resolve(name, &originals, file, &loader.base)?;
        }
    }
    Ok(())
}

struct Resolver<'a, 'b> {
    loader: &'a Loader<'b>,
    /// Interpolated services of other files.
    files: HashMap<PathBuf, Arc<Services>>,
    /// The chain of services that extend each other, to detect cycles.
    trail: Vec<(PathBuf, String)>,
}

impl Resolver<'_, '_> {
    /// Merges the service `name` on top of everything it extends. `base` is the folder for relative
    /// paths.
    fn resolve(&mut self, name: &str, services: &Arc<Services>, file: &Arc<Path>, base: &Path) -> Result<Node> {
        let Some((_, service)) = services.iter().find(|(known, _)| known == name) else {
            return Err(Error::new(format!("{}: there is no service `{name}`", file.display())));
        };
        let Some(reference) = service.get("extends") else {
            return Ok(service.clone());
        };
        let here = (file.to_path_buf(), name.to_owned());
        if self.trail.contains(&here) {
            let names: Vec<&str> = self.trail.iter().map(|(_, name)| name.as_str()).collect();
            return Err(service
                .error("extends", format!("circular reference: {} -> {name}", names.join(" -> ")))
                .hint("remove one of these `extends:`"));
        }
        let path = format!("services.{name}.extends");
        let target = match reference.text() {
            Some(target) => target,
            None => reference
                .get("service")
                .and_then(Node::text)
                .ok_or_else(|| reference.error(&path, "names no service").hint("add `service: NAME`"))?,
        };
        self.trail.push(here);
        let parent = match reference.get("file").and_then(Node::text) {
            None => {
                known(services, target, || {
                    reference
                        .error(&path, format!("service `{target}` not found in this file"))
                        .hint("correct the name, or add `file:` where it is in another file")
                })?;
                self.resolve(target, services, file, base)?
            }
            Some(other) if is_remote(other) => return Err(remote(other)),
            Some(other) => {
                let other: Arc<Path> = Arc::from(absolute(base, Path::new(other)));
                let services =
                    self.services_of(&other).map_err(|error| error.within(format!("{}: {path}", reference.place())))?;
                known(&services, target, || {
                    reference
                        .error(&path, format!("service `{target}` not found in {}", other.display()))
                        .hint("correct `service:` or `file:`")
                })?;
                let base = other.parent().unwrap_or(base).to_path_buf();
                self.resolve(target, &services, &other, &base)?
            }
        };
        self.trail.pop();
        let mut parent = parent;
        strip_tags(&mut parent);
        let mut merged = merge(parent, service.clone());
        if let Data::Map(entries) = &mut merged.data {
            entries.retain(|(key, _)| key != "extends");
        }
        Ok(merged)
    }

    fn services_of(&mut self, file: &Arc<Path>) -> Result<Arc<Services>> {
        if let Some(services) = self.files.get(file.as_ref()) {
            return Ok(Arc::clone(services));
        }
        let mut merged: Option<Node> = None;
        for mut document in parse(file, self.loader.texts)? {
            document.interpolate("", self.loader.lookup)?;
            merged = Some(match merged {
                Some(base) => merge(base, document),
                None => document,
            });
        }
        let mut services = Services::new();
        if let Some(document) = &mut merged {
            // Keep the tags of a service that extends another: they apply to that
            // one.
            let mut plain = document.clone();
            strip_tags(&mut plain);
            check_ports(plain.get("services").map(Node::entries).unwrap_or_default())?;
            if let Some(found) = services_mut(document)? {
                services = std::mem::take(found);
            }
        }
        let services = Arc::new(services);
        self.files.insert(file.to_path_buf(), Arc::clone(&services));
        Ok(services)
    }
}

fn known(services: &Services, name: &str, error: impl FnOnce() -> Error) -> Result<()> {
    if services.iter().any(|(known, _)| known == name) { Ok(()) } else { Err(error()) }
}
