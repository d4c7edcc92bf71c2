//! Out of a conflict: other ports, or stopping the holders; by option, or by
//! asking a person.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::flow::survey::{Row, Survey};
use crate::flow::{assign, free};
use crate::ui::{self, Choice, Format};

/// What a person chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Something was done about it.
    Resolved,
    /// Nothing was.
    Leave,
}

/// Writes other ports into the env file; with `--dry-run` only says which.
pub fn reassign(ctx: &Context, survey: &Survey) -> Result<()> {
    let moves = assign::plan(ctx, survey)?;
    if ctx.dry_run {
        assign::show(ctx, &moves);
        return Ok(());
    }
    // With no `.env` yet the template becomes it first: its other values must
    // not be lost to a file that holds nothing but ports.
    assign::env_from_template(ctx, survey)?;
    assign::apply(ctx, &moves)?;
    assign::show(ctx, &moves);
    Ok(())
}

/// Stops every holder, after asking; with `--dry-run` only says whom.
pub fn stop_holders(ctx: &Context, survey: &Survey) -> Result<()> {
    if ctx.engine.endpoint().is_remote() {
        return Err(Error::new("the ports are held on another machine, where this tool stops nobody")
            .hint("take other ports: `cargo xtask start --on-conflict reassign`")
            .finding());
    }
    let plan = free::plan(ctx, survey.conflicts());
    free::show(&plan, ctx.format == Format::Json);
    if ctx.dry_run {
        return Ok(());
    }
    free::consent(ctx, &plan)?;
    let rows: Vec<&Row> = survey.conflicts().collect();
    free::run(ctx, &plan, &rows)
}

/// Asks what to do about the conflicts.
pub fn ask(ctx: &Context, survey: &Survey) -> Result<Answer> {
    let mut choices = Vec::new();
    let mut offer = |key: char, label: String| choices.push(Choice { key, label });
    let stoppable = free::plan(ctx, survey.conflicts());
    if !stoppable.steps.is_empty() {
        offer('s', "stop the holders (shows whom, and asks again)".to_owned());
    }
    let moves = assign::plan(ctx, survey);
    if let Ok(moves) = &moves {
        let moved: Vec<String> = moves.iter().map(|step| format!("{} {} -> {}", step.variable, step.from, step.to)).collect();
        offer('o', format!("other ports in .env: {}", moved.join(", ")));
    }
    offer('t', "one proxy for all projects instead of ports (Traefik)".to_owned());
    offer('l', "leave it".to_owned());
    if let Err(error) = &moves {
        ui::note(&format!("note: other ports cannot be written: {error}"));
    }
    match ui::choose("what now?", &choices, 'l') {
        's' => stop_holders(ctx, survey).map(|()| Answer::Resolved),
        'o' => reassign(ctx, survey).map(|()| Answer::Resolved),
        't' => {
            ui::note("the shared Traefik comes with `cargo xtask proxy`, which this version does not have yet; ports in .env do the job until then");
            Ok(Answer::Leave)
        }
        _ => Ok(Answer::Leave),
    }
}
