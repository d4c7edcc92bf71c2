//! What `--help` says, word for word.

use crate::support::{Project, snapshot};

/// Every command, as `--help` lists them.
fn commands() -> Vec<String> {
    let help = Project::empty().run("--help").exits(0).stdout;
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    list.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).filter(|name| name != "help").collect()
}

#[test]
fn the_help_lists_every_command() {
    snapshot!("help", Project::empty().run("--help").exits(0));
}

#[test]
fn each_command_has_examples_and_is_called_as_people_type_it() {
    let names = commands();
    assert!(names.contains(&"check-ports".to_owned()), "{names:?}");
    for name in names {
        let run = Project::empty().run(&format!("{name} --help")).exits(0);
        assert!(run.stdout.contains(&format!("Usage: cargo xtask {name}")), "{run}");
        assert!(run.stdout.contains(&format!("Examples:\n  cargo xtask {name}")), "{run}");
        assert!(run.stdout.lines().all(|line| line.chars().count() <= 100), "{run}");
        snapshot!(format!("help-{name}"), run);
    }
}

#[test]
fn the_commands_of_env_have_examples() {
    for name in ["init", "check", "explain", "set", "diff"] {
        let run = Project::empty().run(&format!("env {name} --help")).exits(0);
        assert!(run.stdout.contains(&format!("Examples:\n  cargo xtask env {name}")), "{run}");
        assert!(run.stdout.contains("Exit code: 0 "), "{run}");
        assert!(run.stdout.lines().all(|line| line.chars().count() <= 100), "{run}");
        snapshot!(format!("help-env-{name}"), run);
    }
}

#[test]
fn version_is_printed() {
    let run = Project::empty().run("--version").exits(0);
    assert_eq!(run.stdout.trim(), concat!("cargo xtask ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_command_is_a_question_for_help() {
    let run = Project::empty().run("").exits(2);
    assert!(run.stderr.contains("Usage: cargo xtask"), "{run}");
}
