//! Ports that no variable feeds, and names that a file fixes: moved by a
//! compose file of ours on top of the project's own.
//!
//! What is moved now is told by the project itself, read with our file and
//! without it, so there is nothing to remember that could get lost. A change
//! writes the whole file again; where nothing is left to change, it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::fixed_names;
use super::tracked::Writes;
use crate::context::Context;
use crate::decide::{Changes, Listed, Slot, difference, expected, is_generated, published, render, slots};
use crate::docker::{self, Compose, OVERRIDE};
use crate::envfile::Document;
use crate::error::{Context as _, Error, Result};
use crate::model::{ComposeOptions, FixedName, Named, Stack, Version};
use crate::operation::check::survey::{Row, Survey};
use crate::project::{Project, compose_file_vars};
use crate::stack::{self, COMPOSE_FILE, List, NameUse, Place, override_place};
use crate::{disk, exec, ui};

/// What is to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// New published ports. The port that the project's own files give takes a
    /// slot out again.
    pub moves: BTreeMap<Slot, u16>,
    /// Names to leave to Compose; `None` = as it is now.
    pub resets: Option<BTreeSet<Named>>,
}

impl Request {
    /// Leaves these names to Compose, as far as a file on top can: the
    /// project's own is COMPOSE_PROJECT_NAME's business.
    pub fn reset_names(names: &[FixedName]) -> Request {
        let resets = names.iter().map(|name| name.what.clone()).filter(|what| *what != Named::Project).collect();
        Request { resets: Some(resets), ..Request::default() }
    }
}

/// A port that is moved by our file now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub slot: Slot,
    /// The port in the project's own files.
    pub own: u16,
    /// The port now.
    pub now: u16,
    /// Our file.
    pub file: PathBuf,
}

/// The slot of a row of the survey.
pub fn slot_of(survey: &Survey, row: &Row) -> Option<Slot> {
    let service = survey.stack.service(&row.wanted.mapping.service)?;
    let at = service.ports.iter().position(|wanted| wanted.mapping == row.wanted.mapping)?;
    slots(service).into_iter().nth(at)
}

/// The file that a change would be written to; an error says why it could not
/// take effect.
pub fn place(project: &Project) -> Result<PathBuf> {
    if let Some(trouble) = &project.without_compose {
        return Err(project.ctx.compose_error(trouble));
    }
    check_version(&project.ctx)?;
    Ok(Now::gather(project)?.place.file)
}

/// The env file in which COMPOSE_FILE has to name our file; mostly none has to.
pub fn env_file_to_write(ctx: &Context) -> Vec<PathBuf> {
    let place = override_place(&ctx.options, &ctx.dir, &|name| ctx.var(name));
    place.ok().and_then(|place| place.list).map(|list| list.env_file).into_iter().collect()
}

/// Compose before 2.24.4 takes `!override` for nothing, and publishes both.
fn check_version(ctx: &Context) -> Result<()> {
    match docker::compose_version().map(|text| text.parse::<Version>()) {
        Some(Ok(version)) if version >= OVERRIDE => Ok(()),
        Some(Ok(version)) => Err(Error::new(format!(
            "Compose {version} does not know `!override`, which another port for a literal needs: 2.24.4 does"
        ))
        .hint(ctx.install_hints().plugin())),
        _ => Err(ctx.without_compose().unwrap_or_else(|| {
            Error::new("which version of Compose this is cannot be told")
                .hint("see what it says: `docker compose version --short`")
        })),
    }
}

/// Whether the project's own files changed since ours was written: its lists of
/// ports take the place of theirs, so a port that was added there is hidden.
pub fn is_stale(project: &Project) -> Result<bool> {
    if !is_there(project) {
        return Ok(false);
    }
    let now = Now::gather(project)?;
    Ok(disk::read(&now.place.file)? != now.bytes(&now.changes))
}

