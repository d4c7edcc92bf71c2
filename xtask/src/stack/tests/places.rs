//! Where a generated override file goes. COMPOSE_FILE is written with the separator of Unix.

use super::{Project, web};
use crate::decide::{Changes, render};
use crate::model::Stack;
use crate::stack::{override_place, read};

/// The file relative to the project's folder and the two values of COMPOSE_FILE; or the error and its
/// hints.
fn place(project: &Project, cwd: &str) -> Result<String, String> {
    let folder = format!("{}{}", project.dir().display(), std::path::MAIN_SEPARATOR);
    let show = |text: String| text.replace(&folder, "");
    let found = override_place(&project.options, &project.dir().join(cwd), &|name| project.env.get(name).cloned());
    let found = found.map_err(|error| show(format!("{error}\n{}", error.hints().join("\n"))))?;
    let list = found.list.map(|list| {
        format!(
            " {} {} <- {}{}",
            list.env_file.display(),
            list.with,
            list.without,
            if list.added.is_some() { " added" } else { "" }
        )
    });
    let flags = [(found.present, " present"), (found.pinned, " pinned")];
    let flags: String = flags.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    Ok(show(format!("{}{flags}{}", found.file.display(), list.unwrap_or_default())))
}

#[test]
fn a_file_goes_where_compose_reads_it() {
    let compose = web("      - 1:1\n");
    let compose = compose.as_str();
    let ours = render(&Stack::default(), &Changes::default(), None);
    let at = |files: &[(&str, &str)]| place(&Project::new(files), "").unwrap();

    // The names that Compose reads automatically.
    assert_eq!(at(&[("compose.yaml", compose)]), "compose.override.yaml");
    assert_eq!(at(&[("compose.yml", compose)]), "compose.override.yml");
    assert_eq!(at(&[("docker-compose.yml", compose)]), "docker-compose.override.yml");
    assert_eq!(at(&[("docker-compose.yaml", compose)]), "docker-compose.override.yaml");
    let project = Project::new(&[("compose.yaml", compose), ("sub/x", "")]);
    assert_eq!(place(&project, "sub").unwrap(), "compose.override.yaml");

    // A generated file is reused, whatever its name.
    let files = [("compose.yaml", compose), ("docker-compose.override.yml", ours.as_str())];
    assert_eq!(at(&files), "docker-compose.override.yml present");

    // A user's file is kept.
    let files = [("compose.yaml", compose), ("compose.override.yml", compose)];
    let with = "compose.yaml:compose.override.yml:docker-compose.xtask.yml";
    let without = "compose.yaml:compose.override.yml";
    assert_eq!(at(&files), format!("docker-compose.xtask.yml .env {with} <- {without} added"));
    let project = Project::new(&[files[0], files[1], (".env", "COMPOSE_PATH_SEPARATOR=,\n")]);
    assert!(place(&project, "").unwrap().contains("compose.yaml,compose.override.yml,docker-compose.xtask.yml <- "));

    // COMPOSE_FILE in the env file: the list stays as written.
    let dotenv = "COMPOSE_FILE=./deploy/a.yaml:b.yaml\n";
    let files = [("deploy/a.yaml", compose), ("b.yaml", compose), (".env", dotenv)];
    let with = "./deploy/a.yaml:b.yaml:./deploy/docker-compose.xtask.yml";
    assert_eq!(at(&files), format!("deploy/docker-compose.xtask.yml .env {with} <- ./deploy/a.yaml:b.yaml"));
    let dotenv = format!("COMPOSE_FILE={with}\n");
    let files = [files[0], files[1], ("deploy/docker-compose.xtask.yml", ours.as_str()), (".env", dotenv.as_str())];
    assert_eq!(at(&files), format!("deploy/docker-compose.xtask.yml present .env {with} <- ./deploy/a.yaml:b.yaml"));
    let project = Project::new(&[("a.yaml", compose), ("my.env", "COMPOSE_FILE=a.yaml\n")]).env_file("my.env");
    let list = "my.env a.yaml:docker-compose.xtask.yml <- a.yaml";
    assert_eq!(place(&project, "").unwrap(), format!("docker-compose.xtask.yml {list}"));
}

#[test]
fn where_no_file_would_be_read_it_is_said() {
    let compose = web("      - 1:1\n");
    let files = [("compose.yaml", compose.as_str()), ("sub/x", "")];
    let ours = render(&Stack::default(), &Changes::default(), None);

    let mut project = Project::new(&files);
    project.options.files = vec!["compose.yaml".into()];
    let says = |project: &Project, cwd: &str, words: &[&str]| {
        let error = place(project, cwd).unwrap_err();
        assert!(words.iter().all(|words| error.contains(words)), "{error}");
    };
    says(&project, "", &["named by -f on the command line", "in .env instead", "COMPOSE_FILE=compose.yaml\n"]);
    std::fs::write(project.dir().join("mine.yml"), &ours).unwrap();
    project.options.files.push("mine.yml".into());
    assert_eq!(place(&project, "").unwrap(), "mine.yml present pinned");

    let project = Project::new(&files).env("COMPOSE_FILE", "compose.yaml");
    says(&project, "", &["named by COMPOSE_FILE in the shell", "`unset COMPOSE_FILE`"]);

    let project = Project::new(&[files[0], files[1], ("compose.override.yaml", &compose)]);
    says(&project, "sub", &["does not read COMPOSE_FILE of ", "\nrun this again in the project's folder: `cd "]);

    std::fs::write(project.dir().join("docker-compose.xtask.yml"), &compose).unwrap();
    says(&project, "", &["docker-compose.xtask.yml exists and was not generated by this tool"]);

    let project = Project::new(&[files[0], files[1], ("compose.override.yaml", &compose)]);
    let project = project.env("COMPOSE_DISABLE_ENV_FILE", "1");
    assert!(place(&project, "").unwrap_err().starts_with("there is no file to write COMPOSE_FILE to"));
    assert!(read(&project.options, project.dir(), &|_| None).is_ok());
}
