//! Changes literal ports and fixed names by a generated override file.
//!
//! The current changes are found by reading the project with and without our file, so no
//! separate record can get lost. Each change rewrites the whole file; without changes it is
//! removed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::fixed_names;
use super::proof::Model;
use super::tracked::WriteMode;
use crate::context::Context;
use crate::decide::{
    Added, Changes, Listed, Slot, expected, is_generated, model_differences, published, render, slots,
};
use crate::docker::{self, OVERRIDE};
use crate::envfile::Document;
use crate::error::{Context as _, Error, Result};
use crate::model::{ComposeOptions, FixedName, Named, Stack, Version};
use crate::operation::check::project::{CheckedProject, Row};
use crate::project::{Project, compose_file_vars};
use crate::stack::{self, COMPOSE_FILE, List, NameUse, Place, override_place};
use crate::{disk, exec, ui};

/// A change of the override file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// New published ports. A slot with the port of the project's own files is removed.
    pub moves: BTreeMap<Slot, u16>,
    /// Fixed names to reset; `None`: no change.
    pub resets: Option<BTreeSet<Named>>,
}

impl Request {
    /// Resets these names, except for the project's own, which COMPOSE_PROJECT_NAME sets.
    pub fn reset_names(names: &[FixedName]) -> Request {
        let resets = names.iter().map(|name| name.what.clone()).filter(|what| *what != Named::Project).collect();
        Request { resets: Some(resets), ..Request::default() }
    }
}

/// A port that our file moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedPort {
    pub(crate) slot: Slot,
    /// The port in the project's own files.
    pub own: u16,
    /// The port that our file sets.
    pub now: u16,
    pub(crate) file: PathBuf,
}

/// Identifies the row's entry in the compose file.
pub fn slot_of(project: &CheckedProject, row: &Row) -> Option<Slot> {
    let service = project.stack.service(&row.wanted.mapping.service)?;
    let at = service.ports.iter().position(|wanted| wanted.mapping == row.wanted.mapping)?;
    slots(service).into_iter().nth(at)
}

/// The override file to write, or an error if it would have no effect.
pub(crate) fn override_path(project: &Project) -> Result<PathBuf> {
    if let Some(trouble) = &project.compose_trouble {
        return Err(project.ctx.compose_error(trouble));
    }
    check_version(&project.ctx)?;
    Ok(Current::read(project)?.place.file)
}

/// The env file, if any, whose COMPOSE_FILE must list our file.
pub(crate) fn env_file_to_write(ctx: &Context) -> Vec<PathBuf> {
    let place = override_place(&ctx.options, &ctx.dir, &|name| ctx.var(name));
    place.ok().and_then(|place| place.list).map(|list| list.env_file).into_iter().collect()
}

/// Compose before 2.24.4 ignores `!override`, and publishes both ports.
fn check_version(ctx: &Context) -> Result<()> {
    match docker::compose_version().map(|text| text.parse::<Version>()) {
        Some(Ok(version)) if version >= OVERRIDE => Ok(()),
        Some(Ok(version)) => Err(Error::new(format!(
            "Compose {version} does not support `!override`, which is needed to move a literal port: 2.24.4 does"
        ))
        .hint(ctx.install_hints().plugin())),
        _ => Err(ctx.compose_absence().unwrap_or_else(|| {
            Error::new("cannot determine the version of Compose")
                .hint("see its output: `docker compose version --short`")
        })),
    }
}

/// Whether the project's own files changed since ours was written. Our lists of ports
/// replace theirs, so a port added there would be hidden.
pub(crate) fn is_stale(project: &Project) -> Result<bool> {
    if !has_override(project) {
        return Ok(false);
    }
    let current = Current::read(project)?;
    Ok(disk::read(&current.place.file)? != current.bytes(&current.changes))
}

/// Writes a stale file again. If our reader can't read the project, the file stays.
pub(crate) fn refresh(project: Project, writes: WriteMode) -> Result<Project> {
    match is_stale(&project) {
        Ok(true) if !project.ctx.dry_run => {
            let after = apply(&project, &Request::default(), writes)?;
            ui::note("the compose files have changed: the override file was generated again");
            return Ok(after);
        }
        Ok(_) => {}
        Err(error) => {
            ui::detail(&format!("cannot tell whether the override file is up to date: {error}"));
        }
    }
    Ok(project)
}

