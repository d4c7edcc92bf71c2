//! The shapes of `compat/`, moved and moved back by the program itself: every port
//! that a shape publishes is held, `check-ports --reassign` has to move it, and
//! `start --restore-ports` has to move it back once it is free.
//!
//! In between Compose's whole model of every profile may only differ in the numbers
//! that were held. Afterwards every file has its bytes again. Each shape has network
//! namespaces of its own, so the ports in it are the ones that people write.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use xtask::model::{Origin, Source, Stack, Wanted};
use xtask::parse::compose_config;

use crate::compat_difference::{differences, ports_to_hold};
use crate::compose_cases::{Case, Copied, copy_out, read, shapes};
use crate::compose_oracle::{comparable, compose, compose_is_there, none_differs, plugin};
use crate::support::cage::unshare;
use crate::support::engine::Engine;
use crate::support::{Output, Project, XTASK, find, run, skip};

/// Shapes that the program does not move: why, in its own words.
const REFUSED: &[(&str, &str)] = &[
    ("project-directory", "the compose files are named by -f"),
    ("shell-sets-port", "the shell sets WEB_PORT=8082, which overrides any value in .env"),
    ("three-files", "the compose files are named by -f"),
    ("yml-in-subfolder", "the compose files are named by -f"),
];

#[test]
fn every_port_of_every_shape_moves_and_moves_back() {
    if !compose_is_there() {
        return;
    }
    if let Some(tool) = ["unshare", "ip"].iter().find(|tool| find(tool).is_none()) {
        skip(&format!("namespaces: no {tool}"));
        return;
    }
    if run(unshare("true")).code != 0 {
        skip("namespaces: not allowed here (unshare needs root)");
        return;
    }
    let shapes = shapes();
    let names: Vec<_> = shapes.iter().filter_map(|shape| shape.file_stem()?.to_str()).collect();
    for (name, _) in REFUSED {
        assert!(names.contains(name), "{name} is excused, and not there");
    }
    let machine = Machine::new();
    none_differs(&shapes, |shape| machine.faults(shape));
    assert!(shapes.len() >= 150, "{} shapes", shapes.len());
}

/// A shape that is changed by hand after its ports have moved, as a fault of the
/// program would: an address, a value and a byte.
#[test]
fn a_fault_of_a_move_is_found_in_compose_s_model_and_in_the_files() {
    if !compose_is_there() {
        return;
    }
    let shape = shapes().into_iter().find(|shape| shape.ends_with("env-in-everything.yml")).unwrap();
    let Copied { case, cwd, temp, .. } = copy_out(&shape);
    let machine = Machine::new();
    let room = Room { machine: &machine, case: &case, cwd: &cwd, state: tempfile::tempdir().unwrap() };
    let (before, files) = (room.config(&case).unwrap(), bytes_below(temp.path()));
    let held = ports_to_hold(&before);
    let text = fs::read_to_string(cwd.join("compose.yaml")).unwrap();
    for (from, to, place) in [
        ("\"8443:", "\"127.0.0.1:18443:", "services.app.ports.1.host_ip: nothing became \"127.0.0.1\""),
        ("${TAG:-latest}", "${TAG:-edge}", "services.app.image: "),
    ] {
        let moved = text.replace("8${OFFSET:-0}80", "18080").replace("\"8443", "\"18443");
        let faulty = text.replace("8${OFFSET:-0}80", "18080").replace(from, to).replace("\"8443", "\"18443");
        for (text, count) in [(&moved, 0), (&faulty, 1)] {
            fs::write(cwd.join("compose.yaml"), text).unwrap();
            let found = differences(&before, &room.config(&case).unwrap(), &held, &[]);
            assert_eq!(found.len(), count, "{found:?}");
            assert!(found.iter().all(|found| found.starts_with(place)), "{found:?}");
        }
    }
    let found = changed_files(&files, &bytes_below(temp.path()));
    assert!(found.len() == 1 && found[0].contains("compose.yaml is "), "{found:?}");
}

/// What the shapes share: an engine without containers, and a `docker` that is the
/// machine's Compose, except that nothing is started.
struct Machine {
    project: Project,
    _engine: Engine,
}

