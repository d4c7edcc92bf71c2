//! The folder that leases belong to: a Compose project's, or a checkout or plain folder,
//! whose dev servers can have ports too.

use std::path::PathBuf;

use crate::context::Context;
use crate::error::Result;
use crate::model::{Leases, Stack};
use crate::parse::compose::normalise_name;
use crate::{disk, stack};

#[derive(Debug, Clone)]
pub(crate) struct ProjectFolder {
    /// The Compose project's name, or one made from the folder's name by the same rules.
    pub(crate) project: String,
    /// Without symbolic links.
    pub(crate) dir: PathBuf,
    /// According to our own reader; `None` without a Compose project.
    pub(crate) stack: Option<Stack>,
}

pub(crate) fn project_folder(ctx: &Context) -> Result<ProjectFolder> {
    let env = |name: &str| ctx.var(name);
    match stack::read(&ctx.options, &ctx.dir, &env) {
        Ok(stack) => {
            Ok(ProjectFolder { project: stack.name.clone(), dir: disk::real_path(&stack.dir), stack: Some(stack) })
        }
        Err(_) if is_plain(ctx) => {
            let dir = plain_dir(ctx);
            let name = normalise_name(&dir.file_name().unwrap_or_default().to_string_lossy());
            Ok(ProjectFolder { project: if name.is_empty() { "root".to_owned() } else { name }, dir, stack: None })
        }
        Err(error) => Err(error),
    }
}

/// Only the folder, which is known even if the compose files can't be read.
pub(crate) fn project_dir(ctx: &Context) -> PathBuf {
    let env = |name: &str| ctx.var(name);
    let located = stack::locate(&ctx.options, &ctx.dir, &env).ok();
    located.map_or_else(|| plain_dir(ctx), |project| disk::real_path(&project.dir))
}

/// Whether nothing indicates a Compose project.
fn is_plain(ctx: &Context) -> bool {
    let named = !ctx.options.files.is_empty() || ctx.options.project_directory.is_some();
    !named && !stack::is_in_project(&ctx.dir, &|name| ctx.var(name))
}

fn plain_dir(ctx: &Context) -> PathBuf {
    disk::real_path(&stack::checkout_root(&ctx.dir).unwrap_or_else(|| ctx.dir.clone()))
}

impl ProjectFolder {
    /// The name in the folder's leases, which can differ from the current project name: a
    /// checkout can get a name of its own, and lose it.
    pub(crate) fn tenant_name(&self, leases: &Leases) -> String {
        let here = leases.tenants.iter().filter(|tenant| tenant.dir == self.dir);
        let located = here.max_by_key(|tenant| (tenant.is_stack(), tenant.project == self.project));
        located.map_or_else(|| self.project.clone(), |tenant| tenant.project.clone())
    }
}
