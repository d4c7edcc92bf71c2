//! Folders as Windows has them: backslashes, the `\\?\` form, spaces, letters
//! of other alphabets.

use std::path::Path;

use serde_json::json;

use crate::support::engine::{Engine, container};
use crate::support::{Output, Project, Rule, XTASK};

const COMPOSE: &str = "name: demo\nservices:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n";
const ODD: &str = "Größe & 日本 (1)";

/// The program with these words as they are.
fn run(project: &Project, folder: &Path, words: &[&str]) -> Output {
    let mut command = project.command(XTASK);
    command.args(words.iter().map(|word| project.fill(word))).current_dir(folder);
    project.finish(&words.join(" "), command)
}

fn verbatim(path: &Path) -> String {
    format!(r"\\?\{}", path.display())
}

#[test]
fn a_folder_with_spaces_and_other_letters() {
    let mut project = Project::empty();
    project.file(&format!("{ODD}/compose.yaml"), COMPOSE);
    let folder = project.path(ODD);
    let file = folder.join("compose.yaml").display().to_string();
    for words in [vec!["check-ports"], vec!["check-ports", "-f", &file]] {
        assert!(run(&project, &folder, &words).exits(0).stdout.contains("demo: 1 port"), "{words:?}");
    }
    project.hold("0.0.0.0", &[0]);
    run(&project, &project.dir(), &["check-ports", "-f", &file, "--reassign"]).exits(0);
    assert_eq!(project.read(&format!("{ODD}/.env")), project.fill("WEB_PORT=@1\n"));
    // What was kept is told by the folder, in text and in JSON.
    let kept = run(&project, &project.dir(), &["ls", "--format", "json"]).exits(0);
    assert!(kept.raw.contains(ODD), "{kept}");
}

#[test]
fn a_folder_in_windows_own_form() {
    let project = Project::new(COMPOSE);
    let file = verbatim(&project.path("compose.yaml"));
    let folder = verbatim(&project.dir());
    for words in [
        vec!["check-ports", "-f", &file],
        vec!["check-ports", "--project-directory", &folder],
        vec!["check-ports", "-f", &file, "--project-directory", &folder],
    ] {
        let run = run(&project, project.root(), &words).exits(0);
        assert!(run.stdout.contains("demo: 1 port"), "{run}");
    }
    run(&project, project.root(), &["env", "set", "WEB_PORT=@3", "-f", &file]).exits(0);
    assert!(project.path(".env").is_file());
}

/// The label says what Compose was told; whatever form that has, it is the same
/// folder.
#[test]
fn a_container_of_this_folder_is_ours_in_every_form_of_its_path() {
    let mut project = Project::new(COMPOSE);
    let engine = Engine::start(&mut project);
    project.fake_docker(&[Rule::config("@0")]);
    project.hold_as("com.docker.backend", "", &[format!("0.0.0.0:{}", project.port(0))]);
    let plain = project.dir().display().to_string();
    for label in [plain.clone(), verbatim(&project.dir()), plain.to_uppercase(), plain.replace('\\', "/")] {
        engine.state().containers.clear();
        let published = [("0.0.0.0", project.port(0), 80)];
        engine.has(container(("demo", "web", &label), ("running", "Up 2 hours"), &published));
        let run = project.run("check-ports --format json").exits(0);
        assert_eq!(run.json()["ports"][0]["verdict"], json!("ours"), "{label}: {run}");
    }
}

/// `cd \\?\C:\…` is refused by cmd.exe: no command for people has it.
#[test]
fn nobody_is_told_a_path_in_windows_own_form() {
    let mut project = Project::new(COMPOSE);
    project.file("other/compose.yaml", COMPOSE);
    let engine = Engine::start(&mut project);
    project.fake_docker(&[Rule::config("@0")]);
    let other = project.path("other");
    engine.has(container(
        ("demo", "web", other.to_str().unwrap()),
        ("running", "Up"),
        &[("0.0.0.0", project.port(5), 80)],
    ));
    let run = project.run("start").exits(2);
    assert!(run.stderr.contains("other && cargo xtask stop") && !run.stderr.contains(r"\\?\"), "{run}");
    let all = project.run("ls --format json").exits(0);
    assert!(all.raw.contains("other") && !all.raw.contains(r"\\\\?\\"), "{all}");
}
