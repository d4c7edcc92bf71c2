//! The Makefile goals `start`, `stop`, `check` and `diagnose`.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::plan::{Edit, Plan, Skipped, Step, Target, View};
use super::program;
use crate::error::Result;

/// The markers around our block.
const START: &str = "# >>> cargo xtask: the development stack";
const END: &str = "# <<< cargo xtask";

/// Goal, what it does, command line.
const GOALS: [(&str, &str, &str); 4] = [
    ("start", "check the ports, then up", "start"),
    ("stop", "stop the stack; data stays in its named volumes", "stop"),
    ("check", "are all ports free, and if not: who has them", "check-ports"),
    ("diagnose", "is this machine ready, and if not: what to do", "diagnose"),
];

/// Adds the missing goals; existing ones stay.
pub(super) fn plan(target: &Target<'_>, plan: &mut Plan) -> Result<()> {
    // In the order in which make looks for them.
    let names = ["GNUmakefile", "makefile", "Makefile"].map(|name| target.dir.join(name));
    let path = names.iter().find(|path| path.is_file()).unwrap_or(&names[2]).clone();
    let before = target.read_text(&path)?;
    let text = before.clone().unwrap_or_default();
    if text.contains(START) {
        update_block(target, plan, path, before);
        return Ok(());
    }
    let missing: Vec<_> = GOALS.iter().filter(|(goal, ..)| !has_goal(&text, goal)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let own: Vec<&str> = GOALS.iter().map(|(goal, ..)| *goal).filter(|goal| has_goal(&text, goal)).collect();
    let name = target.show(&path);
    if text.contains(".RECIPEPREFIX") {
        let why = "it sets .RECIPEPREFIX; add `cargo xtask start` and the others by hand";
        plan.skipped.push(Skipped { place: name, why: why.to_owned() });
        return Ok(());
    }
    if !own.is_empty() {
        plan.skipped.push(Skipped { place: name.clone(), why: format!("it has its own `{}`", own.join("`, `")) });
    }
    let goals: Vec<&str> = missing.iter().map(|(goal, ..)| *goal).collect();
    let mut block = format!("{START}\n.PHONY: {}\n\n", goals.join(" "));
    for (goal, help, words) in &missing {
        // Writing to a String cannot fail.
        let _ = writeln!(block, "{goal}:  ## {help}\n\t@cargo xtask {}{words}\n", plan.compose_args);
    }
    block.push_str(END);
    block.push('\n');
    let after = match text.as_str() {
        // A bare `make` must not start anything.
        "" => format!(".DEFAULT_GOAL := check\n\n{block}"),
        _ => format!("{}{block}", gap(&text)),
    };
    let what = format!("{name}: `make {}`", goals.join("`, `make "));
    plan.steps.push(Step { what, edits: vec![Edit::text(path, before, after)], view: View::Diff });
    Ok(())
}

/// What older versions wrote and what replaces it. They built the program before running it,
/// which the launcher does now.
const OLD_LINES: [(&str, &str); 2] = [
    (
        "# A first build takes a while and is shown; later ones are silent.\n\
         xtask-built:\n\t@test -x target/debug/xtask || cargo build --package xtask --bin xtask\n\n",
        "",
    ),
    (".PHONY: xtask-built ", ".PHONY: "),
];

/// Removes obsolete lines from our block.
fn update_block(target: &Target<'_>, plan: &mut Plan, path: PathBuf, before: Option<String>) {
    let text = before.clone().unwrap_or_default();
    let after = without_build(&text);
    if after != text && program::has_launcher(target, plan) {
        let what = format!("{}: its goals leave the build to the launcher", target.show(&path));
        plan.steps.push(Step { what, edits: vec![Edit::text(path, before, after)], view: View::Diff });
    }
}

/// Only within our block, and only if its lines are unchanged. An edited block still works,
/// with a needless build.
fn without_build(text: &str) -> String {
    let Some(start) = text.find(START) else { return text.to_owned() };
    let end = text[start..].find(END).map_or(text.len(), |end| start + end);
    let mut block = text[start..end].to_owned();
    if OLD_LINES.iter().any(|(older, _)| !block.contains(older)) {
        return text.to_owned();
    }
    for (older, newer) in OLD_LINES {
        block = block.replacen(older, newer, 1);
    }
    for (goal, ..) in GOALS {
        block = block.replace(&format!("\n{goal}: xtask-built "), &format!("\n{goal}: "));
    }
    format!("{}{block}{}", &text[..start], &text[end..])
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
    fn an_older_block_loses_its_build_and_nothing_else() {
        let rule = OLD_LINES[0].0;
        let block = |phony: &str, rule: &str, start: &str| {
            format!(
                "all:\n\t@x\n\n{START}\n.PHONY: {phony}start\n\n{rule}start: {start} ## up\n\t@cargo xtask start\n\n{END}\nb: xtask-built \n"
            )
        };
        let older = block("xtask-built ", rule, "xtask-built ");
        let newer = block("", "", "");
        assert_eq!(without_build(&older), newer);
        assert_eq!(without_build(&newer), newer);
        let changed = older.replace("--bin xtask", "--bin xtask --release");
        assert_eq!(without_build(&changed), changed);
    }

    #[test]
    fn goals_are_found_in_rules_only() {
        let text = "start := 1\ncheck ::= 2\n.PHONY: stop\n# diagnose:\n\tstop: x\nbuild test: all\nstop check:: x\n";
        let has = |goal| has_goal(text, goal);
        assert!(has("build") && has("test") && has("stop") && has("check"));
        assert!(!has("start") && !has("diagnose") && !has("all"));
    }
}
