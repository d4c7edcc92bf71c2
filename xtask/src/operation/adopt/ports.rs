//! Replaces literal ports in compose files by variables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::plan::{Edit, Plan, Skipped, Step, Target, View};
use crate::decide::{Expect, is_generated, port_difference, port_variable};
use crate::disk;
use crate::envfile::Document;
use crate::error::{Error, Result};
use crate::model::{ComposeOptions, Stack, Wanted};
use crate::operation::change::proof;
use crate::parse::compose::{Found, Literal, literals};
use crate::stack::{self, Project, Texts, VariableUses};

/// The project with variables instead of literals.
pub(super) struct Ports {
    /// Its folder, with `.env`.
    pub(super) dir: PathBuf,
    /// The model with every profile, without anybody's own values if it can be read that way.
    pub(super) stack: Stack,
    /// Variables that cannot be in the template, and why: their defaults differ between ports,
    /// so setting one would change another port.
    pub(super) ambiguous: BTreeMap<String, String>,
}

/// The variable of a port, and its current default.
pub(super) fn value_now(wanted: &Wanted) -> Option<(String, String)> {
    let origin = wanted.origin.as_ref()?;
    let value = wanted.mapping.published.map(|port| origin.affixes.value(port));
    Some((origin.variable.clone()?, value.unwrap_or_default()))
}

/// `None` if no compose file can be read, which is reported as skipped.
pub(super) fn plan(target: &Target<'_>, plan: &mut Plan) -> Option<Ports> {
    match project(target, plan) {
        Ok(ports) => ports,
        Err(error) => {
            let why = std::iter::once(error.message()).chain(error.hints().iter().map(String::as_str));
            plan.skipped.push(Skipped { place: "compose files".to_owned(), why: why.collect::<Vec<_>>().join("; ") });
            None
        }
    }
}

fn project(target: &Target<'_>, plan: &mut Plan) -> Result<Option<Ports>> {
    let env = |name: &str| target.var(name);
    let project = stack::locate(&target.options, &target.dir, &env)?;
    if !disk::real_path(&project.dir).starts_with(&target.dir) {
        let why = format!("the compose file is outside this folder, in {}", target.ctx.show(&project.dir));
        plan.skipped.push(Skipped { place: "compose files".to_owned(), why });
        return Ok(None);
    }
    let template = stack::template_in(&project.dir);
    let reader = Reader::new(target, &project, template.as_deref())?;
    let uses = stack::variable_uses(&project, &env)?;
    let files = files_with_literals(target, &uses, plan)?;
    let containers = stack::container_variables(&reader.options, &target.dir, &env)?;
    let template = template.as_deref().and_then(document);
    let taken = UsedNames { target, project: &project, uses: &uses, containers, template };
    let names = taken.names(&files);
    let texts = reader.prove(&files, &names, |file, why| {
        plan.skipped.push(Skipped { place: target.show(file), why });
    });
    for (file, text, literals) in &files {
        let Some(after) = texts.get(file) else { continue };
        let what = match literals.len() {
            1 => "a port becomes a variable".to_owned(),
            count => format!("{count} ports become variables"),
        };
        let edit = Edit::text(file.clone(), Some(text.clone()), after.clone());
        plan.steps.push(Step { what: format!("{}: {what}", target.show(file)), edits: vec![edit], view: View::Diff });
    }
    let neutral = reader.neutral(&texts, None);
    let ambiguous = neutral.as_ref().map(|stack| reader.ambiguous(&texts, stack)).unwrap_or_default();
    let stack = neutral.or_else(|_| reader.read(&texts))?;
    Ok(Some(Ports { dir: project.dir, stack, ambiguous }))
}

/// A file, its text, and the ports in it that will become variables.
type File = (PathBuf, String, Vec<Literal>);

/// Every file with literal ports; those that cannot be changed are reported as skipped.
fn files_with_literals(target: &Target<'_>, uses: &VariableUses, plan: &mut Plan) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for file in &uses.files {
        let text = stack::text_of(file)?;
        // `--reassign` writes literals on purpose.
        if is_generated(text.as_bytes()) {
            continue;
        }
        let mut numbers = Vec::new();
        for found in literals(&text, &Arc::from(file.as_path()))? {
            match found {
                Found::Literal(literal) => numbers.push(literal),
                Found::Left { service, line, why } => {
                    let place = format!("{}:{line}", target.show(file));
                    plan.skipped
                        .push(Skipped { place, why: format!("service `{}`: {why}", crate::ui::clean(&service)) });
                }
            }
        }
        if numbers.is_empty() {
            continue;
        }
        if disk::real_path(file).starts_with(&target.dir) {
            files.push((file.clone(), text, numbers));
        } else {
            let why = "it has literal ports, but is outside this folder".to_owned();
            plan.skipped.push(Skipped { place: target.ctx.show(file), why });
        }
    }
    Ok(files)
}

fn document(path: &Path) -> Option<Document> {
    Document::parse(std::fs::read(path).ok()?).ok()
}

/// Entries with an equal key share one variable.
type Key = (String, u16, Option<u16>);

fn key(literal: &Literal) -> Key {
    (literal.service.clone(), literal.published, literal.target)
}

/// Names that are already in use.
struct UsedNames<'a> {
    target: &'a Target<'a>,
    project: &'a Project,
    uses: &'a VariableUses,
    /// Variables that containers read, such as the port of another service.
    containers: BTreeSet<String>,
    template: Option<Document>,
}

