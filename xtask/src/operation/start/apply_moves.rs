//! Applies the moves of a start. Where other settings read a moved variable and nothing
//! declares that they follow, the published port moves alone unless the user says otherwise.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::operation::change::moves::{self, Applied, Move};
use crate::operation::change::read_only::hint_no_write;
use crate::operation::change::readers::{self, Accept, Moved, Reader, Readers};
use crate::operation::change::tracked::WriteMode;
use crate::operation::check::project::CheckedProject;
use crate::project::Project;
use crate::ui::{self, Choice};

/// Returns the project afterwards and the moves that were made.
pub(super) fn apply(checked: &CheckedProject, mut moves: Vec<Move>, writes: WriteMode) -> Result<(Project, Vec<Move>)> {
    let mut alone: BTreeSet<String> = BTreeSet::new();
    let (mut agreed, mut unchanged) = (Vec::new(), Vec::new());
    let planned_first = moves.clone();
    // Each round moves at least one more variable by the override file, or is agreed.
    loop {
        let found = match attempt(checked, &moves, writes, &agreed) {
            Ok(Applied::Done(project)) => {
                moves::note_left_behind(&checked.ctx, &planned_first, &alone);
                return Ok((*project, moves));
            }
            Ok(Applied::Undeclared(readers)) => readers,
            Err(error) if alone.is_empty() => return Err(error),
            // Our own plan failed, so the reason for it has to be known, too.
            Err(why) => return Err(readers::refusal(checked, &alone, &unchanged, &why)),
        };
        let variables = variables(&found.undeclared, &moves);
        alone.extend(variables.iter().cloned());
        let planned = moves::plan_without(checked, writes, &alone);
        match decide(checked, &variables, &found, planned.as_ref().err(), writes) {
            Decision::All => {
                alone = &alone - &variables;
                agreed.extend(found.undeclared);
            }
            Decision::Alone => {
                moves = planned.map_err(|why| readers::refusal(checked, &variables, &found.undeclared, &why))?;
                unchanged.extend(found.undeclared);
            }
            Decision::Nothing => return Err(Error::new("no port was moved").finding()),
        }
    }
}

fn attempt(checked: &CheckedProject, moves: &[Move], writes: WriteMode, agreed: &[Reader]) -> Result<Applied> {
    let accept = Accept::Declared(agreed);
    if checked.ctx.dry_run {
        let found = moves::preview_readers(checked, moves, writes)?;
        let unchanged = || Applied::Done(checked.project.clone().into());
        return Ok(if found.undeclared.is_empty() { unchanged() } else { Applied::Undeclared(found) });
    }
    match writes {
        WriteMode::Environment => moves::apply_in_environment(checked, moves, accept),
        _ => moves::apply(checked, moves, writes, accept).map_err(hint_no_write),
    }
}

fn variables(readers: &[Reader], moves: &[Move]) -> BTreeSet<String> {
    let moved =
        moves.iter().filter_map(|step| Some(Moved { variable: step.variable()?, from: step.from, to: step.to }));
    readers::variables_of(readers, &moved.collect::<Vec<_>>())
}

enum Decision {
    /// Move the readers along.
    All,
    /// Move the published port by the override file.
    Alone,
    Nothing,
}

fn decide(
    checked: &CheckedProject,
    variables: &BTreeSet<String>,
    found: &Readers,
    why_not_alone: Option<&Error>,
    writes: WriteMode,
) -> Decision {
    let ctx = &checked.ctx;
    let names = variables.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let asks = ctx.is_interactive() && !ctx.yes && !ctx.dry_run;
    if !asks && why_not_alone.is_some() {
        return Decision::Alone;
    }
    ui::note(&format!("note: {names} also sets what other services or containers read:"));
    for reader in &found.undeclared {
        ui::note(&format!("  {}", reader.line()));
    }
    if !asks {
        ui::note("so only the published port moves, in the override file, and they stay as they are");
        ui::note("hint: if they are to move along, write below `[ports]` in xtask.toml:");
        ui::note(&format!("  {}", readers::declaration(&checked.settings.follow, &found.undeclared)));
        // The variable of these stays, too.
        if !found.follow.is_empty() {
            let paths: Vec<String> = found.follow.iter().map(Reader::path).collect();
            ui::note(&format!("note: as long as one is missing, what is declared stays as well: {}", paths.join(", ")));
        }
        return Decision::Alone;
    }
    let place = if writes == WriteMode::Environment { "for this run" } else { "in the override file" };
    let mut choices = Vec::new();
    let mut offer = |key: char, label: String| choices.push(Choice { key, label });
    match why_not_alone {
        None => offer('p', format!("move the published port alone, {place}")),
        Some(why) => ui::note(&format!("note: the published port cannot be moved alone: {why}")),
    }
    offer('a', "move all of these along".to_owned());
    offer('c', "cancel".to_owned());
    match ui::choose("what now?", &choices, if why_not_alone.is_none() { 'p' } else { 'c' }) {
        'p' => Decision::Alone,
        'a' => Decision::All,
        _ => Decision::Nothing,
    }
}