/// Writes a file that is stale again. Without a reading of our own there is
/// nothing to compare with, and the file stays.
pub fn refresh(project: Project, writes: Writes) -> Result<Project> {
    match is_stale(&project) {
        Ok(true) if !project.ctx.dry_run => {
            let after = apply(&project, &Request::default(), writes)?;
            ui::note("the compose files have changed: the generated one was made anew");
            return Ok(after);
        }
        Ok(_) => {}
        Err(error) => {
            ui::detail(&format!("whether the generated compose file is up to date cannot be told: {error}"));
        }
    }
    Ok(project)
}

/// Says so where a person only looks; `start` makes it anew.
pub fn note_stale(project: &Project) {
    let file = project.stack.files.iter().find(|file| is_ours(file));
    if let (Some(file), Ok(true)) = (file, is_stale(project)) {
        let file = project.ctx.show(file);
        ui::warn(&format!("{file} is older than the compose files: `cargo xtask start` makes it anew"));
    }
}

/// Whether a file of ours is among the project's.
fn is_there(project: &Project) -> bool {
    project.stack.files.iter().any(|file| is_ours(file))
}

fn is_ours(file: &Path) -> bool {
    disk::read(file).is_ok_and(|bytes| bytes.is_some_and(|bytes| is_generated(&bytes)))
}

/// Ports that our file moves now; none where there is no such file.
pub fn moved(project: &Project) -> Result<Vec<Moved>> {
    if !is_there(project) {
        return Ok(Vec::new());
    }
    let now = Now::gather(project)?;
    let own = published(&now.without);
    let moved = |(slot, port): (&Slot, &u16)| {
        Some(Moved { slot: slot.clone(), own: *own.get(slot)?, now: *port, file: now.place.file.clone() })
    };
    Ok(now.changes.moves.iter().filter_map(moved).collect())
}

/// Leaves further names to Compose.
pub fn resetting(project: &Project, names: &[FixedName]) -> Result<Request> {
    let mut request = Request::reset_names(names);
    if is_there(project)
        && let Some(resets) = &mut request.resets
    {
        resets.extend(Now::elsewhere(project)?.changes.resets);
    }
    Ok(request)
}

/// Writes the file (or removes it), and has Compose prove that exactly the
/// wanted ports and names changed; otherwise every file is as it was. Returns the
/// project after it.
pub fn apply(project: &Project, request: &Request, writes: Writes) -> Result<Project> {
    let ctx = &project.ctx;
    check_version(ctx)?;
    let now = Now::gather(project)?;
    let changes = now.with(request)?;
    fixed_names::refuse(ctx, &now.uses, &changes.resets)?;
    let expected = now.expected(project, &changes)?;
    let steps = now.steps(&changes)?;
    let changed = steps.iter().filter(|(file, bytes)| disk::read(file).ok().as_ref() != Some(bytes));
    writes.agree(ctx, &changed.map(|(file, _)| file.clone()).collect::<Vec<PathBuf>>())?;
    let after = disk::write_proved(&steps, || prove(&expected, project.resolve_again(ctx)?))?;
    if !changes.is_empty()
        && let Some(exclude) = stack::git::ignore(&now.place.file)?
    {
        ui::note(&format!("{} is ignored by git now: see {}", ctx.show(&now.place.file), ctx.show(&exclude)));
    }
    Ok(after)
}

/// The same change without a word in the project's folder: the file lies in
/// the state folder, and the project returned is read with it by the environment.
pub fn environment(project: &Project, request: &Request) -> Result<Project> {
    let ctx = &project.ctx;
    check_version(ctx)?;
    if !ctx.options.files.is_empty() {
        return Err(Error::new("-f on the command line beats COMPOSE_FILE in the environment")
            .hint("name the files there instead: `COMPOSE_FILE=a.yaml:b.yaml cargo xtask start …`"));
    }
    let now = Now::elsewhere(project)?;
    let changes = now.with(request)?;
    fixed_names::refuse(ctx, &now.uses, &changes.resets)?;
    if changes.is_empty() {
        return Ok(project.clone());
    }
    let file = ctx.override_file(&now.without.dir, "")?;
    disk::private_folder(file.parent().unwrap_or(&file))?;
    let text = render(&now.without, &changes, None);
    let expected = now.expected(project, &changes)?;
    let files: Vec<PathBuf> = now.place.others.iter().cloned().chain([file.clone()]).collect();
    let ctx = ctx.with_vars(compose_file_vars(&files));
    disk::write_proved(&[(file, Some(text.into_bytes()))], || prove(&expected, project.resolve_again(&ctx)?))
}

