//! Other settings that read a moved variable: what a container is told, a target port, a
//! health check. They are found in Compose's model, before and after the move.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::decide::{Followers, ModelDifference};
use crate::error::Error;
use crate::project::Project;
use crate::stack::{self, EnvFiles, VariableUse};
use crate::ui;

/// A value of the model that would change along with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    pub difference: ModelDifference,
    /// `compose.yaml:9`, if it is known.
    place: Option<String>,
}

/// Which readers may change.
#[derive(Debug, Clone, Copy)]
pub enum Accept<'a> {
    /// Those that `xtask.toml` or the `.env` template declares, and these, to which the user
    /// has agreed.
    Declared(&'a [Reader]),
    /// All, because the old values are restored.
    All,
}

/// The readers of a move.
#[derive(Debug, Default)]
pub struct Readers {
    pub follow: Vec<Reader>,
    pub undeclared: Vec<Reader>,
}

/// Sorts what differs besides ports.
pub fn sort(
    (before, after): (&Project, &Project),
    moved: &[&str],
    differences: Vec<ModelDifference>,
    accept: Accept<'_>,
) -> Readers {
    let mut readers = Readers::default();
    if differences.is_empty() {
        return readers;
    }
    let ctx = &before.ctx;
    let uses = uses(ctx);
    let derived = derived(&before.env_files, &after.env_files, moved);
    let names: BTreeSet<&str> = moved.iter().copied().chain(derived.iter().map(|value| value.name)).collect();
    for difference in differences {
        let follows = match accept {
            Accept::All => true,
            Accept::Declared(agreed) => {
                before.settings.follow.include(&difference)
                    || derived.iter().any(|value| value.sets(&difference, &uses))
                    || agreed.iter().any(|reader| reader.difference == difference)
            }
        };
        let place = place(ctx, &uses, &names, &difference);
        let list = if follows { &mut readers.follow } else { &mut readers.undeclared };
        list.push(Reader { difference, place });
    }
    readers
}

fn uses(ctx: &Context) -> Vec<VariableUse> {
    let env = |name: &str| ctx.var(name);
    let uses = stack::locate(&ctx.options, &ctx.dir, &env).and_then(|project| stack::variable_uses(&project, &env));
    uses.map(|uses| uses.places).unwrap_or_default()
}

/// A variable that an env file derives from a moved one.
struct Derived<'a> {
    name: &'a str,
    from: &'a str,
    to: &'a str,
}

/// The variables of the env files that change along with `moved`: those with `${…}`, and
/// those that the template declares.
fn derived<'a>(before: &'a EnvFiles, after: &'a EnvFiles, moved: &[&str]) -> Vec<Derived<'a>> {
    let changed = before.names().filter(|name| !moved.contains(name)).filter_map(|name| {
        let ((from, _), (to, _)) = (before.get(name)?, after.get(name)?);
        (from != to).then_some(Derived { name, from, to })
    });
    changed.collect()
}

impl Derived<'_> {
    /// Whether the difference is this variable's.
    fn sets(&self, difference: &ModelDifference, uses: &[VariableUse]) -> bool {
        // A bare number may as well be that of the moved variable.
        let is_told_apart =
            || self.from.parse::<u16>().is_err() || uses.iter().any(|place| self.is_used(place, difference));
        difference.replaces(self.from, self.to) && (difference.name() == self.name || is_told_apart())
    }

    fn is_used(&self, place: &VariableUse, difference: &ModelDifference) -> bool {
        place.name == self.name && covers(place, difference)
    }
}