impl Machine {
    fn new() -> Machine {
        let mut project = Project::empty();
        let engine = Engine::start(&mut project);
        let (program, first) = plugin();
        let program = if first.is_empty() { program } else { find("docker").unwrap() };
        let docker = project.root().join("bin/docker");
        let text = format!(
            "#!/bin/sh\nfor word; do [ \"$word\" != up ] || {{ echo nothing is started here >&2; exit 1; }}; done\n\
             [ \"$1\" = compose ] || exit 1\nshift\nexec '{}' {} \"$@\"\n",
            program.display(),
            first.join(" ")
        );
        fs::write(&docker, text).unwrap();
        fs::set_permissions(&docker, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        project.tool("holder");
        Machine { project, _engine: engine }
    }

    /// What is wrong with a shape.
    fn faults(&self, shape: &Path) -> Option<String> {
        let Copied { name, case, cwd, temp } = copy_out(shape);
        let template = case.with_template(&cwd);
        let room = Room { machine: self, case: &case, cwd: &cwd, state: tempfile::tempdir().unwrap() };
        let files = bytes_below;
        let originals = files(temp.path());
        let faults = match room.config(&template) {
            Err(error) => vec![format!("Compose: {error}")],
            Ok(before) => room.move_and_back(&name, &before, &|| files(temp.path()), &originals),
        };
        let lines: Vec<String> = faults.iter().map(|fault| format!("{name}.yml: {fault}")).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// One shape on the machine.
struct Room<'a> {
    machine: &'a Machine,
    case: &'a Case,
    cwd: &'a Path,
    state: tempfile::TempDir,
}

impl Room<'_> {
    fn move_and_back(&self, name: &str, before: &Value, files: &dyn Fn() -> Files, originals: &Files) -> Vec<String> {
        let held = ports_to_hold(before);
        let mut faults = self.reader_differs(&self.case.with_template(self.cwd), before);
        if held.is_empty() {
            return faults;
        }
        let addresses: Vec<String> = held
            .iter()
            .map(|(protocol, port)| if protocol == "udp" { format!("udp:[::]:{port}") } else { format!("[::]:{port}") })
            .collect();
        let run = self.inside(before, &addresses, &["check-ports", "--reassign"]);
        let run = Output { words: "check-ports --reassign".to_owned(), ..run };
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            if ![1, 2].contains(&run.code) || !run.stderr.contains(why) {
                faults.push(format!("not refused as expected ({why}): {run}"));
            }
            faults.extend(changed_files(originals, &files()));
            return faults;
        }
        if run.code != 0 {
            faults.push(format!("no move: {run}"));
            faults.extend(changed_files(originals, &files()));
            return faults;
        }
        match self.config(self.case) {
            Err(error) => faults.push(format!("Compose, after the move: {error}")),
            Ok(after) => {
                let found = differences(before, &after, &held, &self.case.follows);
                faults.extend(found.into_iter().map(|difference| format!("after the move: {difference}")));
                faults.extend(
                    self.reader_differs(self.case, &after).into_iter().map(|fault| format!("after the move: {fault}")),
                );
            }
        }
        // It ends where something would be started.
        let run = self.inside(before, &[], &["start", "--restore-ports"]);
        let run = Output { words: "start --restore-ports".to_owned(), ..run };
        let changed = changed_files(originals, &files());
        if !changed.is_empty() {
            faults.push(format!("not moved back: {run}"));
        }
        faults.extend(changed);
        faults
    }

    /// Runs the program where nothing but `addresses` is held, and the machine has
    /// all addresses that the project publishes on.
    fn inside(&self, config: &Value, addresses: &[String], words: &[&str]) -> Output {
        let ip = find("ip").unwrap().display().to_string();
        let mut line = format!("{ip} link set lo up");
        for address in host_ips(config) {
            write!(line, "; {ip} addr add {address} dev lo").unwrap();
        }
        if !addresses.is_empty() {
            let (bin, ready) = (self.machine.project.root().join("bin/holder"), self.state.path().join("ready"));
            let (bin, ready, addresses) = (bin.display(), ready.display(), addresses.join(" "));
            write!(line, "; '{bin}' {addresses} >'{ready}' & ").unwrap();
            write!(line, "while [ ! -s '{ready}' ]; do kill -0 $! || exit 9; sleep 0.01; done").unwrap();
        }
        line.push_str("; cd \"$0\" && exec \"$@\"");
        let mut command = unshare(&line);
        command.arg(self.cwd);
        command.args([Path::new("/usr/bin/env"), Path::new("-i")]);
        for (name, value) in self.machine.project.command("env").get_envs() {
            command.arg(format!("{}={}", name.display(), value.unwrap_or_default().display()));
        }
        command.arg(format!("XTASK_STATE_DIR={}", self.state.path().display()));
        command.args(self.case.env.iter().map(|(name, value)| format!("{name}={value}")));
        command.arg(XTASK).args(&self.case.args).args(["--profile", "*"]).args(words);
        run(command)
    }

    /// Compose's model of every profile.
    fn config(&self, case: &Case) -> Result<Value, String> {
        let output = compose(self.cwd, case, &["--profile", "*", "config", "--format", "json"]);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
    }

