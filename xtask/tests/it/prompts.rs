//! Questions, on a real terminal: util-linux's `script` makes one.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::fake_docker::{comes_up, project};
use crate::support::{Ending, Project, Rule, Terminal, XTASK, bare, git, snapshot};

/// A project whose one port `@0` is held.
fn held() -> (Project, u32) {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports:\n      - \"${WEB_PORT:-@0}:80\"\n");
    let pid = project.hold("0.0.0.0", &[0]);
    (project, pid)
}

#[test]
fn choosing_other_ports_writes_them() {
    let (project, pid) = held();
    let Some(mut terminal) = project.terminal("check-ports") else { return };
    terminal.sees("what now?").sees("[s/o/t/l] ").types("o\n");
    let (code, screen) = project.screen(terminal);
    assert_eq!(code, 0, "{screen}");
    assert_eq!(project.read(".env"), project.fill("WEB_PORT=@1\n"));
    snapshot!("prompt-other-ports", screen);
    let mut project = project;
    assert!(project.runs(pid));
}

/// In a file that git tracks they are written only if that is said once more.
#[test]
fn a_file_that_git_tracks_is_asked_about() {
    for (keys, want, port) in [("w\n", 0, "@1"), ("l\n", 2, "@0"), ("\n", 2, "@0")] {
        let (project, _) = held();
        project.file(".env", "WEB_PORT=@0\n");
        if !project.is_repository() {
            return;
        }
        git(project.dir(), &["add", ".env"]);
        let Some(mut terminal) = project.terminal("check-ports --reassign") else { return };
        terminal.sees("git tracks .env, so a change could be committed: what now?").sees("[w/l] ").types(keys);
        let (code, screen) = project.screen(terminal);
        assert_eq!(code, want, "{screen}");
        assert_eq!(project.read(".env"), project.fill(&format!("WEB_PORT={port}\n")), "{screen}");
    }
}

#[test]
fn choosing_leave_changes_nothing() {
    for keys in [&["l\n"][..], &["\n"], &["x\n", "L\n"], &["\x04"]] {
        let (mut project, pid) = held();
        let before = project.everything();
        let Some(mut terminal) = project.terminal("check-ports") else { return };
        for keys in keys {
            terminal.sees("[s/o/t/l] ").types(keys);
        }
        let (code, screen) = project.screen(terminal);
        assert_eq!(code, 1, "{keys:?}: {screen}");
        let mut after = project.everything();
        after.retain(|path, _| !path.ends_with("before") && !path.ends_with("after"));
        assert_eq!(after, before);
        assert!(project.runs(pid));
    }
}

#[test]
fn choosing_the_proxy_names_its_command() {
    let (project, _) = held();
    let Some(mut terminal) = project.terminal("check-ports") else { return };
    terminal.sees("[s/o/t/l] ").types("t\n").sees("`cargo xtask start --traefik`");
    assert_eq!(project.screen(terminal).0, 1);
}

#[test]
fn stopping_asks_again_and_stops() {
    let (mut project, pid) = held();
    let Some(mut terminal) = project.terminal("check-ports") else { return };
    terminal.sees("[s/o/t/l] ").types("s\n").sees("stop: kill").sees("stop it? [y/N] ").types("y\n");
    let (code, screen) = project.screen(terminal);
    assert_eq!(code, 0, "{screen}");
    snapshot!("prompt-stop", screen);
    assert!(!project.runs(pid));
    assert!(!project.path(".env").exists());
}

/// `s` and `y`, typed while nothing was asked yet, once stopped another project's
/// containers.
#[test]
fn input_typed_before_a_question_is_discarded() {
    let (mut project, pid) = held();
    project.fake_docker(&[Rule::config("@0").sleep(1500)]);
    let Some(mut terminal) = project.terminal("check-ports") else { return };
    terminal.types("s\ny\n").sees("s\r\ny\r\n").sees("what now?").sees("[s/o/t/l] ");
    std::thread::sleep(Duration::from_millis(300));
    terminal.types("l\n");
    let (code, screen) = project.screen(terminal);
    assert_eq!(code, 1, "{screen}");
    assert!(!screen.contains("stop it?") && project.runs(pid), "{screen}");
}

