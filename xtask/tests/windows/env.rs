//! `.env` as Windows' editors leave it: CRLF, a byte order mark, no last line
//! break. What is edited is the value, and every other byte stays.

use std::fs;

use crate::support::Project;

const COMPOSE: &str = "services:\r\n  web:\r\n    image: web\r\n    ports: [\"${WEB_PORT:-@0}:80\"]\r\n    environment: {URL: \"${URL}\"}\r\n";
const ENV: &str =
    "\u{feff}# Größe, größer\r\n\r\nWEB_PORT=@0\t# mine \r\nURL=http://localhost:@0\r\nTOKEN='a b'\r\nLAST=1";

fn project() -> Project {
    let project = Project::new(COMPOSE);
    project.file(".env.template", "WEB_PORT=@0\r\nURL=http://localhost:${WEB_PORT}\r\nTOKEN=\r\nLAST=\r\n");
    project.file(".env", &ENV.replace("\t# mine", " # mine"));
    project
}

/// The file with the port moved, and the URL that follows it.
fn moved(project: &Project, at: u16) -> String {
    project.fill(&ENV.replace("\t# mine", " # mine").replace("@0", &format!("@{at}")))
}

#[test]
fn set_keeps_every_other_byte() {
    let project = project();
    project.run("env set WEB_PORT=@5").exits(0);
    assert_eq!(project.read(".env"), moved(&project, 5));
    // A new line is like those before it.
    project.run("env set --new NEW=1").exits(0);
    assert_eq!(project.read(".env"), moved(&project, 5) + "\r\nNEW=1\r\n");
    assert_eq!(fs::read_dir(project.dir()).unwrap().count(), 3, "something was left beside it");
}

#[test]
fn reassign_keeps_every_other_byte() {
    let mut project = project();
    project.hold("0.0.0.0", &[0]);
    let run = project.run("check-ports --reassign").exits(0);
    assert!(run.stdout.contains("WEB_PORT 18000 -> 18001"), "{run}");
    assert_eq!(project.read(".env"), moved(&project, 1));
    project.run("check-ports").exits(0);
}

#[test]
fn a_file_that_is_read_only_is_refused_and_left() {
    let project = project();
    let path = project.path(".env");
    let set = |readonly| {
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(readonly);
        fs::set_permissions(&path, permissions).unwrap();
    };
    set(true);
    let run = project.run("env set WEB_PORT=@5").exits(2);
    set(false);
    assert!(run.stderr.contains("read-only"), "{run}");
    assert_eq!(project.read(".env"), moved(&project, 0));
}
