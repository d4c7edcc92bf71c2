//! Other files that name a port which has moved.

use super::finding::{Finding, FindingSource};
use crate::context::Context;
use crate::operation::change::port_places::{of_project, sentence};
use crate::stack::{self, PortPlace};

/// Findings and notes. A file that git does not track belongs to this checkout, so a wrong number in
/// it is a fault here. A tracked one has the number that is right elsewhere: that is a note.
pub(super) fn check(ctx: &Context) -> (Vec<Finding>, Vec<Finding>) {
    // The findings say why a project cannot be read.
    let Ok(model) = stack::read(&ctx.options, &ctx.dir, &|name| ctx.var(name)) else { return Default::default() };
    let places = of_project(ctx, &model).places;
    let (private, tracked): (Vec<PortPlace>, Vec<PortPlace>) = places.into_iter().partition(|place| place.is_private);
    let of_private = |place: &PortPlace| {
        let remedy = format!("write {} there, or put the variable in its place", place.moved.to);
        finding(ctx, place, remedy)
    };
    let of_tracked = |place: &PortPlace| {
        let remedy = match &place.moved.variable {
            Some(name) => format!("let the file read {name} instead of a number: every checkout has its own port"),
            None => "give the port a variable that both files read: every checkout has its own port".to_owned(),
        };
        finding(ctx, place, remedy)
    };
    (private.iter().map(of_private).collect(), tracked.iter().map(of_tracked).collect())
}

fn finding(ctx: &Context, place: &PortPlace, remedy: String) -> Finding {
    let source = FindingSource { ctx, path: &place.file };
    let variable = place.moved.variable.as_deref().unwrap_or_default();
    source.finding("old_port", variable, place.line, &sentence(place), remedy)
}