/// An editor's shell, a serial line: plain lines, and no control codes.
#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let (project, engine) = project(vec![Rule::when("up -d").stderr(" web Pulling\n").tells("up")]);
    let _proxies = comes_up(&project, &engine, "up", project.port(0), "Up 1 second (healthy)");
    let dumb = |script| {
        let mut command = project.command(script);
        command.env("TERM", "dumb");
        command
    };
    let Some(terminal) = Terminal::start(dumb, "", XTASK, "start") else { return };
    let run = terminal.ends().exits(0);
    assert!(!run.raw.contains('\x1b'), "{run}");
    run.says("  compose      web Pulling\r\n").says("  web          healthy\r\n");
}

#[test]
fn a_no_stops_nobody() {
    let (mut project, pid) = held();
    let Some(mut terminal) = project.terminal("check-ports") else { return };
    terminal.sees("[s/o/t/l] ").types("s\n").sees("stop it? [y/N] ").types("n\n");
    let (code, screen) = project.screen(terminal);
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("error: nothing was stopped"), "{screen}");
    assert!(project.runs(pid));
}

/// TERM is ignored: KILL is another question, and the default is no.
#[test]
fn killing_is_asked_for_by_itself() {
    std::thread::scope(|scope| {
        for (answer, want) in [("y\n", 0), ("\n", 1)] {
            scope.spawn(move || {
                let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n");
                let address = format!("127.0.0.1:{}", project.port(0));
                let pid = project.hold_as("holder", "trap '' TERM;", &[address]);
                let Some(mut terminal) = project.terminal("check-ports --stop-holders") else { return };
                terminal
                    .sees("stop it? [y/N] ")
                    .types("y\n")
                    .sees("kill it (unsaved work is lost)? [y/N] ")
                    .types(answer);
                let (code, screen) = project.screen(terminal);
                assert_eq!(code, want, "{screen}");
                assert_eq!(project.runs(pid), want == 1, "{screen}");
                if want == 0 {
                    snapshot!("prompt-kill", screen);
                }
            });
        }
    });
}

#[test]
fn ctrl_c_at_a_question_ends_it_with_130() {
    let (mut project, pid) = held();
    let Some(mut terminal) = project.terminal("check-ports") else { return };
    terminal.sees("[s/o/t/l] ").types("\x03");
    let (code, screen) = project.screen(terminal);
    assert_eq!(code, 130, "{screen}");
    assert!(project.runs(pid) && !project.path(".env").exists());
}

/// A literal cannot be moved: `o` is not offered, and why is said.
#[test]
fn the_question_offers_only_what_is_possible() {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n");
    project.hold_as("docker-proxy", "", &[format!("0.0.0.0:{}", project.port(0))]);
    let Some(mut terminal) = project.terminal("check-ports") else { return };
    terminal.sees("[t/l] ").types("l\n");
    let (code, screen) = project.screen(terminal);
    assert_eq!(code, 1);
    snapshot!("prompt-nothing-possible", screen);
}

#[test]
fn free_ports_are_coloured_and_ask_nothing() {
    let project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n");
    let Some(terminal) = project.terminal("check-ports") else { return };
    terminal.ends().exits(0).says("\x1b[32m").never_says("what now?");
}

/// Questions are for people: `--yes`, JSON and a dry run ask nothing.
#[test]
fn yes_json_and_dry_run_ask_nothing() {
    for words in ["check-ports --yes", "check-ports --format json", "check-ports --dry-run"] {
        let (mut project, pid) = held();
        let Some(terminal) = project.terminal(words) else { return };
        let (code, screen) = project.screen(terminal);
        assert_eq!(code, 1, "{screen}");
        assert!(!screen.contains("what now?"), "{screen}");
        assert!(project.runs(pid));
    }
}