/// Warns about a stale file in commands that don't write; `start` generates it again.
pub(crate) fn note_stale(project: &Project) {
    let file = project.stack.files.iter().find(|file| is_generated_file(file));
    if let (Some(file), Ok(true)) = (file, is_stale(project)) {
        let file = project.ctx.show(file);
        ui::warn(&format!("{file} is older than the compose files: `cargo xtask start` generates it again"));
    }
}

/// Whether the project has a generated override file.
fn has_override(project: &Project) -> bool {
    project.stack.files.iter().any(|file| is_generated_file(file))
}

fn is_generated_file(file: &Path) -> bool {
    disk::read(file).is_ok_and(|bytes| bytes.is_some_and(|bytes| is_generated(&bytes)))
}

/// The ports that our file moves.
pub fn moved_ports(project: &Project) -> Result<Vec<MovedPort>> {
    if !has_override(project) {
        return Ok(Vec::new());
    }
    let current = Current::read(project)?;
    let own = published(&current.without);
    let moved = |(slot, port): (&Slot, &u16)| {
        Some(MovedPort { slot: slot.clone(), own: *own.get(slot)?, now: *port, file: current.place.file.clone() })
    };
    Ok(current.changes.moves.iter().filter_map(moved).collect())
}

/// A request to reset these names in addition to those that are reset already.
pub(crate) fn reset_request(project: &Project, names: &[FixedName]) -> Result<Request> {
    let mut request = Request::reset_names(names);
    if has_override(project)
        && let Some(resets) = &mut request.resets
    {
        resets.extend(Current::read_outside(project)?.changes.resets);
    }
    Ok(request)
}

/// Writes or removes the file, and has Compose prove that exactly the requested ports and
/// names changed; otherwise every file is restored. Returns the changed project.
pub fn apply(project: &Project, request: &Request, writes: WriteMode) -> Result<Project> {
    let ctx = &project.ctx;
    check_version(ctx)?;
    let current = Current::read(project)?;
    let changes = current.changes_for(request)?;
    fixed_names::refuse_used_names(ctx, &current.uses, &changes.resets)?;
    let expected = current.expected(project, &changes)?;
    let steps = current.steps(ctx, &changes)?;
    let changed = steps.iter().filter(|(file, bytes)| disk::read(file).ok().as_ref() != Some(bytes));
    writes.ask_for_files(ctx, &changed.map(|(file, _)| file.clone()).collect::<Vec<PathBuf>>())?;
    let after = disk::write_proved(&steps, || prove(&expected, project.resolve_again(ctx)?))?;
    if !changes.is_empty()
        && let Some(exclude) = stack::git::ignore(&current.place.file)?
    {
        ui::note(&format!("git now ignores {}: see {}", ctx.show(&current.place.file), ctx.show(&exclude)));
    }
    Ok(after)
}

/// Makes the same change without writing to the project's folder: the file is in the state
/// folder, and the environment of the returned project includes it.
pub fn apply_in_environment(project: &Project, request: &Request) -> Result<Project> {
    let ctx = &project.ctx;
    check_version(ctx)?;
    if !ctx.options.files.is_empty() {
        return Err(Error::new("-f on the command line overrides COMPOSE_FILE in the environment")
            .hint("list the files there instead: `COMPOSE_FILE=a.yaml:b.yaml cargo xtask start …`"));
    }
    let current = Current::read_outside(project)?;
    let changes = current.changes_for(request)?;
    fixed_names::refuse_used_names(ctx, &current.uses, &changes.resets)?;
    if changes.is_empty() {
        return Ok(project.clone());
    }
    let file = ctx.override_file(&current.without.dir, "")?;
    disk::private_folder(file.parent().unwrap_or(&file))?;
    let text = render(&current.without, &changes, None);
    let expected = current.expected(project, &changes)?;
    let files: Vec<PathBuf> = current.place.others.iter().cloned().chain([file.clone()]).collect();
    let ctx = ctx.with_vars(compose_file_vars(&files));
    disk::write_proved(&[(file, Some(text.into_bytes()))], || prove(&expected, project.resolve_again(&ctx)?))
}