/// Takes that file away again, where values go into the project's own files.
pub fn forget_environment(ctx: &Context, dir: &Path) {
    // Where it cannot be, it stays as it was.
    drop(ctx.override_file(dir, "").map(std::fs::remove_file));
}

/// The project now.
struct Now {
    place: Place,
    /// Read without our file, in all profiles: a change for a service that
    /// takes no part today must not get lost.
    without: Stack,
    /// What our file does.
    changes: Changes,
    /// Where the files use fixed names of containers.
    uses: Vec<NameUse>,
    /// The options, without our file.
    options: ComposeOptions,
}

impl Now {
    fn gather(project: &Project) -> Result<Now> {
        let ctx = &project.ctx;
        Self::at(project, override_place(&ctx.options, &ctx.dir, &|name| ctx.var(name))?)
    }

    /// Whatever files there are, with nothing of ours to write among them.
    fn elsewhere(project: &Project) -> Result<Now> {
        let ctx = &project.ctx;
        let files = stack::locate(&ctx.options, &ctx.dir, &|name| ctx.var(name))?.files;
        let (ours, others): (Vec<PathBuf>, _) = files.into_iter().partition(|file| is_ours(file));
        let present = !ours.is_empty();
        let file = ours.into_iter().next().unwrap_or_default();
        Self::at(project, Place { file, present, pinned: true, others, list: None })
    }

    fn at(project: &Project, place: Place) -> Result<Now> {
        let ctx = &project.ctx;
        let mut options = ctx.options.clone().with_every_profile();
        // A template stands for an `.env` that is not there yet.
        let template =
            project.template.clone().filter(|_| project.env_files.default_file().is_some_and(|file| !file.exists()));
        options.env_files.extend(template);
        let env = |name: &str| ctx.var(name);
        if !place.present {
            let without = stack::read(&options, &ctx.dir, &env)?;
            let uses = stack::name_uses(&options, &ctx.dir, &env)?;
            return Ok(Now { place, without, changes: Changes::default(), uses, options });
        }
        let with = stack::read(&options, &ctx.dir, &env)?;
        let names = stack::fixed_names(&options, &ctx.dir, &env)?;
        if !options.files.is_empty() {
            options.files.clone_from(&place.others);
        }
        let hidden = Self::hidden(&options, &place);
        let env = |name: &str| hidden.get(name).cloned().or_else(|| ctx.var(name));
        let without = stack::read(&options, &ctx.dir, &env)?;
        let mut changes = Changes::between(&without, &with);
        let fixed = stack::fixed_names(&options, &ctx.dir, &env)?.into_iter().map(|name| name.what);
        changes.resets = fixed.filter(|what| names.iter().all(|name| name.what != *what)).collect();
        let uses = stack::name_uses(&options, &ctx.dir, &env)?;
        Ok(Now { place, without, changes, uses, options })
    }

    /// What hides our file from Compose. Options would do it as well, but with
    /// `-f` the `.env` of the current folder is not read.
    fn hidden(options: &ComposeOptions, place: &Place) -> BTreeMap<String, String> {
        let listed = place.present && options.files.is_empty();
        if listed { compose_file_vars(&place.others).into_iter().collect() } else { BTreeMap::new() }
    }

    /// What Compose has to say of the project after the changes.
    fn expected(&self, project: &Project, changes: &Changes) -> Result<Value> {
        let ctx = &project.ctx;
        let compose = ctx.compose_with(self.options.clone()).with_env(Self::hidden(&self.options, &self.place));
        let known = project.whole_config().filter(|_| !self.place.present);
        let (stack, before) = match known {
            Some(config) => (project.stack.clone(), read_json(config)?),
            None => config(ctx, &compose)?,
        };
        Ok(expected(&before, &stack, changes))
    }

