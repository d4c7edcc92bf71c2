//! `run`: dev servers with ports of their own, and real sockets.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::kept::{keeps, kept, tenant, worktree};
use crate::support::{Ending, Output, Project, XTASK, first_line, snapshot, wait_until};

const COMPOSE: &str = "services:\n  web:\n    image: web\n    ports: [\"${WEB_PORT:-@0}:80\"]\n";

/// A project whose range are the ten ports of the test, of which Compose wants
/// the first.
fn project() -> Project {
    let project = Project::new(COMPOSE);
    project.file("xtask.toml", "port_range = \"@0-@9\"\n");
    project.tool("holder");
    project
}

/// A server that runs until it is dropped.
fn serve(project: &Project, words: &str) -> Ending {
    let mut command = project.command(XTASK);
    command.args(project.fill(words).split_whitespace());
    ready(command)
}

/// When it says that it is.
fn ready(mut command: Command) -> Ending {
    let mut server = Ending(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    assert_eq!(first_line(&mut server.0), "ready", "{command:?}");
    server
}

/// Somebody else's, on port `@1`.
fn serve_by_hand(project: &Project, dir: &Path) -> Ending {
    let mut command = project.command(project.tool("holder"));
    command.arg(project.fill("127.0.0.1:@1")).current_dir(dir);
    ready(command)
}

fn kept_for(project: &Project, name: &str) -> Option<u16> {
    kept(project).into_iter().find(|(_, service, _)| service == name).map(|(_, _, port)| port)
}

fn variable<'a>(run: &'a Output, name: &str) -> Vec<&'a str> {
    run.stdout.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

#[test]
fn port_and_host_are_in_the_environment_and_in_the_words() {
    let project = project();
    let run = project.run("run --as web -- /usr/bin/env").exits(0);
    assert_eq!((variable(&run, "PORT"), variable(&run, "HOST")), (vec!["18001"], vec!["127.0.0.1"]));
    assert_eq!(run.stderr, "web on http://127.0.0.1:18001\n");
    let run = project.run("run --as web --host 0.0.0.0 -- /bin/echo --listen={host}:{port} {x} $PORT").exits(0);
    snapshot!("run-words", run);
    let quiet = project.run("-q run --as web -- /bin/echo {port}").exits(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("18001\n", ""));
}

