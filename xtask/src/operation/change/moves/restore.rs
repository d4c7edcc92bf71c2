//! Finds moves of earlier runs that can be undone.

use std::collections::BTreeMap;

use super::plan::{Move, PortSource, file_for};
use crate::decide::cannot_share_port;
use crate::ledger::{moves, values};
use crate::model::Origin;
use crate::operation::change::overrides;
use crate::operation::check::project::{CheckedProject, Row, is_free};
use crate::ui;

/// Moves of earlier runs that can be undone: the old port is free, and the file still has
/// the port that we wrote. Empty in a secondary checkout, where the old ports belong to the
/// main checkout.
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
        let moved = moves::read(&state, &file).into_iter().find(|(name, _, to)| name == variable && *to == now);
        if let Some((_, first, _)) = moved {
            let source = PortSource::Variable(variable.to_owned());
            let kept = values::read(&state, &file).remove(variable);
            back.push(Move { affixes: origin.affixes.clone(), back: kept, ..Move::number(source, now, first, file) });
        }
    }
    match overrides::moved_ports(project) {
        Ok(literals) => back.extend(
            literals
                .into_iter()
                .map(|moved| Move::number(PortSource::Literal(moved.slot), moved.now, moved.own, moved.file)),
        ),
        Err(error) => ui::detail(&format!("cannot tell which literals were moved: {error}")),
    }
    back.retain(|step| can_restore(project, step));
    back
}

/// The parts of a restore, in order. A move writes variables before the override file, so
/// the way back begins with that file: it holds the moved ports as defaults of variables of
/// included projects, and its line in `.env` comes after those of the variables.
pub fn restore_order(moves: &[Move]) -> [Vec<Move>; 2] {
    let (variables, literals) = moves.iter().cloned().partition(|step| step.variable().is_some());
    [literals, variables]
}

/// Whether every port that the move concerns could be published on the old port.
fn can_restore(project: &CheckedProject, step: &Move) -> bool {
    // Ports of inactive profiles have no row, so they are not restored.
    project.rows.iter().any(|row| step.applies_to(project, row))
        && project.rows.iter().all(|row| {
            if step.applies_to(project, row) {
                is_free(project, &row.wanted.mapping, step.to)
            } else {
                let mapping = &row.wanted.mapping;
                let collides =
                    |own: &&Row| step.applies_to(project, own) && cannot_share_port(&own.wanted.mapping, mapping);
                let has_port = mapping.published.is_some_and(|range| range.contains(step.to));
                !has_port || !project.rows.iter().any(|own| collides(&own))
            }
        })
}