#[test]
fn a_line_in_gitignore_is_asked_for() {
    let project = Project::new("services: {web: {image: web}}\n");
    project.file(".env.template", "A=1\n");
    if !project.is_repository() {
        return;
    }
    let Some(mut terminal) = project.terminal("env init") else { return };
    terminal.sees("add it to .gitignore? [y/N]").types("n\n");
    assert_eq!(project.screen(terminal).0, 1);
    assert!(!project.path(".gitignore").exists());
    let Some(mut terminal) = project.terminal("env init") else { return };
    terminal.sees("add it to .gitignore? [y/N]").types("y\n");
    assert_eq!(project.screen(terminal).0, 0);
    assert_eq!(project.read(".gitignore"), ".env\n");
}

#[test]
fn a_watched_list_is_drawn_again_until_ctrl_c() {
    let project = Project::new("services: {}\n");
    crate::kept::keeps(&project, &crate::kept::tenant(&project, "demo", "demo", "null", &[("vite", 0, 0)]));
    let Some(mut terminal) = project.terminal("ls --watch") else { return };
    terminal.sees("vite").sees("kept");
    // Somebody starts it: seen without a key.
    let holder = project.tool("holder");
    let server = bare(holder).arg(project.fill("127.0.0.1:@0")).stdout(Stdio::null()).spawn().unwrap();
    let _server = Ending(server);
    terminal.sees("vite").sees("listens").types("\x03");
    let (code, screen) = project.screen(terminal);
    assert_eq!(code, 130, "{screen}");
}

#[test]
fn networks_are_removed_only_with_a_yes() {
    let (project, engine) = crate::prune::machine();
    let Some(mut terminal) = project.terminal("prune-network") else { return };
    terminal.sees("remove blog_default? [y/N]").types("\n");
    let (code, screen) = project.screen(terminal);
    assert!(code == 1 && screen.contains("nothing was removed"), "{screen}");
    assert_eq!(engine.state().changes, [""; 0]);
    let Some(mut terminal) = project.terminal("prune-network --all") else { return };
    terminal.sees("remove these 2 networks? [y/N]").types("y\n");
    assert_eq!(project.screen(terminal).0, 0);
    assert_eq!(engine.state().changes.len(), 2);
}

#[test]
fn diagnose_fix_asks_about_each_repair() {
    let project = Project::new("services: {web: {image: web}}\n");
    project.file(".env.template", "A=1\n");
    let tenant = r#"{"project":"a","dir":"@@/gone","leases":[]}"#.replace("@@", project.root().to_str().unwrap());
    let book = format!(r#"{{"schema":1,"tenants":[{tenant}]}}"#);
    fs::write(project.root().join("state/leases.json"), book).unwrap();
    let Some(mut terminal) = project.terminal("diagnose --fix --only project --only leases") else { return };
    terminal.sees(".env: create .env from its template").sees("[y/N]").types("n\n");
    terminal.sees("release ports that are kept for deleted folders?").sees("[y/N]").types("y\n");
    let (code, screen) = project.screen(terminal);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("fixed: ports kept for folders"), "{screen}");
    assert!(!project.path(".env").exists());
    assert!(!fs::read_to_string(project.root().join("state/leases.json")).unwrap().contains("gone"));
}

#[test]
fn adopting_is_asked_for_once_and_no_writes_nothing() {
    let project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n");
    let Some(mut terminal) = project.terminal("adopt") else { return };
    terminal.sees("+    ports: [\"${WEB_PORT:-").sees("apply all of this? [y/N]").types("n\n");
    assert_eq!(project.screen(terminal).0, 1);
    assert!(!project.path("xtask").exists() && !project.path("Makefile").exists());
    let Some(mut terminal) = project.terminal("adopt") else { return };
    terminal.sees("apply all of this? [y/N]").types("y\n");
    assert_eq!(project.screen(terminal).0, 0);
    assert!(project.read("compose.yaml").contains("WEB_PORT") && project.path("Makefile").exists());
}
