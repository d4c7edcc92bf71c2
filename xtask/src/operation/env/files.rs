//! The env files of a project and their template, as the `env` commands read them.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::envfile::Document;
use crate::error::{Error, Result};
use crate::model::ComposeOptions;
use crate::operation::change::env_file::read;
use crate::stack::{self, Project};

#[derive(Debug)]
pub struct EnvProject {
    pub project: Project,
    /// The template, if there is one.
    pub template: Option<(PathBuf, Document)>,
    /// The env files that Compose reads, in its order.
    pub files: Vec<(PathBuf, Document)>,
}

/// Reads them. A line that Compose would reject is an error with file, line and hint.
pub fn gather(ctx: &Context) -> Result<EnvProject> {
    let project = stack::locate(&ctx.options, &ctx.dir, &|name| ctx.var(name))?;
    let document = |path: &Path| {
        let document = Document::parse(read(ctx, path)?).map_err(|error| error.within(ctx.show(path)))?;
        Ok((path.to_path_buf(), document))
    };
    let template = stack::template_in(&project.dir);
    let template = template.map(|path| document(&path)).transpose()?;
    let files = project.env_files.files().iter().map(|path| document(path)).collect::<Result<_>>()?;
    Ok(EnvProject { project, template, files })
}

impl EnvProject {
    /// The env files; an error if there is none.
    pub(super) fn existing_files(&self, ctx: &Context) -> Result<&[(PathBuf, Document)]> {
        if !self.files.is_empty() {
            return Ok(&self.files);
        }
        let Some(file) = self.project.env_files.default_file() else { return Err(disabled()) };
        writable(ctx, file)?;
        let error = Error::new(format!("there is no {}", ctx.show(file)));
        Err(match &self.template {
            Some((template, _)) => error.hint(format!("`cargo xtask env init` creates it from {}", ctx.show(template))),
            None => {
                error.hint(format!("nothing needs it; `cargo xtask env set NAME=VALUE` creates {}", ctx.show(file)))
            }
        })
    }

    /// The options with which Compose will read the project once `.env` exists; until then
    /// its template is read instead.
    pub(super) fn options(&self, ctx: &Context) -> ComposeOptions {
        match self.template_in_use() {
            Some((path, _)) => ComposeOptions { env_files: vec![path.clone()], ..ctx.options.clone() },
            None => ctx.options.clone(),
        }
    }

    /// The template, if there is no `.env` yet.
    pub(super) fn template_in_use(&self) -> Option<&(PathBuf, Document)> {
        let missing = self.files.is_empty() && self.project.env_files.default_file().is_some();
        self.template.as_ref().filter(|_| missing)
    }
}

pub(crate) fn disabled() -> Error {
    Error::new("Compose reads no .env here: COMPOSE_DISABLE_ENV_FILE is set")
        .hint("`unset COMPOSE_DISABLE_ENV_FILE`, or name a file with --env-file")
}

/// Refuses a path where no env file can be written.
pub(crate) fn writable(ctx: &Context, file: &Path) -> Result<()> {
    let place = ctx.show(file);
    if file.is_dir() {
        return Err(Error::new(format!("{place} is a folder, so Compose reads no values from it")).hint(format!(
            "move it away: `mv {} {}`",
            ctx.typed(file),
            ctx.typed(Path::new(&format!("{}.old", file.display())))
        )));
    }
    let dangling = file.symlink_metadata().is_ok_and(|found| found.is_symlink()) && !file.exists();
    if dangling {
        let target = std::fs::read_link(file).unwrap_or_default();
        return Err(Error::new(format!("{place} is a symbolic link to {}, which does not exist", ctx.show(&target)))
            .hint(format!("create the file it points to, or remove the link: `rm {}`", ctx.typed(file))));
    }
    Ok(())
}