    /// What our file has to do.
    fn with(&self, request: &Request) -> Result<Changes> {
        let own = published(&self.without);
        let mut changes = self.changes.clone();
        for (slot, port) in &request.moves {
            match own.get(slot) {
                Some(own) if own == port => changes.moves.remove(slot),
                Some(_) => changes.moves.insert(slot.clone(), *port),
                None => {
                    return Err(Error::new(format!("no file of this project publishes {slot} on a port of its own"))
                        .hint("look again: `cargo xtask check-ports`"));
                }
            };
        }
        if let Some(resets) = &request.resets {
            changes.resets.clone_from(resets);
        }
        Ok(changes)
    }

    /// Our file; `None` where it has to go.
    fn bytes(&self, changes: &Changes) -> Option<Vec<u8>> {
        if changes.is_empty() && !self.place.pinned {
            return None;
        }
        let list = self.place.list.as_ref();
        let env_file = list.and_then(|list| list.env_file.file_name()).map(|name| name.to_string_lossy());
        let added = list.is_some_and(|list| list.added);
        let listed = env_file.as_deref().map(|env_file| Listed { env_file, added });
        Some(render(&self.without, changes, listed).into_bytes())
    }

    /// The files to write, with their bytes; `None` = to remove.
    fn steps(&self, changes: &Changes) -> Result<Vec<(PathBuf, Option<Vec<u8>>)>> {
        let bytes = self.bytes(changes);
        let mut steps = Vec::new();
        if let Some(list) = &self.place.list {
            steps.push((list.env_file.clone(), env_file(list, bytes.is_none())?));
        }
        steps.push((self.place.file.clone(), bytes));
        Ok(steps)
    }
}

/// The env file with COMPOSE_FILE as it has to be.
fn env_file(list: &List, goes: bool) -> Result<Option<Vec<u8>>> {
    let file = &list.env_file;
    let bytes = disk::read(file)?.unwrap_or_default();
    let mut document = Document::parse(bytes).map_err(|error| error.within(file.display()))?;
    if !goes {
        document.set(COMPOSE_FILE, &list.with)?;
        return Ok(Some(document.render().to_vec()));
    }
    let line =
        document.get(COMPOSE_FILE).filter(|entry| list.added && entry.value == list.with).map(|entry| entry.line);
    let Some(line) = line else {
        document.set(COMPOSE_FILE, &list.without)?;
        return Ok(Some(document.render().to_vec()));
    };
    let lines = document.render().split_inclusive(|byte| *byte == b'\n').enumerate();
    let kept: Vec<u8> = lines.filter(|(at, _)| at + 1 != line).flat_map(|(_, text)| text).copied().collect();
    // It was made for this line alone.
    Ok((!kept.is_empty()).then_some(kept))
}

fn config(ctx: &Context, compose: &Compose) -> Result<(Stack, Value)> {
    let (stack, json) = compose.config_json(exec::LIMIT).map_err(|trouble| ctx.compose_error(&trouble))?;
    Ok((stack, read_json(&json)?))
}

fn read_json(config: &[u8]) -> Result<Value> {
    serde_json::from_slice(config).context("read the output of `docker compose config`")
}

fn prove(expected: &Value, after: Project) -> Result<Project> {
    let ctx = &after.ctx;
    let actual = match after.whole_config() {
        Some(config) => read_json(config)?,
        None => config(ctx, &ctx.compose_with(ctx.options.clone().with_every_profile()))?.1,
    };
    match difference(expected, &actual) {
        None => Ok(after),
        Some(path) => Err(Error::new(format!(
            "the generated file does not do what it should: with it Compose gives another `{path}`; all files are as they were"
        ))
        .hint("see what Compose makes of the project: `docker compose config`")),
    }
}
