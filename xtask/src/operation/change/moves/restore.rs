//! The way back: which moves of earlier runs could be undone now.

use std::collections::BTreeMap;

use super::plan::{Move, What, file_for};
use crate::decide::cannot_share_port;
use crate::ledger::{moves, values};
use crate::model::Origin;
use crate::operation::change::overrides;
use crate::operation::check::survey::{Row, Survey, is_free};
use crate::ui;

/// Moves of earlier runs that could go back now: the old port is free again,
/// and the file still has the port that we wrote. In a checkout that is not the
/// only one the old ports are the main one's.
pub fn restorable(survey: &Survey) -> Vec<Move> {
    if survey.is_secondary {
        return Vec::new();
    }
    let Ok(state) = survey.ctx.state_dir() else { return Vec::new() };
    let mut variables: BTreeMap<&str, (u16, &Origin)> = BTreeMap::new();
    for row in survey.rows.iter().filter(|row| !row.from_shell()) {
        if let (Some(variable), Some(published), Some(origin)) =
            (row.variable(), row.wanted.mapping.published, &row.wanted.origin)
        {
            variables.insert(variable, (published.first, origin));
        }
    }
    let mut back = Vec::new();
    for (variable, (now, origin)) in variables {
        let Ok(file) = file_for(survey, variable) else { continue };
        let moved = moves::read(&state, &file).into_iter().find(|(name, _, to)| name == variable && *to == now);
        if let Some((_, first, _)) = moved {
            let what = What::Variable(variable.to_owned());
            let kept = values::read(&state, &file).remove(variable);
            back.push(Move { affixes: origin.affixes.clone(), back: kept, ..Move::bare(what, now, first, file) });
        }
    }
    match overrides::moved(survey) {
        Ok(literals) => back.extend(
            literals.into_iter().map(|moved| Move::bare(What::Literal(moved.slot), moved.now, moved.own, moved.file)),
        ),
        Err(error) => ui::detail(&format!("which literals are moved cannot be told: {error}")),
    }
    back.retain(|step| could_be(survey, step));
    back
}

/// Whether all that the move is of could be published on its port.
fn could_be(survey: &Survey, step: &Move) -> bool {
    // One of an inactive profile is not looked at, and stays.
    survey.rows.iter().any(|row| step.is_of(survey, row))
        && survey.rows.iter().all(|row| {
            if step.is_of(survey, row) {
                is_free(survey, &row.wanted.mapping, step.to)
            } else {
                let mapping = &row.wanted.mapping;
                let meets = |own: &&Row| step.is_of(survey, own) && cannot_share_port(&own.wanted.mapping, mapping);
                let has_it = mapping.published.is_some_and(|range| range.contains(step.to));
                !has_it || !survey.rows.iter().any(|own| meets(&own))
            }
        })
}
