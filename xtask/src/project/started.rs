//! How a stack was started, so that other commands use the same one: its checkout's name,
//! its names file, and our override file outside the project.

use std::path::{Path, PathBuf};

use super::records::Records;
use super::{PROJECT_NAME, identity, remote};
use crate::context::Context;
use crate::disk;
use crate::error::{Error, Result};
use crate::labels::{self, HOST_VARIABLE, LINK_VARIABLE, NETWORK, NETWORK_VARIABLE, is_host, link_network};
use crate::model::{ComposeOptions, NameOrigin, NamesFile, Tenant};
use crate::stack::{self, COMPOSE_FILE, SEPARATOR, default_separator};

/// Adds what only the state folder knows: the names file that the project was started
/// with, our override file after `--no-write`, and the name of a linked worktree if nothing
/// else sets one.
pub(crate) fn started_context(ctx: &Context) -> Result<Context> {
    let project = stack::locate(&ctx.options, &ctx.dir, &|name| ctx.var(name))?;
    let by_hand = ctx.options.project_name.is_some() || ctx.var(PROJECT_NAME).is_some();
    let linked = stack::checkout(&project.dir).is_some_and(|checkout| checkout.linked);
    // Without a state folder nothing is added, and the command still works.
    let ctx = ctx.with_vars(override_vars(ctx, &project).unwrap_or_default());
    let ctx = ctx.with_vars(remote::default_remote_name(&ctx).map(|name| (PROJECT_NAME.to_owned(), name)));
    let dir = disk::real_path(&project.dir);
    let records = Records::find(&ctx, &dir);
    let written = by_hand || project.env_files.get(PROJECT_NAME).is_some_and(|(name, _)| !name.is_empty());
    let kept = (!written).then(|| recorded_name(&ctx, &records, &dir)).flatten();
    let by_hand = by_hand || kept.is_some();
    let ctx = ctx.with_vars(kept.map(|name| (PROJECT_NAME.to_owned(), name)));
    let mut leases = ctx.leases();
    records.apply_moves(&mut leases);
    let is_own = |tenant: &&Tenant| tenant.dir == dir && !records.is_of_earlier_folder(&tenant.project);
    let mut tenants = leases.tenants.iter().filter(is_own);
    let (Some(tenant), None) = (tenants.next(), tenants.next()) else { return Ok(ctx) };
    // A `.env` that git tracks has the main checkout's name in every checkout.
    let is_of_main = |name: &str| identity::main_checkout_name(&dir).as_deref() == Some(name);
    let unnamed = !by_hand && linked && project.env_files.get(PROJECT_NAME).is_none_or(|(name, _)| is_of_main(name));
    let ctx = ctx.with_vars(unnamed.then(|| (PROJECT_NAME.to_owned(), tenant.project.clone())));
    match tenant.names.as_ref().filter(|names| names.path.is_file()) {
        Some(names) => with_names(&ctx, names),
        None => Ok(ctx),
    }
}

/// The name under which the folder was last started, if its `.env` with the name was lost or
/// the folder was renamed. `start` writes it again.
fn recorded_name(ctx: &Context, records: &Records, dir: &Path) -> Option<String> {
    if ctx.engine.endpoint().is_remote() {
        return None;
    }
    let last = records.of_folder(dir).find(|record| record.origin != NameOrigin::Given)?;
    let was_lost = || last.origin == NameOrigin::EnvFile || identity::unset_name_origin(ctx) == NameOrigin::Folder;
    let is_free = || records.other_folder(&last.project, dir).is_none();
    (!records.is_of_replaced_folder(last) && was_lost() && is_free()).then(|| last.project.clone())
}

/// Adds the names file to the project's compose files.
pub(crate) fn with_names(ctx: &Context, names: &NamesFile) -> Result<Context> {
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

/// The proxy's network, which the environment may set.
pub(crate) fn proxy_network(ctx: &Context) -> Result<String> {
    let network = ctx.var(NETWORK_VARIABLE).filter(|name| !name.is_empty()).unwrap_or_else(|| NETWORK.to_owned());
    if is_host(&network) && !network.contains('.') {
        return Ok(network);
    }
    Err(Error::new(format!("{NETWORK_VARIABLE}={network} is not a valid network name"))
        .hint("use lowercase letters, digits and `-`"))
}

/// The variables that make Compose read our override file outside the project, if a start
/// has written one.
fn override_vars(ctx: &Context, project: &stack::Project) -> Result<Vec<(String, String)>> {
    let file = ctx.override_file(&project.dir, "")?;
    if !file.is_file() || !ctx.options.files.is_empty() || project.files.contains(&file) {
        return Ok(Vec::new());
    }
    Ok(compose_file_vars(&project.files.iter().cloned().chain([file]).collect::<Vec<PathBuf>>()))
}

pub(crate) fn compose_file_vars(files: &[PathBuf]) -> Vec<(String, String)> {
    let separator = default_separator();
    let list: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    vec![(COMPOSE_FILE.to_owned(), list.join(separator)), (SEPARATOR.to_owned(), separator.to_owned())]
}