/// Removes that file, once values go into the project's own files.
pub(crate) fn remove_outside_file(ctx: &Context, dir: &Path) {
    drop(ctx.override_file(dir, "").map(std::fs::remove_file));
}

/// The project with and without our file.
struct Current {
    place: Place,
    /// Without our file, in all profiles if they can be read: a change for a currently
    /// inactive service must not get lost.
    without: Stack,
    /// The changes that our file makes.
    changes: Changes,
    /// Where the files use fixed container names.
    uses: Vec<NameUse>,
    /// Without our file.
    options: ComposeOptions,
}

impl Current {
    fn read(project: &Project) -> Result<Current> {
        let ctx = &project.ctx;
        Self::with_place(project, override_place(&ctx.options, &ctx.dir, &|name| ctx.var(name))?)
    }

    /// For changes outside the project: the existing files, none of which is written.
    fn read_outside(project: &Project) -> Result<Current> {
        let ctx = &project.ctx;
        let files = stack::locate(&ctx.options, &ctx.dir, &|name| ctx.var(name))?.files;
        let (ours, others): (Vec<PathBuf>, _) = files.into_iter().partition(|file| is_generated_file(file));
        let present = !ours.is_empty();
        let file = ours.into_iter().next().unwrap_or_default();
        Self::with_place(project, Place { file, present, pinned: true, others, list: None })
    }

    fn with_place(project: &Project, place: Place) -> Result<Current> {
        let ctx = &project.ctx;
        // The template replaces a missing `.env`.
        let template =
            project.template.clone().filter(|_| project.env_files.default_file().is_some_and(|file| !file.exists()));
        let mut active = ctx.options.clone();
        active.env_files.extend(template);
        let env = |name: &str| ctx.var(name);
        // A broken service of another profile doesn't matter.
        let every = active.clone().with_every_profile();
        let mut options = if stack::read(&every, &ctx.dir, &env).is_ok() { every } else { active };
        if !place.present {
            let without = stack::read(&options, &ctx.dir, &env)?;
            let uses = stack::name_uses(&options, &ctx.dir, &env)?;
            return Ok(Current { place, without, changes: Changes::default(), uses, options });
        }
        let with = stack::read(&options, &ctx.dir, &env)?;
        let names = stack::fixed_names(&options, &ctx.dir, &env)?;
        if !options.files.is_empty() {
            options.files.clone_from(&place.others);
        }
        let hidden = Self::hiding_vars(&options, &place);
        let env = |name: &str| hidden.get(name).cloned().or_else(|| ctx.var(name));
        let without = stack::read(&options, &ctx.dir, &env)?;
        let mut changes = Changes::between(&without, &with);
        let fixed = stack::fixed_names(&options, &ctx.dir, &env)?.into_iter().map(|name| name.what);
        changes.resets = fixed.filter(|what| names.iter().all(|name| name.what != *what)).collect();
        let uses = stack::name_uses(&options, &ctx.dir, &env)?;
        Ok(Current { place, without, changes, uses, options })
    }

    /// Variables that hide our file from Compose. With `-f` instead, Compose would not read
    /// the `.env` of the current folder.
    fn hiding_vars(options: &ComposeOptions, place: &Place) -> BTreeMap<String, String> {
        let listed = place.present && options.files.is_empty();
        if listed { compose_file_vars(&place.others).into_iter().collect() } else { BTreeMap::new() }
    }

