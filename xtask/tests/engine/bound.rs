//! Addresses that stand in variables, on the engine: whatever moves a port, it
//! is bound on the address that it had and on no other.

use std::path::Path;

use crate::support::{Holder, Output, Project, docker, git, repository, run};

/// What the engine has bound for the one container of a folder.
#[track_caller]
fn bound(dir: &Path) -> Vec<String> {
    let filter = format!("label=com.docker.compose.project.working_dir={}", dir.display());
    let id = docker(["ps", "-q", "--filter", &filter]).exits(0).stdout;
    assert_eq!(id.lines().count(), 1, "{id}");
    docker(["port", id.trim()]).exits(0).stdout.lines().map(str::to_owned).collect()
}

fn compose(port: u16) -> String {
    format!(
        "services:\n  web:\n    image: engine-web\n    network_mode: bridge\n    ports: [\"${{DB_PORT:-127.0.0.1:{port}}}:8080\"]\n"
    )
}

/// Written by a person: what stands around the number is not the default's.
fn env(port: u16) -> String {
    format!("# mine\nDB_PORT='127.0.0.1:{port}' # why\r\nX=1")
}

fn text(project: &Project) -> String {
    project.read(".env")
}

#[test]
fn reassigned_and_restored_a_port_stays_on_its_address() {
    let project = Project::new();
    let port = project.port();
    project.write("docker-compose.yml", compose(port));
    project.write(".env", env(port));
    let holder = Holder::socket("tcp", "127.0.0.1", port);
    project.xtask(["start", "--on-conflict", "reassign"]).exits(0);
    let address = bound(&project.dir());
    let to: u16 = address[0].rsplit(':').next().unwrap().parse().unwrap();
    assert_ne!(to, port);
    assert_eq!(address, [format!("8080/tcp -> 127.0.0.1:{to}")]);
    assert_eq!(text(&project), env(to));
    // As long as somebody is on the old one, nothing goes back.
    project.xtask(["start", "--restore-ports"]).exits(0).says("no port can be restored");
    drop(holder);
    project.xtask(["start", "--restore-ports"]).exits(0).says(&format!("DB_PORT 127.0.0.1:{to} -> 127.0.0.1:{port}"));
    assert_eq!(text(&project), env(port));
    assert_eq!(bound(&project.dir()), [format!("8080/tcp -> 127.0.0.1:{port}")]);
}

#[test]
fn a_line_that_was_added_goes_again() {
    let project = Project::new();
    let port = project.port();
    project.write("docker-compose.yml", compose(port));
    let holder = Holder::socket("tcp", "127.0.0.1", port);
    project.xtask(["start", "--on-conflict", "reassign"]).exits(0);
    assert!(bound(&project.dir())[0].starts_with("8080/tcp -> 127.0.0.1:"));
    drop(holder);
    project.xtask(["start", "--restore-ports"]).exits(0);
    assert!(!project.dir().join(".env").exists());
    assert_eq!(bound(&project.dir()), [format!("8080/tcp -> 127.0.0.1:{port}")]);
}

#[test]
fn without_a_file_a_port_stays_on_its_address_too() {
    let project = Project::new();
    let port = project.port();
    project.write("docker-compose.yml", compose(port));
    project.write(".env", env(port));
    let _holder = Holder::socket("tcp", "127.0.0.1", port);
    project.xtask(["start", "--on-conflict", "reassign", "--no-write"]).exits(0);
    let address = bound(&project.dir());
    assert!(address.len() == 1 && address[0].starts_with("8080/tcp -> 127.0.0.1:"), "{address:?}");
    assert_eq!(text(&project), env(port));
}

/// A repository and a linked worktree beside it.
struct Checkouts {
    project: Project,
}

impl Checkouts {
    fn new(files: &[(&str, &str)], port: u16, project: Project) -> Checkouts {
        project.write("docker-compose.yml", compose(port));
        for (name, text) in files {
            project.write(name, text);
        }
        repository(project.dir());
        git(project.dir(), &["worktree", "add", "-q", "--detach", "../login"]);
        Checkouts { project }
    }

    fn worktree(&self) -> std::path::PathBuf {
        self.project.home().join("login")
    }

    #[track_caller]
    fn in_worktree(&self, words: &[&str]) -> Output {
        let mut xtask = self.project.command(words);
        xtask.current_dir(self.worktree());
        run(xtask)
    }
}

impl Drop for Checkouts {
    fn drop(&mut self) {
        let filter = format!("label=com.docker.compose.project.working_dir={}", self.worktree().display());
        let ids = docker(["ps", "-aq", "--filter", &filter]).stdout;
        if !ids.is_empty() {
            docker(["rm", "-f", "-v"].into_iter().chain(ids.lines()));
        }
    }
}

#[test]
fn a_worktree_gets_another_port_on_the_same_address() {
    let project = Project::new();
    let port = project.port();
    let checkouts = Checkouts::new(&[(".gitignore", ".env\n")], port, project);
    checkouts.project.xtask(["start"]).exits(0);
    checkouts.in_worktree(&["start"]).exits(0);
    let address = bound(&checkouts.worktree());
    let (_, to) = address[0].rsplit_once(':').unwrap();
    assert_ne!(to, port.to_string());
    assert_eq!(address, [format!("8080/tcp -> 127.0.0.1:{to}")]);
    let env = std::fs::read_to_string(checkouts.worktree().join(".env")).unwrap();
    assert!(env.contains(&format!("DB_PORT=127.0.0.1:{to}\n")), "{env}");
    assert_eq!(bound(&checkouts.project.dir()), [format!("8080/tcp -> 127.0.0.1:{port}")]);
}

/// `.env` is in git, with the project's name: the worktree gets name and ports of
/// its own all the same, and the file stays as it is.
#[test]
fn a_worktree_whose_env_file_git_tracks_starts_without_writing() {
    let project = Project::new();
    let port = project.port();
    let env = format!("COMPOSE_PROJECT_NAME={}\nDB_PORT=127.0.0.1:{port}\n", project.name);
    let checkouts = Checkouts::new(&[(".env", &env)], port, project);
    checkouts.project.xtask(["start"]).exits(0);
    for _ in 0..2 {
        let run = checkouts.in_worktree(&["start"]).exits(0).says("note: git tracks .env, so no file is written");
        assert_eq!(run.stderr.matches("git tracks").count(), 1, "{}", run.stderr);
    }
    let address = bound(&checkouts.worktree());
    assert!(address.len() == 1 && address[0].starts_with("8080/tcp -> 127.0.0.1:"), "{address:?}");
    assert!(!address[0].ends_with(&format!(":{port}")), "{address:?}");
    assert_eq!(std::fs::read_to_string(checkouts.worktree().join(".env")).unwrap(), env);
    // The worktree's own stack is stopped, and not the main checkout's.
    checkouts.in_worktree(&["stop"]).exits(0);
    assert_eq!(bound(&checkouts.project.dir()), [format!("8080/tcp -> 127.0.0.1:{port}")]);
    let filter = format!("label=com.docker.compose.project.working_dir={}", checkouts.worktree().display());
    assert_eq!(docker(["ps", "-q", "--filter", &filter]).stdout, "");
    // With --yes it is written.
    checkouts.in_worktree(&["start", "--yes"]).exits(0).says("COMPOSE_PROJECT_NAME=");
    assert_ne!(std::fs::read_to_string(checkouts.worktree().join(".env")).unwrap(), env);
}
