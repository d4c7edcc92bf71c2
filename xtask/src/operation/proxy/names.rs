//! The names of a project, and the compose file that gives them.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::labels::{self, HOST_VARIABLE, Route, Unrouted};
use crate::model::ComposeOptions;
use crate::project::{self, Project};
use crate::{disk, ui};

/// What the names would be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The host name that all worktrees share, without `.localhost`.
    pub base: String,
    /// The host name of this working tree, without `.localhost`: that of
    /// PROXY_HOST, in a linked one `NAME.base`, else `base`.
    pub host: String,
    /// Whether that has to be said to Compose: PROXY_HOST is not set.
    pub unsaid: bool,
    /// Services with a name.
    pub routes: Vec<Route>,
    /// Services without one.
    pub unrouted: Vec<Unrouted>,
    /// The compose file.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
}

/// Makes the plan of a project, from its model without the file that is planned
/// here. Services in `also` keep their ports beside their names.
pub fn plan(found: &Project, also: &[String]) -> Result<Plan> {
    let ctx = &found.ctx;
    let is_ours = |file: &Path| {
        let is_named = ctx.names.as_ref().is_some_and(|names| names.path == file);
        is_named || file.file_name().is_some_and(|name| name == labels::FILE)
    };
    let files: Vec<PathBuf> = found.stack.files.iter().filter(|file| !is_ours(file)).cloned().collect();
    if files != found.stack.files {
        let without = ctx.with_options(ComposeOptions { files, ..ctx.options.clone() });
        return plan(&project::resolve(&without)?, also);
    }
    let options = &found.settings.proxy_services;
    if let Some(name) = options.keys().find(|name| found.stack.service(name).is_none()) {
        let known: Vec<&str> = found.stack.services.iter().map(|service| service.name.as_str()).collect();
        let file = ctx.show(&found.stack.dir.join("xtask.toml"));
        return Err(Error::new(format!(
            "{file}: [proxy.services] names `{}`, and no service has that name",
            ui::clean(name)
        ))
        .hint(format!("services are: {}", known.join(", "))));
    }
    let base = base(found)?;
    let (routes, unrouted) = labels::routes(&found.stack, options);
    let text = labels::compose_file(&base, labels::network_key(&found.stack), &routes, &unrouted, also);
    let given = given(found);
    let host = given.clone().unwrap_or_else(|| own_host(found, &base));
    Ok(Plan {
        unsaid: given.is_none() && host != base,
        host,
        file: found.stack.dir.join(labels::FILE),
        base,
        routes,
        unrouted,
        text,
    })
}

/// `host` of xtask.toml, else the project's name; in a linked working tree that
/// of the main one.
fn base(found: &Project) -> Result<String> {
    let (stack, settings) = (&found.stack, &found.settings);
    if let Some(host) = &settings.proxy_host {
        return Ok(host.clone());
    }
    let main = found.main_name();
    let name = dns(&main.unwrap_or_else(|| stack.name.clone()));
    if labels::is_host(&name) {
        return Ok(name);
    }
    Err(Error::new(format!("the project's name `{}` is not valid in a host name", ui::clean(&stack.name)))
        .hint("give it another one in xtask.toml: `[proxy]` and `host = \"NAME\"`"))
}

/// What the environment says: it is what Compose will see.
fn given(found: &Project) -> Option<String> {
    let of_file = || found.env_files.get(HOST_VARIABLE).map(|(value, _)| value.to_owned());
    found.ctx.var(HOST_VARIABLE).or_else(of_file).filter(|host| !host.is_empty())
}

/// `NAME.base` in a checkout that is not the only one, else `base`. NAME is the
/// rest of the project's own name, which no other checkout has.
fn own_host(found: &Project, base: &str) -> String {
    let main = found.main_name();
    if !found.has_other_checkouts() || main.as_ref() == Some(&found.stack.name) {
        return base.to_owned();
    }
    let name = &found.stack.name;
    let rest = main.as_deref().and_then(|main| name.strip_prefix(main)?.strip_prefix('-')).unwrap_or(name);
    format!("{}.{base}", dns(rest))
}

/// A project's name as part of a host name.
fn dns(name: &str) -> String {
    name.replace('_', "-").trim_matches('-').to_owned()
}

/// Writes the planned file; `false` where it is as planned already. Never over
/// a file that this tool did not write.
pub fn write(ctx: &Context, plan: &Plan) -> Result<bool> {
    match std::fs::read_to_string(&plan.file) {
        Ok(text) if text == plan.text => return Ok(false),
        Ok(text) if !text.starts_with(labels::HEADER) => {
            return Err(Error::new(format!(
                "{} was not written by this tool, and stays as it is",
                ctx.show(&plan.file)
            ))
            .hint("move it away; or keep it, and let `cargo xtask proxy labels --lint` look at it"));
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

/// The project's files with the one of names, where it is there.
pub(super) fn files_with_names(files: Vec<PathBuf>, dir: &Path) -> Vec<PathBuf> {
    let names = dir.join(labels::FILE);
    let more = (names.is_file() && !files.contains(&names)).then_some(names);
    files.into_iter().chain(more).collect()
}