    /// The JSON that Compose must output after the changes, for the active services.
    fn expected(&self, project: &Project, changes: &Changes) -> Result<Value> {
        let ctx = &project.ctx;
        let known = Model::of_project(project).ok().filter(|_| !self.place.present);
        if let Some((stack, config)) = known.as_ref().and_then(|model| Some((&model.stack, model.config()?))) {
            return Ok(expected(config, stack, changes));
        }
        let options = ComposeOptions { profiles: ctx.options.profiles.clone(), ..self.options.clone() };
        let compose = ctx.compose_with(options.clone()).with_env(Self::hiding_vars(&options, &self.place));
        let (stack, json) = compose.config_json(exec::LIMIT).map_err(|trouble| ctx.compose_error(&trouble))?;
        Ok(expected(&read_json(&json)?, &stack, changes))
    }

    /// The changes of our file after `request`.
    fn changes_for(&self, request: &Request) -> Result<Changes> {
        let own = published(&self.without);
        let mut changes = self.changes.clone();
        for (slot, port) in &request.moves {
            match own.get(slot) {
                Some(own) if own == port => changes.moves.remove(slot),
                Some(_) => changes.moves.insert(slot.clone(), *port),
                None => {
                    return Err(Error::new(format!("no file of this project publishes {slot} on a fixed port"))
                        .hint("check again: `cargo xtask check-ports`"));
                }
            };
        }
        if let Some(resets) = &request.resets {
            changes.resets.clone_from(resets);
        }
        Ok(changes)
    }

    /// Our file's content; `None`: it must be removed.
    fn bytes(&self, changes: &Changes) -> Option<Vec<u8>> {
        if changes.is_empty() && !self.place.pinned {
            return None;
        }
        let list = self.place.list.as_ref();
        let env_file = list.and_then(|list| list.env_file.file_name()).map(|name| name.to_string_lossy());
        let added = list.and_then(|list| list.added);
        let listed = env_file.as_deref().map(|env_file| Listed { env_file, added });
        Some(render(&self.without, changes, listed).into_bytes())
    }

    /// The files to write; `None`: to remove.
    fn steps(&self, ctx: &Context, changes: &Changes) -> Result<Vec<(PathBuf, Option<Vec<u8>>)>> {
        let bytes = self.bytes(changes);
        let mut steps = Vec::new();
        if let Some(list) = &self.place.list {
            steps.push((list.env_file.clone(), updated_env_file(ctx, list, bytes.is_none())?));
        }
        steps.push((self.place.file.clone(), bytes));
        Ok(steps)
    }
}

/// The env file with our file added to COMPOSE_FILE or removed from it.
fn updated_env_file(ctx: &Context, list: &List, remove: bool) -> Result<Option<Vec<u8>>> {
    let file = &list.env_file;
    let bytes = disk::read(file)?.unwrap_or_default();
    let mut document = Document::parse(bytes).map_err(|error| error.within(file.display()))?;
    let (shell, earlier) = (|name: &str| ctx.var(name), |_: &str| None);
    let is_added = list.added.filter(|_| document.get(COMPOSE_FILE).is_some_and(|entry| entry.value == list.with));
    let is_removed =
        remove && is_added.is_some_and(|added| document.remove_added(COMPOSE_FILE, added == Added::AfterBreak));
    if !is_removed {
        let value = if remove { &list.without } else { &list.with };
        document.change(COMPOSE_FILE, value, &shell, &earlier)?;
    }
    let bytes = document.render().to_vec();
    // Remove a file that was created only for this line.
    let is_left = !bytes.is_empty() || !remove || list.added != Some(Added::Line);
    Ok(is_left.then_some(bytes))
}

fn read_json(config: &[u8]) -> Result<Value> {
    serde_json::from_slice(config).context("read the output of `docker compose config`")
}

fn prove(expected: &Value, after: Project) -> Result<Project> {
    let ctx = &after.ctx;
    let Some(config) = after.config() else {
        let trouble = after.compose_trouble.as_ref().map(|trouble| ctx.compose_error(trouble));
        return Err(trouble.unwrap_or_else(|| Error::new("Compose does not answer")));
    };
    match model_differences(expected, &read_json(config)?).first() {
        None => Ok(after),
        Some(found) => Err(Error::new(format!(
            "the override file does not have the expected effect: Compose's `{}` differs; all files were restored",
            ui::clean(&found.to_string())
        ))
        .hint("see the effective model: `docker compose config`")),
    }
}