#[test]
fn a_name_keeps_its_port_and_another_gets_another() {
    let project = project();
    let port = |words: &str| project.run(words).exits(0).stdout.trim().to_owned();
    assert_eq!(port("run --as web -- /bin/echo {port}"), "18001");
    assert_eq!(port("run --as docs -- /bin/echo {port}"), "18002");
    // Called as its command; from a folder below it is the same project.
    assert_eq!(port("run -- /bin/echo {port}"), "18003");
    project.file("deep/x", "");
    assert_eq!(project.run_in("deep", "run --as web -- /bin/echo {port}").exits(0).stdout.trim(), "18001");
    let names: Vec<String> = kept(&project).into_iter().map(|(_, service, _)| service).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

#[test]
fn the_exit_code_and_the_folder_are_the_command_s() {
    let project = project();
    project.file("seven.sh", "pwd; exit 7\n").file("deep/seven.sh", "pwd; exit 8\n");
    assert!(project.run("run -- /bin/sh seven.sh").exits(7).stdout.ends_with("/demo\n"));
    assert!(project.run_in("deep", "run -- /bin/sh seven.sh").exits(8).stdout.ends_with("/demo/deep\n"));
    // Its own words, not ours.
    let run = project.run("run -- /usr/bin/env --help").exits(0);
    assert!(!run.stdout.contains("cargo xtask"), "{run}");
}

#[test]
fn a_signal_reaches_the_server_itself() {
    let project = project();
    let mut server = serve(&project, "run --as web -- holder 127.0.0.1:{port}");
    let pid = Pid::from_raw(i32::try_from(server.0.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let status = server.0.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(Signal::TERM.as_raw()));
    assert!(std::net::TcpListener::bind(("127.0.0.1", project.port(1))).is_ok());
}

#[test]
fn what_runs_already_is_not_started_twice() {
    let project = project();
    let _server = serve(&project, "run --as web -- holder 127.0.0.1:{port}");
    let run = project.run("run --as web -- /bin/echo twice").exits(1);
    snapshot!("run-twice", run);
    assert_eq!(project.run("run --as docs -- /bin/echo {port}").exits(0).stdout, "18002\n");
    let list = project.run("ls").exits(0);
    assert!(list.stdout.contains("  web   18001  listens  http://localhost:18001\n"), "{list}");
    let check = project.run("check-ports --all").exits(0);
    assert!(check.stdout.contains("no clashes"), "{check}");
    let release = project.run("release").exits(1);
    assert!(release.stderr.contains("18001 (web of demo) is in use"), "{release}");
}

/// One that does not listen yet has its port all the same.
#[test]
fn a_server_that_is_slow_to_listen_is_believed() {
    let project = project();
    let _slow = serve(&project, "run --as web -- holder");
    project.run("run --as web -- /bin/echo twice").exits(1);
    let run = project.run("run --as docs --port @1 -- /bin/echo mine").exits(0);
    // The same project: a person's own business, and said by nobody.
    assert_eq!(run.stdout, "mine\n");
}

#[test]
fn another_project_s_server_that_is_slow_to_listen_is_believed() {
    let project = project();
    let other = project.root().join("other");
    fs::create_dir_all(&other).unwrap();
    let _slow = serve(&project, "run --as web -- holder");
    let mut command = project.command(XTASK);
    command.current_dir(other).args(["run", "--port", &project.port(1).to_string(), "--", "/bin/echo", "mine"]);
    let run = project.finish("run --port", command).exits(1);
    assert!(run.stderr.contains("demo in ") && run.stderr.contains("is being started on it"), "{run}");
}

/// A process in the folder has the port: the server, started by hand perhaps.
#[test]
fn one_that_was_started_by_hand_counts() {
    let project = project();
    project.run("run --as web -- /bin/echo {port}").exits(0);
    let _server = serve_by_hand(&project, &project.dir());
    let run = project.run("run --as web -- /bin/echo twice").exits(1);
    assert!(run.stderr.contains("web is already running on port 18001: "), "{run}");
}

#[test]
fn a_stranger_on_its_port_means_another_port() {
    let project = project();
    project.run("run --as web -- /bin/echo {port}").exits(0);
    let stranger = serve_by_hand(&project, project.root());
    let run = project.run("run --as web -- /bin/echo {port}").exits(0);
    drop(stranger);
    snapshot!("run-stranger", run);
    assert_eq!(kept_for(&project, "web"), Some(2));
}

#[test]
fn a_port_asked_for_by_name() {
    let mut project = project();
    fs::create_dir(project.root().join("shop")).unwrap();
    keeps(&project, &tenant(&project, "shop", "shop", "null", &[("web", 80, 4)]));
    project.hold("127.0.0.1", &[5]);
    snapshot!("run-port-taken", project.run("run --as web --port @5 -- /bin/echo {port}").exits(1));
    // Kept and idle: whoever asks for it by name gets it.
    snapshot!("run-port-kept", project.run("run --as web --port @4 -- /bin/echo {port}").exits(0));
    let all = kept(&project);
    assert_eq!(all, [("demo".to_owned(), "web".to_owned(), 4)]);
    // And has it from now on.
    assert_eq!(project.run("run --as web -- /bin/echo {port}").exits(0).stdout, "18004\n");
}

#[test]
fn a_range_that_is_full() {
    let project = project();
    project.file("xtask.toml", "port_range = \"@0-@1\"\n");
    project.run("run --as web -- /bin/echo").exits(0);
    let run = project.run("run --as docs -- /bin/echo").exits(1);
    assert!(run.stderr.contains("no free port in port_range 18000-18001"), "{run}");
}

#[test]
fn nothing_is_kept_for_what_cannot_run() {
    let project = project();
    for (words, says) in [
        ("run -- no-such-program", "`no-such-program` is not installed"),
        ("run --as a/b -- /bin/echo", "is not a valid server name"),
        ("run --port 0 -- /bin/echo", "0"),
        ("run", "required"),
    ] {
        let run = project.run(words).exits(2);
        assert!(run.stderr.contains(says), "{run}");
    }
    let run = project.run("run --as web --dry-run -- npm run dev").exits(2);
    assert!(run.stderr.contains("not on PATH"), "{run}");
    snapshot!("run-dry-run", project.run("run --as web --dry-run -- /bin/echo {port}").exits(0));
    assert!(!project.root().join("state/leases.json").exists());
}

#[test]
fn a_folder_without_a_compose_file_has_ports_too() {
    let project = Project::empty();
    project.file(".git/HEAD", "ref: refs/heads/main\n").file("src/x", "");
    // A block is given, once; which, is the machine's business.
    let first = project.run_in("src", "run --as web -- /bin/echo {port}").exits(0).raw;
    let second = project.run("run --as docs -- /bin/echo {port}").exits(0).raw;
    assert_eq!(project.run("run --as web -- /bin/echo {port}").exits(0).raw, first);
    let (first, second): (u16, u16) = (first.trim().parse().unwrap(), second.trim().parse().unwrap());
    assert_eq!((first % 10, second), (0, first + 1));
    let report = project.run("ls --format json").exits(0).json();
    let of = &report["projects"][0];
    assert_eq!((&of["project"], &of["branch"], &of["here"]), (&"demo".into(), &"main".into(), &true.into()));
    assert_eq!(of["range"], format!("{first}-{}", first + 9));
}

/// A name that only dev servers go by is not the project's: `start` in the main
/// checkout must not take itself for a second one.
#[test]
fn a_server_in_a_worktree_takes_no_name_from_the_project() {
    let project = project();
    worktree(&project);
    fs::write(project.root().join("login/compose.yaml"), format!("name: demo\n{}", project.fill(COMPOSE))).unwrap();
    fs::copy(project.path("xtask.toml"), project.root().join("login/xtask.toml")).unwrap();
    let run = project.run_in("../login", "run --as web -- /bin/echo {port}").exits(0);
    assert_eq!(run.stdout, "18001\n");
    // Here the same name gets a port of its own.
    assert_eq!(project.run("run --as web -- /bin/echo {port}").exits(0).stdout, "18002\n");
}

#[test]
fn many_at_once_get_ports_of_their_own() {
    let project = project();
    let names = ["a", "b", "c", "d", "e", "f"];
    let ports: BTreeSet<String> = std::thread::scope(|scope| {
        let project = &project;
        let runs = names.map(|name| {
            scope.spawn(move || project.run(&format!("run --as {name} -- /bin/echo {{port}}")).exits(0).stdout)
        });
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(ports.len(), names.len(), "{ports:?}");
}

#[test]
fn one_name_at_once_runs_once() {
    let project = project();
    let mut servers: Vec<Ending> = (0..4)
        .map(|_| {
            let mut command = project.command(XTASK);
            command.args(["run", "--as", "web", "--", "holder"]).stdout(Stdio::null()).stderr(Stdio::null());
            Ending(command.spawn().unwrap())
        })
        .collect();
    let mut ended = Vec::new();
    let more_than_one_runs = || "more than one runs";
    wait_until(more_than_one_runs, || {
        servers.retain_mut(|server| match server.0.try_wait().unwrap() {
            Some(status) => {
                ended.push(status.code());
                false
            }
            None => true,
        });
        ended.len() >= 3
    });
    assert_eq!(ended, [Some(1); 3]);
    assert!(servers[0].0.try_wait().unwrap().is_none());
}

/// The stack of the same project is given other ports, too.
#[test]
fn a_stack_is_not_given_the_port_of_a_dev_server() {
    let mut project = project();
    assert_eq!(project.run("run --as docs -- /bin/echo {port}").exits(0).stdout, "18001\n");
    project.hold("0.0.0.0", &[0]);
    let check = project.run("check-ports").exits(1);
    assert!(check.stdout.contains("free: 18002"), "{check}");
}
