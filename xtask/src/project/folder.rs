//! Whose folder this is: that of a Compose project, or else a checkout or a
//! plain folder, in which dev servers have ports too.

use std::path::PathBuf;

use crate::context::Context;
use crate::error::Result;
use crate::model::{Leases, Stack};
use crate::parse::compose::normalise_name;
use crate::{disk, stack};

/// A folder that leases belong to.
#[derive(Debug, Clone)]
pub struct Home {
    /// Compose project name; elsewhere the folder's name by the same rules.
    pub project: String,
    /// The folder, without symbolic links.
    pub dir: PathBuf,
    /// The project as our own reader sees it; `None` where there is none.
    pub stack: Option<Stack>,
}

/// The folder that `ctx` means.
pub fn home(ctx: &Context) -> Result<Home> {
    let env = |name: &str| ctx.var(name);
    match stack::read(&ctx.options, &ctx.dir, &env) {
        Ok(stack) => Ok(Home { project: stack.name.clone(), dir: disk::real_path(&stack.dir), stack: Some(stack) }),
        Err(_) if is_plain(ctx) => {
            let dir = plain_dir(ctx);
            let name = normalise_name(&dir.file_name().unwrap_or_default().to_string_lossy());
            Ok(Home { project: if name.is_empty() { "root".to_owned() } else { name }, dir, stack: None })
        }
        Err(error) => Err(error),
    }
}

/// The folder alone: it is known even where the compose files cannot be read.
pub fn home_dir(ctx: &Context) -> PathBuf {
    let env = |name: &str| ctx.var(name);
    let found = stack::locate(&ctx.options, &ctx.dir, &env).ok();
    found.map_or_else(|| plain_dir(ctx), |project| disk::real_path(&project.dir))
}

/// Whether nothing speaks of a Compose project here.
fn is_plain(ctx: &Context) -> bool {
    let named = !ctx.options.files.is_empty() || ctx.options.project_directory.is_some();
    !named && !stack::is_in_project(&ctx.dir, &|name| ctx.var(name))
}

fn plain_dir(ctx: &Context) -> PathBuf {
    disk::real_path(&stack::checkout_root(&ctx.dir).unwrap_or_else(|| ctx.dir.clone()))
}

impl Home {
    /// The name under which the folder's leases are: a checkout may have got a
    /// project name of its own, or lose it.
    pub fn tenant_name(&self, leases: &Leases) -> String {
        let here = leases.tenants.iter().filter(|tenant| tenant.dir == self.dir);
        let found = here.max_by_key(|tenant| (tenant.is_stack(), tenant.project == self.project));
        found.map_or_else(|| self.project.clone(), |tenant| tenant.project.clone())
    }
}
