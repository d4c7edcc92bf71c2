//! `adopt`: repositories with and without Rust, once, twice, and years later.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::{Project, Running, XTASK, git, repository, skip, snapshot};

/// A stack with literal ports, no Rust anywhere.
const STACK: &str = "\
services:
  web:
    image: nginx
    ports:
      - \"@0:80\"   # the site
      - @1:443
      - @4-@5:9000-9001
  db:
    image: postgres:17
    environment: {POSTGRES_USER: shop}
    ports: [\"127.0.0.1:@2:5432\"]
";

/// Writes a `Cargo.toml` that says what it must say, and is read as it is.
const MEMBER: &str = "[workspace]\nresolver = \"3\"\nmembers = [\"xtask\", \"xtask/launcher\"]\n";

/// The plan without what every project gets alike.
fn own_part(project: &Project, text: &str) -> String {
    let files = fs::read_dir(project.path("xtask/src")).map_or(0, Iterator::count);
    assert!(files == 0 || files > 10);
    let mut lines: Vec<&str> = text.lines().collect();
    if let Some(line) = lines.iter_mut().find(|line| line.starts_with("xtask/: the program, ")) {
        *line = "xtask/: the program, [n] files";
    }
    lines.join("\n")
}

#[test]
fn all_of_it_is_shown_and_nothing_done_without_consent() {
    let project = Project::new(STACK);
    let before = project.everything();
    let run = project.run("adopt --dry-run").exits(0);
    snapshot!("adopt-dry-run", own_part(&project, &run.to_string()));
    let refused = project.run("adopt -q").exits(1);
    assert!(refused.stderr.contains("There is no terminal to ask on, so nothing was written"), "{refused}");
    assert!(project.run("adopt --check").exits(1).stderr.contains("adds what is missing"));
    assert_eq!(project.everything(), before);
}

#[test]
fn adopting_twice_changes_nothing_the_second_time() {
    let project = Project::new(STACK);
    project.run("adopt --yes").exits(0);
    assert_eq!(
        project.read("compose.yaml"),
        project
            .fill(STACK)
            .replace(&format!("\"{}:", project.port(0)), &format!("\"${{WEB_PORT:-{}}}:", project.port(0)))
            .replace(&format!(" {}:443", project.port(1)), &format!(" ${{WEB_443_PORT:-{}}}:443", project.port(1)))
            .replace(&format!(".1:{}", project.port(2)), &format!(".1:${{DB_PORT:-{}}}", project.port(2)))
    );
    let template = project.read(".env.template");
    let line = format!("# db: postgres://shop@localhost:{0}/shop\nDB_PORT={0}\n", project.port(2));
    assert!(template.contains(&line), "{template}");
    assert!(project.read("Cargo.toml").contains(MEMBER));
    assert_eq!(project.read(".gitignore"), "target/\n.env\n");
    assert!(project.path("Cargo.lock").exists() && project.path("xtask/src/main.rs").exists());
    assert!(project.path("xtask/launcher/src/main.rs").exists() && !project.path("xtask/launcher/tests").exists());
    assert!(!project.path("xtask/tests/it").exists(), "tests of the whole are about their own repository");
    let after = project.everything();
    let again = project.run("adopt --yes").exits(0);
    assert!(again.stderr.contains("nothing to do: "), "{again}");
    project.run("adopt --check").exits(0);
    assert_eq!(project.everything(), after);
    // The variables move the ports at once.
    project.file(".env", "WEB_PORT=@7\n");
    let ports = project.run("check-ports").exits(0);
    assert!(ports.stdout.lines().any(|line| line.contains(" 18007 ") && line.contains("WEB_PORT (.env:1)")), "{ports}");
}

#[test]
fn adopting_keeps_existing_files_and_names_what_it_leaves() {
    let project = Project::new("services:\n  web: {image: nginx, ports: [\"@0:80\", \"@1:${INNER:-81}\"]}\n");
    project.file("Makefile", "all: check\n\ncheck:\n\t@echo mine\n");
    project.file(".gitignore", "/target\n*.log");
    project.file(".env.example", "# mine\nSECRET=x");
    project.file(".cargo/config.toml", "# mine\n[alias]\nb = \"build\"\n");
    project.file("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\n");
    project.file("src/main.rs", "fn main() {}\n");
    project.file("tool/Cargo.toml", "[package]\nname = \"tool\"\nversion = \"0.1.0\"\n");
    let run = project.run("adopt --yes").exits(0);
    assert!(run.stderr.contains("left: Makefile: it has its own `check`"), "{run}");
    let makefile = project.read("Makefile");
    assert!(makefile.starts_with("all: check\n\ncheck:\n\t@echo mine\n\n# >>> cargo xtask"), "{makefile}");
    assert!(makefile.contains("\nstart:  ## ") && !makefile.contains("\ncheck:  ## "), "{makefile}");
    assert_eq!(project.read(".gitignore"), "/target\n*.log\n.env\n");
    let ports = (project.port(0), project.port(1));
    assert_eq!(
        project.read(".env.example"),
        format!(
            "# mine\nSECRET=x\n\n# Ports on this machine.\n# web: http://localhost:{0}\nWEB_PORT={0}\n# web: http://localhost:{1}\nWEB_{1}_PORT={1}\n",
            ports.0, ports.1
        )
    );
    assert!(!project.path(".env.template").exists(), "it would hide .env.example");
    assert_eq!(
        project.read(".cargo/config.toml"),
        "# mine\n[alias]\nxtask = \"run --quiet --package xtask-launcher --bin xtask-launcher --\"\nb = \"build\"\n"
    );
    let manifest = project.read("Cargo.toml");
    assert!(
        manifest.contains(
            "\n\n[workspace]\nmembers = [\"xtask\", \"xtask/launcher\"]\n# Packages of their own, as before.\nexclude = [\"tool\"]\n"
        ) && manifest.ends_with("\n[profile.dev.package.xtask-sha256]\nopt-level = 3\n"),
        "{manifest}"
    );
    assert!(!project.path("Cargo.lock").exists(), "a package's versions are its own");
    project.run("adopt --check").exits(0);
}

#[test]
fn what_cannot_be_done_is_named_with_its_cure_before_anything_is() {
    for (name, file, text) in [
        ("adopt-another-alias", ".cargo/config.toml", "[alias]\nxtask = \"run -p tools --\"\n"),
        ("adopt-another-xtask", "xtask/Cargo.toml", "[package]\nname = \"xtask\"\n"),
        ("adopt-bad-toml", "Cargo.toml", "[workspace\n"),
        ("adopt-excluded", "Cargo.toml", "[workspace]\nexclude = [\"xtask\"]\n"),
    ] {
        let project = Project::new(STACK);
        project.file(file, text);
        let before = project.everything();
        snapshot!(name, project.run("adopt --yes").exits(2));
        assert_eq!(project.everything(), before, "{name}");
    }
    let project = Project::empty();
    snapshot!("adopt-no-folder", project.run("adopt ../nowhere").exits(2));
    let inner = Project::empty();
    inner.file("Cargo.toml", "[workspace]\n").file(".git/HEAD", "ref: refs/heads/main\n").file("sub/x", "");
    snapshot!("adopt-outer-workspace", inner.run("adopt sub --yes").exits(2));
}

/// REDIS_PORT is what a container asks another one at; the published port is something else,
/// though the number is the same today.
#[test]
fn a_variable_that_containers_read_is_not_taken_for_the_published_port() {
    for app in ["env_file: .env", "environment: [REDIS_PORT]", "environment: {REDIS_PORT: }"] {
        let compose = format!(
            "services:\n  redis:\n    image: redis\n    ports: [\"@0:6379\"]\n  app:\n    image: app\n    {app}\n"
        );
        let project = Project::new(&compose);
        project.file(".env", "REDIS_PORT=@0\n");
        let run = project.run("adopt --dry-run").exits(0);
        assert!(run.stdout.contains("+    ports: [\"${REDIS_6379_PORT:-18000}:6379\"]"), "{run}");
        // Where nothing else reads it, it is the port that the person has chosen already.
        project.file("compose.yaml", &compose.replace(app, "restart: always"));
        let run = project.run("adopt --dry-run").exits(0);
        assert!(run.stdout.contains("+    ports: [\"${REDIS_PORT:-18000}:6379\"]"), "{run}");
    }
}

#[test]
fn a_repository_without_a_compose_file_gets_the_rest() {
    let project = Project::empty();
    let run = project.run("adopt --yes").exits(0);
    assert!(run.stderr.contains("left: compose files: no compose file in "), "{run}");
    assert!(project.path("xtask/src/main.rs").exists() && !project.path(".env.template").exists());
}

#[test]
fn a_file_that_would_change_its_meaning_is_left() {
    // The colon is an escape: the entry does not stand there as it reads.
    let text = "services:\n  web: {image: nginx, ports: [\"@0\\x3a80\"]}\n";
    let project = Project::new(text);
    let run = project.run("adopt --yes").exits(0);
    assert!(run.stderr.contains("left: compose.yaml:2: service `web`: the entry has escapes"), "{run}");
    assert_eq!(project.read("compose.yaml"), project.fill(text));
}

#[test]
fn programs_read_the_plan() {
    let project = Project::new(STACK);
    let plan = project.run("adopt --format json --dry-run").exits(0).json();
    assert_eq!((plan["schema"].as_u64(), plan["applied"].as_bool()), (Some(1), Some(false)));
    let files: Vec<&str> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|step| step["files"].as_array().unwrap())
        .filter_map(|file| file["file"].as_str())
        .filter(|file| !file.starts_with("xtask/"))
        .collect();
    assert_eq!(
        files,
        ["Cargo.lock", "Cargo.toml", ".cargo/config.toml", ".gitignore", "compose.yaml", ".env.template", "Makefile"]
    );
    assert_eq!(plan["left"][0]["place"], "compose.yaml:7");
}

