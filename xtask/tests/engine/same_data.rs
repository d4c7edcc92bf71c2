//! Data follows the checkout: whatever happens to a folder's path, its `.env` or git's entry for
//! it, the folder keeps its project name, and with it volumes and ports. A copy never does.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Output, Project, Terminal, XTASK, command, docker, git, run};

/// Folders beside each other, with one state folder. Projects are named after the first.
pub(crate) struct Folders {
    pub(crate) project: Project,
}

impl Folders {
    /// The first folder is a repository, if `is_repository`.
    pub(crate) fn new(is_repository: bool) -> Folders {
        let project = Project::new();
        let folders = Folders { project };
        folders.write_files(&folders.project.dir());
        if is_repository {
            let dir = folders.project.dir();
            for words in [&["init", "-q"][..], &["add", "--all"], &["commit", "-qm", "files"]] {
                git(&dir, words);
            }
        }
        folders
    }

    /// A service with data. No network of its own: an engine has addresses for thirty.
    pub(crate) fn write_files(&self, dir: &Path) {
        let port = self.project.port();
        let compose = format!(
            "services:\n  web:\n    image: engine-web\n    network_mode: bridge\n    ports: [\"${{WEB_PORT:-{port}}}:8080\"]\n    volumes: [data:/data]\nvolumes:\n  data:\n"
        );
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join("docker-compose.yml"), compose).unwrap();
        fs::write(dir.join(".gitignore"), ".env\n").unwrap();
    }

    pub(crate) fn name(&self) -> &str {
        &self.project.name
    }

    pub(crate) fn path(&self, folder: &str) -> PathBuf {
        self.project.home().join(folder)
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    #[track_caller]
    pub(crate) fn run(&self, folder: &str, words: &[&str]) -> Output {
        let mut xtask = self.project.command(words);
        xtask.current_dir(self.path(folder));
        run(xtask)
    }

    /// Starts it, and expects this project at that port with those bytes in its volume.
    #[track_caller]
    pub(crate) fn comes_back(&self, folder: &str, (name, port, mark): (&str, u16, &str)) {
        let started = self.run(folder, &["start"]).exits(0);
        assert_eq!((published(name), marked(name).as_deref()), (port, Some(mark)), "{}", started.text());
        let model = compose_name(&self.path(folder));
        assert_eq!(model, name, "a bare `docker compose` there is the same project");
    }

    /// Starts a project for the first time, and puts bytes into its volume: name, port, bytes.
    #[track_caller]
    pub(crate) fn starts_new<'a>(&self, folder: &str, name: &'a str, mark: &'a str) -> (&'a str, u16, &'a str) {
        let started = self.run(folder, &["start"]).exits(0);
        assert_eq!(marked(name), None, "{}", started.text());
        self.mark(name, mark);
        (name, published(name), mark)
    }

    /// Puts bytes into the volume of a project that runs.
    pub(crate) fn mark(&self, name: &str, mark: &str) {
        let file = self.path("mark");
        fs::write(&file, mark).unwrap();
        docker(["cp", "-q", file.to_str().unwrap(), &format!("{name}-web-1:/data/mark")]).exits(0);
    }

    /// The name under which the folder was started last, by `checkouts.json`.
    pub(crate) fn name_of(&self, folder: &str) -> String {
        let text = fs::read_to_string(self.path("state/checkouts.json")).unwrap();
        let records: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut all = records["checkouts"].as_array().unwrap().iter().rev();
        let record = all.find(|one| Path::new(one["dir"].as_str().unwrap()) == self.path(folder)).unwrap();
        record["project"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn published(name: &str) -> u16 {
    let ports = docker(["port", &format!("{name}-web-1"), "8080/tcp"]).exits(0).stdout;
    ports.lines().next().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
}

/// The bytes in the project's volume, out of a tar archive.
pub(crate) fn marked(name: &str) -> Option<String> {
    let archive = docker(["cp", &format!("{name}-web-1:/data/mark"), "-"]);
    let text = archive.stdout.split('\0').find(|part| part.starts_with("data of "))?;
    Some(text.to_owned())
}

fn compose_name(dir: &Path) -> String {
    let mut config = command("docker");
    config.args(["compose", "config", "--format", "json"]).current_dir(dir);
    run(config).exits(0).json()["name"].as_str().unwrap().to_owned()
}

/// Renamed while it runs, and once more while it is stopped. The next folder of the old name is
/// another checkout, also before the first one was started at its new path.
#[test]
fn a_renamed_folder_keeps_its_data_and_the_next_of_that_name_does_not_get_it() {
    let folders = Folders::new(true);
    let name = folders.name().to_owned();
    let data = folders.starts_new(&name, &name, "data of the first");
    folders.rename(&name, "renamed");
    folders.run("renamed", &["check-ports"]).exits(0).says("ours, running");
    folders.run("renamed", &["stop", "--dry-run", "--volumes"]).exits(0);
    folders.comes_back("renamed", data);
    folders.run("renamed", &["stop"]).exits(0);
    // It is found without its `.env`, too.
    fs::remove_file(folders.path("renamed/.env")).unwrap();
    folders.rename("renamed", "again");
    folders.run("again", &["logs", "--dry-run"]).never_says("no such");
    folders.comes_back("again", data);

    // Back to the name of its project, then away; nothing of it is started there.
    folders.rename("again", &name);
    folders.comes_back(&name, data);
    folders.run(&name, &["stop"]).exits(0);
    folders.rename(&name, "kept");
    fs::remove_file(folders.path("kept/.env")).unwrap();
    git(folders.project.home(), &["clone", "-q", "kept", &name]);
    let started = folders.run(&name, &["start"]).exits(0);
    let own = compose_name(&folders.path(&name));
    folders.project.also(own.strip_prefix(&format!("{name}-")).unwrap_or_else(|| panic!("{own}: {}", started.text())));
    assert_eq!(marked(&own), None, "{}", started.text());
    folders.comes_back("kept", data);
}

#[test]
fn a_worktree_keeps_its_own_through_everything_that_git_does() {
    let folders = Folders::new(true);
    let main = folders.name().to_owned();
    let name = folders.project.also("login");
    git(folders.project.dir(), &["worktree", "add", "-q", "--detach", "../login"]);
    let data = folders.starts_new("login", &name, "data of login");
    let lose_env = |folder: &str| fs::remove_file(folders.path(folder).join(".env")).unwrap();
    // While it runs, the port that it has is its own.
    lose_env("login");
    folders.comes_back("login", data);
    // A relative path to the repository, as `git worktree add --relative-paths` writes it.
    fs::write(folders.path("login/.git"), format!("gitdir: ../{main}/.git/worktrees/login\n")).unwrap();
    lose_env("login");
    folders.comes_back("login", data);
    // By git, and by hand with `git worktree repair`.
    git(folders.project.dir(), &["worktree", "move", "../login", "../moved"]);
    folders.comes_back("moved", data);
    folders.run("moved", &["stop"]).exits(0);
    folders.rename("moved", "by-hand");
    lose_env("by-hand");
    folders.comes_back("by-hand", data);
    // Its entry in the repository is gone: it must not pass for the main checkout.
    fs::remove_dir_all(folders.project.dir().join(".git/worktrees")).unwrap();
    lose_env("by-hand");
    folders.comes_back("by-hand", data);
    // Removed and added again, another folder at the same path. Its data was never removed.
    fs::remove_dir_all(folders.path("by-hand")).unwrap();
    git(folders.project.dir(), &["worktree", "add", "-q", "--detach", "../by-hand"]);
    folders.comes_back("by-hand", data);
    // A worktree that gets the same name elsewhere may not be the same.
    folders.run("by-hand", &["stop"]).exits(0);
    fs::remove_dir_all(folders.path("by-hand")).unwrap();
    fs::create_dir(folders.path("elsewhere")).unwrap();
    git(folders.project.dir(), &["worktree", "prune"]);
    git(folders.project.dir(), &["worktree", "add", "-q", "--detach", "../elsewhere/login"]);
    let asked = folders.run("elsewhere/login", &["start"]).exits(1);
    asked.says(&format!("{name}_data")).says(&format!("`cargo xtask start -p {name}`"));
}

#[test]
fn a_hidden_bare_repository_and_a_submodule_name_checkouts_by_their_folders() {
    let folders = Folders::new(true);
    let main = folders.name().to_owned();
    let (name, old) = (folders.project.also("login"), "bare-old");
    let bare = folders.path("bare");
    fs::create_dir(&bare).unwrap();
    let layout = bare.join(&main);
    fs::create_dir(&layout).unwrap();
    git(folders.project.home(), &["clone", "-q", "--bare", &main, &format!("bare/{main}/.bare")]);
    fs::write(layout.join(".git"), "gitdir: ./.bare\n").unwrap();
    git(&layout, &["worktree", "add", "-q", "--detach", "login"]);
    let data = folders.starts_new(&format!("bare/{main}/login"), &name, "data of login");
    // The folder around it is renamed, and the worktree keeps its name.
    folders.rename("bare", "tree");
    git(folders.path("tree").join(&main), &["worktree", "repair", "login"]);
    fs::remove_file(folders.path("tree").join(&main).join("login/.env")).unwrap();
    folders.comes_back(&format!("tree/{main}/login"), data);
    // A name that an older version chose stays.
    git(folders.path("tree").join(&main), &["worktree", "add", "-q", "--detach", "old"]);
    let old = format!("{main}-{old}");
    folders.project.also("bare-old");
    fs::write(folders.path("tree").join(&main).join("old/.env"), format!("COMPOSE_PROJECT_NAME={old}\n")).unwrap();
    folders.starts_new(&format!("tree/{main}/old"), &old, "data of old");

    // A submodule is a main checkout, whatever its `.git` file is.
    let super_project = folders.path("super");
    fs::create_dir(&super_project).unwrap();
    git(&super_project, &["init", "-q"]);
    let part = folders.project.also("part");
    let source = folders.project.dir().display().to_string();
    git(&super_project, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &source, &part]);
    folders.starts_new(&format!("super/{part}"), &part, "data of part");
    assert!(!super_project.join(&part).join(".env").exists(), "it has the name of its folder");
}

#[test]
fn a_copy_gets_its_own_and_so_does_another_project_at_the_same_path() {
    let folders = Folders::new(false);
    let main = folders.name().to_owned();
    let name = folders.project.also("mine");
    folders.project.write(".env", format!("COMPOSE_PROJECT_NAME={name}\n"));
    let data = folders.starts_new(&main, &name, "data of the first");
    folders.run(&main, &["stop"]).exits(0);
    // With its `.env`, in which the name is.
    copy(&folders.path(&main), &folders.path("copy"));
    folders.run("copy", &["stop", "--volumes", "--yes"]).exits(2).says("is the project of");
    let started = folders.run("copy", &["start"]).exits(0);
    let own = compose_name(&folders.path("copy"));
    folders.project.also(own.strip_prefix(&format!("{main}-")).unwrap_or_else(|| panic!("{own}: {}", started.text())));
    assert_eq!(marked(&own), None, "{}", started.text());
    folders.comes_back(&main, data);
    // A name that somebody changed: the data is offered.
    folders.run(&main, &["stop"]).exits(0);
    let renamed = folders.project.also("renamed");
    folders.project.write(".env", format!("COMPOSE_PROJECT_NAME={renamed}\n"));
    let asked = folders.run(&main, &["start"]).exits(1);
    let asked = asked.says(&format!("{name}_data")).says(&format!("`cargo xtask start -p {renamed}`"));
    asked.says(&format!("`cargo xtask env set COMPOSE_PROJECT_NAME={name}`"));
    let in_place = |script| {
        let mut command = folders.project.in_place(script);
        command.current_dir(folders.path(&main));
        command
    };
    let mut terminal = Terminal::start(in_place, "stty cols 200 rows 40;", XTASK, "start").unwrap();
    terminal.sees("its data is in").sees("(default)").sees("[k/n]").types("\n");
    assert_eq!(terminal.ends().code, 0);
    folders.comes_back(&main, data);
    // `-p` decides, and stays decided.
    folders.run(&main, &["stop"]).exits(0);
    folders.project.write(".env", format!("COMPOSE_PROJECT_NAME={renamed}\n"));
    folders.run(&main, &["start", "-p", &renamed]).exits(0);
    folders.run(&main, &["stop"]).exits(0);
    folders.run(&main, &["start"]).exits(0);
    assert_eq!(marked(&renamed), None);
    folders.run(&main, &["stop", "--volumes", "--yes"]).exits(0);

    // Another project in a new folder at that path, with the name of the first.
    fs::remove_dir_all(folders.path(&main)).unwrap();
    folders.write_files(&folders.path(&main));
    let compose = folders.project.read("docker-compose.yml").replace("web:", "other:");
    folders.project.write("docker-compose.yml", compose);
    folders.project.write(".env", format!("COMPOSE_PROJECT_NAME={name}\n"));
    folders.run(&main, &["start"]).exits(1).says("another project that was in this folder before");
    folders.run(&main, &["stop", "--volumes", "--yes"]).exits(2).says("nothing was removed");
    let volumes = docker(["volume", "ls", "-q", "--filter", &format!("name={name}_data")]).stdout;
    assert_eq!(volumes.trim(), format!("{name}_data"));
    folders.run(&main, &["start", "-p", &name]).exits(0);
    folders.run(&main, &["start"]).exits(0);
}

/// `cp -a`.
fn copy(from: &Path, to: &Path) {
    let mut cp = command("cp");
    cp.arg("-a").args([from, to]);
    run(cp).exits(0);
}