impl UsedNames<'_> {
    fn names(&self, files: &[File]) -> BTreeMap<Key, String> {
        let mut names: BTreeMap<Key, String> = BTreeMap::new();
        for literal in files.iter().flat_map(|(_, _, literals)| literals) {
            if names.contains_key(&key(literal)) {
                continue;
            }
            let given = |name: &str| names.values().any(|given| given == name);
            let number = literal.target.unwrap_or(literal.published);
            let name =
                port_variable(&literal.service, number, &|name| given(name) || self.is_taken(name, literal.published));
            names.insert(key(literal), name);
        }
        names
    }

    /// A name that an env file sets to the same port is not taken.
    fn is_taken(&self, name: &str, port: u16) -> bool {
        let other = |value: &str| value != port.to_string();
        self.target.var(name).is_some()
            || self.containers.contains(name)
            || self.uses.places.iter().any(|place| place.name == name)
            || self.project.env_files.get(name).is_some_and(|(value, _)| other(value))
            || self.template.as_ref().and_then(|template| template.get(name)).is_some_and(|entry| other(&entry.value))
    }
}

/// Reads the project before and after the change.
struct Reader<'a> {
    target: &'a Target<'a>,
    options: ComposeOptions,
    before: Stack,
}

impl<'a> Reader<'a> {
    fn new(target: &'a Target<'a>, project: &Project, template: Option<&Path>) -> Result<Self> {
        let mut options = ComposeOptions {
            files: project.files.clone(),
            project_directory: Some(project.dir.clone()),
            ..target.options.clone().with_every_profile()
        };
        // Without `.env`, required values come from the template.
        let no_env = project.env_files.files().is_empty() && project.env_files.default_file().is_some();
        options.env_files.extend(template.filter(|_| no_env).map(Path::to_path_buf));
        let mut reader = Reader { target, options, before: Stack::default() };
        let everything = reader.read(&Texts::new());
        reader.before = everything.or_else(|_| {
            // A service of an unused profile may be broken.
            reader.options.profiles.clone_from(&target.options.profiles);
            reader.read(&Texts::new())
        })?;
        Ok(reader)
    }

    fn read(&self, texts: &Texts) -> Result<Stack> {
        stack::read_with(&self.options, &self.target.dir, &|name| self.target.var(name), texts)
    }

    /// The model from the compose files alone, without anybody's own values; and with the
    /// variable `set`.
    fn neutral(&self, texts: &Texts, set: Option<&(String, String)>) -> Result<Stack> {
        let mut options = ComposeOptions { env_files: Vec::new(), ..self.options.clone() };
        options.files.retain(|file| !std::fs::read(file).is_ok_and(|text| is_generated(&text)));
        let lookup = |name: &str| {
            let set = set.filter(|(known, _)| known == name).map(|(_, value)| value.clone());
            set.or_else(|| (name == "COMPOSE_DISABLE_ENV_FILE").then(|| "true".to_owned()))
        };
        stack::read_with(&options, &self.target.dir, &lookup, texts)
    }

    /// Variables that change a port when set to their default, because two ports have
    /// different defaults for them.
    fn ambiguous(&self, texts: &Texts, now: &Stack) -> BTreeMap<String, String> {
        let mut set: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in now.ports().filter_map(value_now) {
            set.entry(name).or_insert(value);
        }
        let why = |(name, value): (String, String)| {
            let cause = format!("{name}={value}");
            let pair = (name, value);
            let why = match self.neutral(texts, Some(&pair)) {
                Ok(then) => proof::refusal(&cause, &port_difference(now, &then, &|_| Expect::Same)?),
                Err(error) => error.within(cause),
            };
            Some((pair.0.clone(), format!("{} has no line: {}", pair.0, why.message())))
        };
        set.into_iter().filter_map(why).collect()
    }

    /// The texts with variables, of those files whose model stays the same with them.
    fn prove(&self, files: &[File], names: &BTreeMap<Key, String>, mut left: impl FnMut(&Path, String)) -> Texts {
        let mut texts = Texts::new();
        for (file, text, literals) in files {
            let attempt = |quote: bool| {
                let after = edited(text, literals, names, quote);
                let mut all = texts.clone();
                all.insert(file.clone(), after.clone());
                let found = self.read(&all)?;
                let same = without_origins(&found) == without_origins(&self.before);
                if same { Ok(after) } else { Err(Error::new("the ports would change")) }
            };
            match attempt(false).or_else(|_| attempt(true)) {
                Ok(after) => drop(texts.insert(file.clone(), after)),
                Err(error) => left(file, format!("keeps its literal ports: {}", error.message())),
            }
        }
        texts
    }
}

fn edited(text: &str, literals: &[Literal], names: &BTreeMap<Key, String>, quote: bool) -> String {
    let mut after = text.to_owned();
    for literal in literals.iter().rev() {
        let Some(name) = names.get(&key(literal)) else { continue };
        for (range, with) in literal.edits(name, quote) {
            after.replace_range(range, &with);
        }
    }
    after
}

fn without_origins(stack: &Stack) -> Stack {
    let mut stack = stack.clone();
    for wanted in stack.services.iter_mut().flat_map(|service| &mut service.ports) {
        wanted.origin = None;
    }
    stack
}