#[test]
fn an_update_brings_this_version_and_loses_nothing_that_git_does_not_have() {
    let project = Project::new(STACK);
    if !project.is_repository() {
        return;
    }
    project.run("adopt --yes").exits(0);
    let main = project.read("xtask/src/main.rs");
    project.file("xtask/src/main.rs", "// older\n").file("xtask/src/old.rs", "// gone since\n");
    let run = project.run("adopt --yes").exits(0);
    assert!(run.stderr.contains("left: xtask/: another version of this program"), "{run}");
    let refused = project.run("adopt --update").exits(2);
    assert!(refused.stderr.contains("xtask/ there has uncommitted changes: xtask/"), "{refused}");
    repository(project.dir());
    snapshot!("adopt-update", project.run("adopt --update --dry-run").exits(0));
    let asked = project.run("adopt --update").exits(1);
    assert!(asked.stderr.contains("add --yes"), "{asked}");
    project.run("adopt --update --yes").exits(0);
    assert_eq!(project.read("xtask/src/main.rs"), main);
    assert!(!project.path("xtask/src/old.rs").exists());
    project.run("adopt --update --yes").exits(0);
}

#[test]
fn an_env_file_in_git_is_not_ignored_behind_its_back() {
    let project = Project::new(STACK);
    if !project.is_repository() {
        return;
    }
    project.file(".env", "A=1\n");
    git(project.dir(), &["add", ".env"]);
    let run = project.run("adopt --yes").exits(0);
    assert!(run.stderr.contains("left: .env: git tracks it"), "{run}");
    assert_eq!(project.read(".gitignore"), "target/\n");
}