    /// Where our reader, asked for every profile, reads otherwise than Compose, or
    /// says that a port comes from a line that does not hold it.
    fn reader_differs(&self, case: &Case, config: &Value) -> Vec<String> {
        let theirs = compose_config::parse(config.to_string().as_bytes()).unwrap();
        let every = ["--profile".to_owned(), "*".to_owned()];
        let case = Case { args: case.args.iter().cloned().chain(every).collect(), ..case.clone() };
        match read(&case, self.cwd) {
            Err(error) => vec![format!("our reader: {error}")],
            Ok(ours) => {
                let wrong = ours.ports().filter_map(wrong_origin);
                let wrong: Vec<String> = wrong.chain(service_differences(&ours, &theirs)).collect();
                wrong.into_iter().map(|fault| format!("our reader: {fault}")).collect()
            }
        }
    }
}

fn service_differences(ours: &Stack, theirs: &Stack) -> Vec<String> {
    let mut found = Vec::new();
    if ours.name != theirs.name {
        found.push(format!("name {}, Compose: {}", ours.name, theirs.name));
    }
    let ours = comparable(ours.clone());
    for name in ours.services.iter().chain(&theirs.services).map(|service| &service.name) {
        let (one, two) = (ours.service(name), theirs.service(name));
        // Compose adds what is in the env files of a service; the reader leaves
        // that to it.
        let same = match (one, two) {
            (Some(one), Some(two)) => {
                let mut one = one.clone();
                one.environment.clone_from(&two.environment);
                one == *two
            }
            _ => false,
        };
        if !same {
            found.push(format!("service {name}: {one:?}, Compose: {two:?}"));
        }
    }
    found.dedup();
    found
}

/// A port whose origin is not where it says.
fn wrong_origin(wanted: &Wanted) -> Option<String> {
    let port = wanted.mapping.published?;
    let Some(Origin { file, line, source, .. }) = &wanted.origin else {
        return Some(format!("{}: no origin", wanted.mapping.address()));
    };
    let line_of = |file: &Path, line: usize| {
        let text = fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        line.checked_sub(1).and_then(|at| text.lines().nth(at).map(str::to_owned)).unwrap_or_default()
    };
    let (file, line, fits): (_, _, fn(&str, u16) -> bool) = match source {
        // Escapes may hide the digits.
        Source::Literal => (file, *line, |text, port| text.contains('\\') || holds(text, port)),
        // There it may be computed from another value.
        Source::EnvFile { path, line } => (path, *line, |text, port| text.contains('$') || holds(text, port)),
        Source::Default => (file, *line, |text, _| text.contains('$')),
        Source::Shell => return None,
    };
    let text = line_of(file, line);
    let what = format!("{} of {}", wanted.mapping.address(), wanted.mapping.service);
    (!fits(&text, port.first)).then(|| format!("{what} comes from {}:{line} `{text}`", file.display()))
}

/// Whether a line has this number, or a range around it.
fn holds(line: &str, port: u16) -> bool {
    let numbers: Vec<(u16, usize, usize)> = line
        .match_indices(|c: char| c.is_ascii_digit())
        .filter(|(at, _)| !line[..*at].ends_with(|c: char| c.is_ascii_digit()))
        .filter_map(|(at, _)| {
            let length = line[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len() - at);
            Some((line[at..at + length].parse().ok()?, at, at + length))
        })
        .collect();
    let in_range =
        |pair: &[(u16, usize, usize)]| &line[pair[0].2..pair[1].1] == "-" && (pair[0].0..=pair[1].0).contains(&port);
    numbers.iter().any(|(number, ..)| *number == port) || numbers.windows(2).any(in_range)
}

/// Host IPs that not every machine has.
fn host_ips(config: &Value) -> BTreeSet<String> {
    let text = compose_config::parse(config.to_string().as_bytes()).unwrap();
    let ips = text.ports().filter_map(|wanted| wanted.mapping.host_ip).collect::<Vec<_>>();
    ips.iter().filter(|ip| !ip.is_loopback() && !ip.is_unspecified()).map(ToString::to_string).collect()
}

fn bytes_below(root: &Path) -> Files {
    let mut found = Files::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(bytes_below(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

/// What is not as it was. A `.env` that was missing may be its template.
fn changed_files(before: &Files, after: &Files) -> Vec<String> {
    let is_template = |path: &Path, bytes: &Vec<u8>| {
        path.ends_with(".env")
            && ["template", "example"].iter().any(|end| {
                let template = path.with_file_name(format!(".env.{end}"));
                before.get(&template) == Some(bytes)
            })
    };
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    let text = |bytes: Option<&Vec<u8>>| {
        bytes.map_or_else(|| "no file".to_owned(), |bytes| format!("{:?}", String::from_utf8_lossy(bytes)))
    };
    let mut found = Vec::new();
    for path in paths {
        let (one, two) = (before.get(path), after.get(path));
        let fine = one == two || one.is_none() && two.is_some_and(|bytes| is_template(path, bytes));
        if !fine {
            found.push(format!("{} is {} in place of {}", path.display(), text(two), text(one)));
        }
    }
    found
}
