//! Files that git tracks are changed only after a question.

use std::os::unix::fs::symlink;

use crate::support::{Output, Project, git, snapshot};

const WEB: &str = "services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n";

/// A repository that tracks `.env`; `None` where there is no git.
fn project() -> Option<Project> {
    let project = Project::new(WEB);
    project.file(".env", "WEB_PORT=@0\n").file(".env.template", "WEB_PORT=@0\nNEW=1\n");
    if !project.is_repository() {
        return None;
    }
    git(project.dir(), &["add", ".env"]);
    Some(project)
}

/// Runs it; without `--yes` it must fail and change nothing.
fn asked(project: &Project, words: &str) -> Output {
    let before = project.everything();
    let refused = project.run(words).exits(2);
    let after = project.everything();
    assert_eq!(after, before, "{refused}");
    refused
}

#[test]
fn what_would_change_it_is_refused_and_yes_agrees() {
    let Some(mut project) = project() else { return };
    snapshot!("tracked-set", asked(&project, "env set WEB_PORT=@1"));
    // What changes nothing asks nothing.
    project.run("env set WEB_PORT=@0").exits(0);
    project.run("env set WEB_PORT=@1 --dry-run").exits(0);
    snapshot!("tracked-init", asked(&project, "env init --missing"));
    project.hold("0.0.0.0", &[0]);
    snapshot!("tracked-reassign", asked(&project, "check-ports --reassign"));
    let run = project.run("check-ports --reassign --yes").exits(0);
    assert!(run.stderr.contains("note: git tracks .env: the change shows in `git status`"), "{run}");
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@1\n"));
    project.run("env set WEB_PORT=@2 --yes").exits(0);
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@2\n"));
}

#[test]
fn a_link_to_a_tracked_file_is_one() {
    let Some(project) = project() else { return };
    project.file("config/x", "");
    std::fs::rename(project.path(".env"), project.path("shared.env")).unwrap();
    git(project.dir(), &["add", "--all"]);
    symlink("shared.env", project.path(".env")).unwrap();
    assert!(asked(&project, "env set WEB_PORT=@1").stderr.contains("git tracks .env"));
}

#[test]
fn without_a_repository_nothing_is_asked() {
    let project = Project::new(WEB);
    project.file(".env", "WEB_PORT=@0\n");
    project.run("env set WEB_PORT=@1").exits(0);
}