/// The whole way: adopted, built from what is there, and run as people do.
#[test]
fn after_it_cargo_xtask_check_ports_works_there_at_once() {
    let Ok(cargo) = which::which("cargo") else {
        skip("no cargo on PATH");
        return;
    };
    let project = Project::new(STACK);
    project.run("adopt --yes -q").exits(0);
    let target = project.root().join("target");
    lend_dependencies(Path::new(XTASK).parent().unwrap(), &target.join("debug"));
    let mut command = project.command(cargo);
    for name in ["PATH", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "HOME"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    // Dependencies have none anyway; the program itself builds faster so.
    command.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_INCREMENTAL", "0");
    command.env("CARGO_TARGET_DIR", &target).env("CARGO_NET_OFFLINE", "true");
    command.env("XTASK_CACHE_DIR", project.root().join("cache"));
    let run = |words: &str| {
        let mut again = project.command(command.get_program());
        let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        again.envs(set).arg("xtask").args(words.split(' '));
        // The first of them compiles the program.
        project.said(words, Running::start(again).finish(Duration::from_mins(30))).exits(0)
    };
    let ports = run("check-ports");
    let row = |text: &str| ports.stdout.contains(text);
    assert!(row("demo: 5 ports, no conflicts") && row("WEB_PORT (.env.template:"), "{ports}");
    // What was built there is what runs, and knows the source there as its own.
    let check = run("adopt --check");
    assert!(check.stderr.contains("nothing to do"), "{check}");
}

/// An adoption as versions without a launcher left it.
fn without_launcher(project: &Project) {
    fs::remove_dir_all(project.path("xtask/launcher")).unwrap();
    project.file("xtask/src/main.rs", "// older\n");
    let edit = |name: &str, from: &str, to: &str| {
        let text = project.read(name);
        assert!(text.contains(from), "{name}: {text}");
        fs::write(project.path(name), text.replace(from, to)).unwrap();
    };
    edit("Cargo.toml", ", \"xtask/launcher\"", "");
    edit(
        "Cargo.toml",
        "\n# `cargo xtask` hashes the whole program before it runs one of another checkout.\n[profile.dev.package.xtask-sha256]\nopt-level = 3\n",
        "",
    );
    edit(".cargo/config.toml", "xtask-launcher", "xtask");
    edit("Makefile", ".PHONY: ", ".PHONY: xtask-built ");
    edit(
        "Makefile",
        "start:  ##",
        "# A first build takes a while and is shown; later ones are silent.\nxtask-built:\n\t@test -x target/debug/xtask || cargo build --package xtask --bin xtask\n\nstart:  ##",
    );
    for goal in ["start", "stop", "check", "diagnose"] {
        edit("Makefile", &format!("{goal}:  ##"), &format!("{goal}: xtask-built  ##"));
    }
}

#[test]
fn an_update_brings_the_launcher_to_those_without_one() {
    let project = Project::new(STACK);
    project.run("adopt --yes").exits(0);
    let newest = project.everything();
    without_launcher(&project);
    let older = project.everything();
    let check = project.run("adopt --check").exits(1);
    assert!(check.stderr.contains("hint: `cargo xtask adopt --update "), "{check}");
    // Alias, members and Makefile fit the program that is there.
    project.run("adopt --yes").exits(0);
    assert_eq!(project.everything(), older);
    project.run("adopt --update --yes").exits(0);
    assert_eq!(project.everything(), newest);
    project.run("adopt --check").exits(0);
}

/// The launcher says where the source is: the program may come from a checkout that
/// is gone.
#[test]
fn the_source_that_the_launcher_names_is_brought() {
    let project = Project::new(STACK);
    project.run("adopt --yes").exits(0);
    let other = project.root().join("other");
    fs::create_dir(&other).unwrap();
    fs::rename(project.path("xtask"), other.join("xtask")).unwrap();
    fs::write(other.join("xtask/src/mark.rs"), "// of this checkout\n").unwrap();
    let run = |source: &Path| {
        let mut command = project.command(XTASK);
        command.env("XTASK_SOURCE", source).args(["adopt", "--yes"]);
        project.finish("adopt --yes", command)
    };
    run(&other.join("xtask")).exits(0);
    assert_eq!(project.read("xtask/src/mark.rs"), "// of this checkout\n");
    let gone = run(&other.join("gone")).exits(2);
    assert!(gone.stderr.contains("XTASK_SOURCE does not name the source of this program: "), "{gone}");
    assert!(gone.stderr.contains("hint: run it in a checkout with the source"), "{gone}");
}

/// What the tests' own build has made of the dependencies, by hard links: only
/// the program itself is left to build. Where that fits nothing, all is built.
fn lend_dependencies(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let text = name.to_string_lossy().into_owned();
        if ["incremental", "examples"].contains(&text.as_str()) || text.contains("xtask") || text.starts_with("it-") {
            continue;
        }
        if path.is_dir() {
            lend_dependencies(&path, &to.join(name));
        } else {
            drop(fs::hard_link(&path, to.join(&name)).or_else(|_| fs::copy(&path, to.join(&name)).map(drop)));
        }
    }
}

/// Compose finds nothing in the top folder there: all that is brought says which.
#[test]
fn a_compose_file_in_another_folder_is_named_wherever_it_has_to_be() {
    let project = Project::empty();
    project.file("dev/compose.yaml", "services:\n  web:\n    image: nginx\n    ports: [\"${WEB:-@0}:80\"]\n");
    let run = project.run("adopt . -f dev/compose.yaml --yes").exits(0);
    assert!(run.stderr.contains("&& cargo xtask -f dev/compose.yaml check-ports`"), "{run}");
    let makefile = project.read("Makefile");
    assert!(makefile.contains("\t@cargo xtask -f dev/compose.yaml start\n"), "{makefile}");
    project.run("-f dev/compose.yaml check-ports").exits(0);
}
