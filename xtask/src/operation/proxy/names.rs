//! The host names of a project, and the compose file with the labels for them.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::labels::{self, HOST_VARIABLE, Route, Unrouted};
use crate::model::ComposeOptions;
use crate::project::{self, Project};
use crate::{disk, ui};

#[derive(Debug, Clone)]
pub struct Plan {
    /// The host name that all worktrees share, without `.localhost`.
    pub base: String,
    /// The host name of this worktree, without `.localhost`: PROXY_HOST; else `NAME.base` in
    /// a linked worktree, and `base` elsewhere.
    pub host: String,
    /// Whether Compose needs PROXY_HOST for that name, and it is not set.
    pub needs_host_variable: bool,
    pub routes: Vec<Route>,
    pub unrouted: Vec<Unrouted>,
    /// The compose file with the labels.
    pub file: PathBuf,
    pub text: String,
}

/// Plans from the project's model without the file that is planned here. Services in
/// `also_publish` keep their published ports.
pub fn plan(found: &Project, also_publish: &[String]) -> Result<Plan> {
    let ctx = &found.ctx;
    let is_ours = |file: &Path| {
        let is_named = ctx.names.as_ref().is_some_and(|names| names.path == file);
        is_named || file.file_name().is_some_and(|name| name == labels::FILE)
    };
    let files: Vec<PathBuf> = found.stack.files.iter().filter(|file| !is_ours(file)).cloned().collect();
    if files != found.stack.files {
        let without = ctx.with_options(ComposeOptions { files, ..ctx.options.clone() });
        return plan(&project::resolve(&without)?, also_publish);
    }
    let options = &found.settings.proxy_services;
    if let Some(name) = options.keys().find(|name| found.stack.service(name).is_none()) {
        let known: Vec<&str> = found.stack.services.iter().map(|service| service.name.as_str()).collect();
        let file = ctx.show(&found.stack.dir.join("xtask.toml"));
        return Err(Error::new(format!(
            "{file}: [proxy.services] names `{}`, but there is no such service",
            ui::clean(name)
        ))
        .hint(format!("services are: {}", known.join(", "))));
    }
    let base = base_host(found)?;
    let (routes, unrouted) = labels::routes(&found.stack, options);
    let text = labels::compose_file(&base, labels::network_key(&found.stack), &routes, &unrouted, also_publish);
    let given = host_from_environment(found);
    let host = given.clone().unwrap_or_else(|| checkout_host(found, &base));
    Ok(Plan {
        needs_host_variable: given.is_none() && host != base,
        host,
        file: found.stack.dir.join(labels::FILE),
        base,
        routes,
        unrouted,
        text,
    })
}

/// `host` of xtask.toml, else the project's name, which for a linked worktree is that of the
/// main one.
fn base_host(found: &Project) -> Result<String> {
    let (stack, settings) = (&found.stack, &found.settings);
    if let Some(host) = &settings.proxy_host {
        return Ok(host.clone());
    }
    let main = found.main_name();
    let name = dns_label(&main.unwrap_or_else(|| stack.name.clone()));
    if labels::is_host(&name) {
        return Ok(name);
    }
    Err(Error::new(format!("the project name `{}` cannot be part of a host name", ui::clean(&stack.name)))
        .hint("choose a host name in xtask.toml: `[proxy]` and `host = \"NAME\"`"))
}

/// PROXY_HOST as Compose sees it.
fn host_from_environment(found: &Project) -> Option<String> {
    let of_file = || found.env_files.get(HOST_VARIABLE).map(|(value, _)| value.to_owned());
    found.ctx.var(HOST_VARIABLE).or_else(of_file).filter(|host| !host.is_empty())
}

/// `NAME.base` if there are other checkouts, else `base`. NAME is what the project name adds
/// to the main checkout's, so it is unique.
fn checkout_host(found: &Project, base: &str) -> String {
    let main = found.main_name();
    if !found.has_other_checkouts() || main.as_ref() == Some(&found.stack.name) {
        return base.to_owned();
    }
    let name = &found.stack.name;
    let rest = main.as_deref().and_then(|main| name.strip_prefix(main)?.strip_prefix('-')).unwrap_or(name);
    format!("{}.{base}", dns_label(rest))
}

/// A project's name as part of a host name.
fn dns_label(name: &str) -> String {
    name.replace('_', "-").trim_matches('-').to_owned()
}

/// Writes the planned file; `false` if it is up to date. Refuses to overwrite a file that
/// this tool did not write.
pub fn write(ctx: &Context, plan: &Plan) -> Result<bool> {
    match std::fs::read_to_string(&plan.file) {
        Ok(text) if text == plan.text => return Ok(false),
        Ok(text) if !text.starts_with(labels::HEADER) => {
            return Err(Error::new(format!(
                "{} was not written by this tool and stays as it is",
                ctx.show(&plan.file)
            ))
            .hint("move it away; or keep it, and check it with `cargo xtask proxy labels --lint`"));
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::new(format!("failed to read `{}`: {error}", plan.file.display())));
        }
        _ => {}
    }
    if !ctx.dry_run {
        disk::write_atomic(&plan.file, plan.text.as_bytes())?;
    }
    Ok(true)
}

/// The project's files, with docker-compose.traefik.yml if it exists.
pub(super) fn files_with_names(files: Vec<PathBuf>, dir: &Path) -> Vec<PathBuf> {
    let names = dir.join(labels::FILE);
    let more = (names.is_file() && !files.contains(&names)).then_some(names);
    files.into_iter().chain(more).collect()
}
