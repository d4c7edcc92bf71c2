//! The way back: which moves of earlier runs could be undone now.

use std::collections::BTreeMap;

use super::plan::{Move, PortSource, file_for};
use crate::decide::exclude;
use crate::ledger::{moves, values};
use crate::model::Origin;
use crate::operation::change::overrides;
use crate::operation::check::project::{CheckedProject, Row, is_free};
use crate::ui;

/// Moves of earlier runs that could go back now: the old port is free again,
/// and the file still has the port that we wrote. In a checkout that is not the
/// only one the old ports are the main one's.
pub fn restorable(project: &CheckedProject) -> Vec<Move> {
    if project.is_secondary_checkout {
        return Vec::new();
    }
    let Ok(state) = project.ctx.state_dir() else { return Vec::new() };
    let mut variables: BTreeMap<&str, (u16, &Origin)> = BTreeMap::new();
    for row in project.rows.iter().filter(|row| !row.from_shell()) {
        if let (Some(variable), Some(published), Some(origin)) =
            (row.variable(), row.wanted.mapping.published, &row.wanted.origin)
        {
            variables.insert(variable, (published.first, origin));
        }
    }
    let mut back = Vec::new();
    for (variable, (now, origin)) in variables {
        let Ok(file) = file_for(project, variable) else { continue };
        let moved = moves::of(&state, &file).into_iter().find(|(name, _, to)| name == variable && *to == now);
        if let Some((_, first, _)) = moved {
            let source = PortSource::Variable(variable.to_owned());
            let kept = values::of(&state, &file).remove(variable);
            back.push(Move { around: origin.around.clone(), back: kept, ..Move::number(source, now, first, file) });
        }
    }
    match overrides::moved_ports(project) {
        Ok(literals) => back.extend(
            literals
                .into_iter()
                .map(|moved| Move::number(PortSource::Literal(moved.slot), moved.now, moved.own, moved.file)),
        ),
        Err(error) => ui::detail(&format!("which literals are moved cannot be told: {error}")),
    }
    back.retain(|step| can_restore(project, step));
    back
}

/// Whether all that the move is of could be published on its port.
fn can_restore(project: &CheckedProject, step: &Move) -> bool {
    // One of an inactive profile is not looked at, and stays.
    project.rows.iter().any(|row| step.applies_to(project, row))
        && project.rows.iter().all(|row| {
            if step.applies_to(project, row) {
                is_free(project, &row.wanted.mapping, step.to)
            } else {
                let mapping = &row.wanted.mapping;
                let meets = |own: &&Row| step.applies_to(project, own) && exclude(&own.wanted.mapping, mapping);
                let has_it = mapping.published.is_some_and(|range| range.contains(step.to));
                !has_it || !project.rows.iter().any(|own| meets(&own))
            }
        })
}
