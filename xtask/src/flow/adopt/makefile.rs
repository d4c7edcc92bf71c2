//! `make start` and its kin.

use std::fmt::Write as _;

use super::{Edit, Left, Plan, Step, Target, View};
use crate::error::Result;

/// Around what is ours.
const START: &str = "# >>> cargo xtask: the development stack";
const END: &str = "# <<< cargo xtask";

/// Goal, what it does, command line.
const GOALS: [(&str, &str, &str); 4] = [
    ("start", "check the ports, then up", "start"),
    ("stop", "stop the stack; data stays in its named volumes", "stop"),
    ("check", "are all ports free, and if not: who has them", "check-ports"),
    ("diagnose", "is this machine ready, and if not: what to do", "diagnose"),
];

/// Adds the goals that are not there; what is there is somebody's own.
pub(super) fn plan(target: &Target<'_>, plan: &mut Plan) -> Result<()> {
    // In make's order.
    let names = ["GNUmakefile", "makefile", "Makefile"].map(|name| target.dir.join(name));
    let path = names.iter().find(|path| path.is_file()).unwrap_or(&names[2]).clone();
    let before = target.read_text(&path)?;
    let text = before.clone().unwrap_or_default();
    if text.contains(START) {
        return Ok(());
    }
    let missing: Vec<_> = GOALS.iter().filter(|(goal, ..)| !has_goal(&text, goal)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let own: Vec<&str> = GOALS.iter().map(|(goal, ..)| *goal).filter(|goal| has_goal(&text, goal)).collect();
    let name = target.show(&path);
    if text.contains(".RECIPEPREFIX") {
        let why = "its recipes begin with a character of their own; add `cargo xtask start` and the others by hand";
        plan.left.push(Left { place: name, why: why.to_owned() });
        return Ok(());
    }
    if !own.is_empty() {
        plan.left.push(Left { place: name.clone(), why: format!("it has its own `{}`", own.join("`, `")) });
    }
    let goals: Vec<&str> = missing.iter().map(|(goal, ..)| *goal).collect();
    let mut block = format!("{START}\n.PHONY: xtask-built {}\n\n", goals.join(" "));
    block.push_str("# A first build takes a while and is shown; later ones are silent.\n");
    block.push_str("xtask-built:\n\t@test -x target/debug/xtask || cargo build --package xtask --bin xtask\n\n");
    for (goal, help, words) in &missing {
        // Writing to a String cannot fail.
        let _ = writeln!(block, "{goal}: xtask-built  ## {help}\n\t@cargo xtask {}{words}\n", plan.words);
    }
    block.push_str(END);
    block.push('\n');
    let after = match text.as_str() {
        // A bare `make` only looks.
        "" => format!(".DEFAULT_GOAL := check\n\n{block}"),
        _ => format!("{}{block}", gap(&text)),
    };
    let what = format!("{name}: `make {}`", goals.join("`, `make "));
    plan.steps.push(Step { what, edits: vec![Edit::text(path, before, after)], view: View::Diff });
    Ok(())
}

/// The text, ended, with an empty line behind it.
fn gap(text: &str) -> String {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}\n")
}

/// Whether a rule of the Makefile has this goal.
fn has_goal(text: &str, goal: &str) -> bool {
    text.lines().any(|line| {
        let rule = !line.starts_with(['\t', ' ', '#', '.']);
        let Some((goals, rest)) = line.split_once(':').filter(|_| rule) else { return false };
        // `A := b` and `A ::= b` are variables.
        !rest.trim_start_matches(':').starts_with('=') && goals.split_whitespace().any(|word| word == goal)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_found_in_rules_only() {
        let text = "start := 1\ncheck ::= 2\n.PHONY: stop\n# diagnose:\n\tstop: x\nbuild test: all\nstop check:: x\n";
        let has = |goal| has_goal(text, goal);
        assert!(has("build") && has("test") && has("stop") && has("check"));
        assert!(!has("start") && !has("diagnose") && !has("all"));
    }
}
