//! How a stack was started, so that other commands meet the same one: the name of
//! its checkout, its file of names, and the compose file of ours outside of it.

use std::path::PathBuf;

use super::{NAME, identity, remote};
use crate::context::Context;
use crate::disk;
use crate::error::{Error, Result};
use crate::labels::{self, HOST_VARIABLE, LINK_VARIABLE, NETWORK, NETWORK_VARIABLE, is_host, link_network};
use crate::model::{ComposeOptions, NamesFile};
use crate::stack::{self, COMPOSE_FILE, SEPARATOR, default_separator};

/// The context with what only the state folder knows: the file of names that the
/// project was started with, after `--no-write` the compose file of ours, and the
/// name of a linked worktree where nothing else gives one.
pub fn started(ctx: &Context) -> Result<Context> {
    let project = stack::locate(&ctx.options, &ctx.dir, &|name| ctx.var(name))?;
    let by_hand = ctx.options.project_name.is_some() || ctx.var(NAME).is_some();
    let linked = stack::checkout(&project.dir).is_some_and(|checkout| checkout.linked);
    // Without a state folder nothing is known, and the command works all the same.
    let ctx = ctx.with_vars(override_vars(ctx, &project).unwrap_or_default());
    let ctx = ctx.with_vars(remote::known_name(&ctx).map(|name| (NAME.to_owned(), name)));
    let dir = disk::real_path(&project.dir);
    let leases = ctx.leases();
    let mut tenants = leases.tenants.iter().filter(|tenant| tenant.dir == dir);
    let (Some(tenant), None) = (tenants.next(), tenants.next()) else { return Ok(ctx) };
    // One that git tracks has the main checkout's name in every checkout.
    let is_of_main = |name: &str| identity::main_name_of(&dir).as_deref() == Some(name);
    let unnamed = !by_hand && linked && project.env_files.get(NAME).is_none_or(|(name, _)| is_of_main(name));
    let ctx = ctx.with_vars(unnamed.then(|| (NAME.to_owned(), tenant.project.clone())));
    match tenant.names.as_ref().filter(|names| names.path.is_file()) {
        Some(names) => with_names(&ctx, names),
        None => Ok(ctx),
    }
}

/// The context that means the project with its file of names.
pub fn with_names(ctx: &Context, names: &NamesFile) -> Result<Context> {
    let mut files = stack::locate(&ctx.options, &ctx.dir, &|name| ctx.var(name))?.files;
    files.retain(|file| *file != names.path && file.file_name().is_none_or(|name| name != labels::FILE));
    files.push(names.path.clone());
    let ctx = match ctx.options.files.as_slice() {
        [] => ctx.with_vars(compose_file_vars(&files)),
        [..] => ctx.with_options(ComposeOptions { files, ..ctx.options.clone() }),
    };
    let ctx = ctx.with_vars([(HOST_VARIABLE.to_owned(), names.host.clone())]);
    let project = stack::read(&ctx.options, &ctx.dir, &|name| ctx.var(name)).ok();
    let link = proxy_network(&ctx).ok().zip(project).map(|(network, stack)| link_network(&network, &stack.name));
    let ctx = ctx.with_vars(link.map(|link| (LINK_VARIABLE.to_owned(), link)));
    Ok(Context { names: Some(names.clone()), ..ctx })
}

/// The network of the proxy that the environment means.
pub fn proxy_network(ctx: &Context) -> Result<String> {
    let network = ctx.var(NETWORK_VARIABLE).filter(|name| !name.is_empty()).unwrap_or_else(|| NETWORK.to_owned());
    if is_host(&network) && !network.contains('.') {
        return Ok(network);
    }
    Err(Error::new(format!("{NETWORK_VARIABLE}={network} is no name for a network here"))
        .hint("small letters, digits and `-`"))
}

/// The variables with which Compose reads the file of ours outside of the project,
/// where a start has written it.
fn override_vars(ctx: &Context, project: &stack::Project) -> Result<Vec<(String, String)>> {
    let file = ctx.override_file(&project.dir, "")?;
    if !file.is_file() || !ctx.options.files.is_empty() || project.files.contains(&file) {
        return Ok(Vec::new());
    }
    Ok(compose_file_vars(&project.files.iter().cloned().chain([file]).collect::<Vec<PathBuf>>()))
}

/// COMPOSE_FILE for these files.
pub fn compose_file_vars(files: &[PathBuf]) -> Vec<(String, String)> {
    let separator = default_separator();
    let list: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    vec![(COMPOSE_FILE.to_owned(), list.join(separator)), (SEPARATOR.to_owned(), separator.to_owned())]
}