/// Whether a value in the compose file gives the value of the model: that of the same path,
/// or of a list above it (`environment: ["A=${B}"]`).
fn covers(place: &VariableUse, difference: &ModelDifference) -> bool {
    let section = if difference.service.is_some() { "services." } else { "" };
    let path = format!("{section}{}", difference.pattern());
    path.strip_prefix(&place.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The line of the value, unless several could be it.
fn place(ctx: &Context, uses: &[VariableUse], names: &BTreeSet<&str>, difference: &ModelDifference) -> Option<String> {
    let found: Vec<&VariableUse> =
        uses.iter().filter(|place| names.contains(place.name.as_str()) && covers(place, difference)).collect();
    let longest = found.iter().map(|place| place.path.len()).max()?;
    let mut lines: Vec<String> = found
        .iter()
        .filter(|place| place.path.len() == longest)
        .map(|place| format!("{}:{}", ctx.show(&place.file), place.line))
        .collect();
    lines.dedup();
    let line = lines.pop()?;
    lines.is_empty().then_some(line)
}

impl Reader {
    /// A reader that only the env files tell.
    pub(super) fn new(difference: ModelDifference) -> Reader {
        Reader { difference, place: None }
    }

    /// `app.environment.REDIS_PORT`.
    pub fn path(&self) -> String {
        ui::clean(&self.difference.to_string())
    }

    /// `app.environment.REDIS_PORT 6379 -> 6380  (compose.yaml:9)`.
    pub fn line(&self) -> String {
        let value = |value: &Option<String>| match value {
            Some(value) => ui::mask_value(self.difference.name(), value),
            None => "(none)".to_owned(),
        };
        let place = self.place.as_ref().map(|place| format!("  ({place})")).unwrap_or_default();
        format!("{} {} -> {}{place}", self.path(), value(&self.difference.before), value(&self.difference.after))
    }
}

/// A variable whose port moves.
#[derive(Debug, Clone, Copy)]
pub struct Moved<'a> {
    pub variable: &'a str,
    pub from: u16,
    pub to: u16,
}

/// The variables that have these readers: those whose number changes in one, otherwise all.
pub fn variables_of(readers: &[Reader], moved: &[Moved<'_>]) -> BTreeSet<String> {
    let of_reader = |reader: &Reader| {
        let is_number_of = |step: &&Moved<'_>| reader.difference.replaces(&step.from.to_string(), &step.to.to_string());
        let found: Vec<&Moved<'_>> = moved.iter().filter(is_number_of).collect();
        if found.is_empty() { moved.iter().collect() } else { found }
    };
    readers.iter().flat_map(of_reader).map(|step| step.variable.to_owned()).collect()
}

/// Says what moved along.
pub fn note_followers(readers: &[Reader]) {
    if !readers.is_empty() {
        let paths: Vec<String> = readers.iter().map(Reader::path).collect();
        ui::note(&format!("note: moved along: {}", paths.join(", ")));
    }
}

/// Says what changes along with a port that the user moved himself.
pub fn note_changes(ctx: &Context, variables: &[&str], differences: Vec<ModelDifference>) {
    if differences.is_empty() {
        return;
    }
    let (uses, names) = (uses(ctx), variables.iter().copied().collect());
    ui::note("note: this also changes what services and containers read:");
    for difference in differences {
        let place = place(ctx, &uses, &names, &difference);
        ui::note(&format!("  {}", Reader { difference, place }.line()));
    }
}

/// The line under `[ports]` in `xtask.toml` with which the readers would move along.
pub fn declaration(known: &Followers, readers: &[Reader]) -> String {
    let mut entries: Vec<String> = known.entries().to_vec();
    for reader in readers {
        let pattern = reader.difference.pattern();
        if !entries.contains(&pattern) {
            entries.push(pattern);
        }
    }
    let quoted: Vec<String> = entries.into_iter().map(|entry| serde_json::Value::from(entry).to_string()).collect();
    format!("follow = [{}]", ui::clean(&quoted.join(", ")))
}

/// An error where neither the variable nor the override file can move the port.
pub fn refusal(project: &Project, variables: &BTreeSet<String>, readers: &[Reader], why: &Error) -> Error {
    let names: Vec<&str> = variables.iter().map(String::as_str).collect();
    let lines: Vec<String> = readers.iter().map(Reader::line).collect();
    let error = Error::new(format!(
        "{} would also change {}; and the published port cannot be moved alone: {}",
        names.join(", "),
        lines.join(", "),
        why.message()
    ));
    let declaration = declaration(&project.settings.follow, readers);
    let error = error.hint(format!("if they are to move along, write below `[ports]` in xtask.toml: {declaration}"));
    why.hints().iter().fold(error, |error, hint| error.hint(format!("or {hint}"))).finding()
}
