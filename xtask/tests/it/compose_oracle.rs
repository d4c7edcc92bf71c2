//! The built-in reader against the real `docker compose config`.
//!
//! Both must give the same model for every project of `compose/`, or both must
//! refuse.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests: a panic is the report")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use xtask::model::Stack;
use xtask::parse::compose_config;

use crate::compat::adopt_ports;
use crate::compose_cases::{Case, Copied, copy_out, fixtures, read, shapes};

#[test]
fn reads_what_compose_reads() {
    if !compose_is_there() {
        return;
    }
    let names = fixtures();
    none_differs(&names, compare);
    assert!(names.len() >= 40, "{} cases", names.len());
}

/// The shapes of public stacks: the same model, and the same again when their
/// literal ports have become variables.
#[test]
fn reads_public_shapes_as_compose_does_before_and_after_adopting() {
    if !compose_is_there() {
        return;
    }
    let names = shapes();
    none_differs(&names, |shape| compare(shape).or_else(|| adopted_differs(shape)));
    assert!(names.len() >= 60, "{} shapes", names.len());
}

/// What Compose reads otherwise after the ports have become variables; or that
/// it cannot read the shape at all.
fn adopted_differs(shape: &Path) -> Option<String> {
    let Copied { name, case, cwd, temp } = copy_out(shape);
    let case = case.with_template(&cwd);
    let config = || {
        let output = compose(&cwd, &case, &["--profile", "*", "config", "--format", "json"]);
        let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() {
            compose_config::parse(&output.stdout).map_err(|error| error.to_string())
        } else {
            Err(error)
        }
    };
    let before = config();
    adopt_ports(&case, &cwd, temp.path());
    match (before, config()) {
        (Ok(before), Ok(after)) if before == after => None,
        (Ok(before), Ok(after)) => Some(format!("--- {name}, adopted\n{}", differences(&after, &before))),
        (before, after) => Some(format!("--- {name}\n  before: {before:?}\n  after: {after:?}")),
    }
}

/// Fails with what `compare` says of each. Compose needs a core most of the time.
pub(crate) fn none_differs(names: &[PathBuf], compare: impl Fn(&Path) -> Option<String> + Sync) {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
    let work =
        || std::iter::from_fn(|| names.get(next.fetch_add(1, Ordering::Relaxed))).filter_map(|path| compare(path));
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..=cores).map(|_| scope.spawn(|| work().collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), names.len(), wrong.join("\n"));
}

/// What differs in one case.
fn compare(fixture: &Path) -> Option<String> {
    let Copied { name, case, cwd, temp: _temp } = copy_out(fixture);
    let ours = read(&case, &cwd);
    let output = compose(&cwd, &case, &["config", "--format", "json"]);
    let theirs = if output.status.success() {
        compose_config::parse(&output.stdout).map_err(|error| error.to_string())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    };
    match (ours, theirs) {
        (Ok(ours), Ok(mut theirs)) => {
            assert!(ours.ports().all(|wanted| wanted.origin.is_some()), "{name}: a port without an origin");
            for service in &ours.services {
                assert_eq!(service.label_places.len(), service.labels.len(), "{name}: a label without a place");
            }
            let mut ours = comparable(ours);
            // Compose adds what is in the env files of a service; the reader
            // leaves that to it.
            if fixture.is_file() && std::fs::read_to_string(fixture).unwrap().contains("env_file:") {
                for service in ours.services.iter_mut().chain(&mut theirs.services) {
                    service.environment.clear();
                }
            }
            (ours != theirs).then(|| format!("--- {name}\n{}", differences(&ours, &theirs)))
        }
        (Err(_), Err(_)) => None,
        (Ok(ours), Err(theirs)) => Some(format!("--- {name}\n  ours:   {ours:?}\n  theirs: error: {theirs}")),
        (Err(ours), Ok(theirs)) => Some(format!("--- {name}\n  ours:   error: {ours}\n  theirs: {theirs:?}")),
    }
}

/// Our reading without the places, which Compose does not know.
pub(crate) fn comparable(mut ours: Stack) -> Stack {
    for service in &mut ours.services {
        service.label_places.clear();
        service.ports.iter_mut().for_each(|wanted| wanted.origin = None);
    }
    Stack { dir: PathBuf::new(), files: Vec::new(), ..ours }
}

fn differences(ours: &Stack, theirs: &Stack) -> String {
    let mut text = String::new();
    if ours.name != theirs.name {
        writeln!(text, "  name: ours {:?}, theirs {:?}", ours.name, theirs.name).unwrap();
    }
    let services = ours.services.iter().chain(&theirs.services);
    let names: BTreeSet<&str> = services.map(|service| service.name.as_str()).collect();
    for name in names {
        let (one, two) = (ours.service(name), theirs.service(name));
        if one != two {
            writeln!(text, "  ours:   {one:?}\n  theirs: {two:?}").unwrap();
        }
    }
    text
}

/// What Compose takes.
#[rustfmt::skip]
pub(crate) const GOOD_LINES: &[&[u8]] = &[
    b"A=val # c\n", b"A=val#x\n", b"A=val\t# c\n", b"A= # c\n", b"A=#hash\n", b"A=x #\n", b"A=\"q # x\" # c\n",
    b"A='lit $B ${B:?x}'\n", b"A='it\\'s'\n", b"A=it's\n", b"A=x 'y' # z\n", b"B=1\nA=\"$B ${B:-x} ${NOPE:-def}\"\n",
    b"SHELL_VAR=file\nA=$SHELL_VAR\n", b"A=pa$$word\n", b"A=pa\\$word\n", b"A=\"pa\\$word\"\n", b"A=\"\\$\\$B\"\n",
    b"A=\"a\\nb\\tc\\\\d\\\"e\\x41\\101\\0101\\01\\0\\0777\"\n", b"A=\\n\n", b"A='a\\\\'\n", b"A='a\\\\\\'b'\n",
    b"A=\"a\nb\"\nB=2\n", b"A=\"1\r\n2\"\r\nB=\r\n", b"\xef\xbb\xbfA=1\r\nB=2\r\n", b"A=1\rB=2\n", b"export A=1\n",
    b"export\tA=1\n", b"export\nA=1\n", b"exportA=1\n", b"export=2\n", b"export A\n", b"A: 1\n", b"A = 1\n",
    b"A\t=\t1\n", b"A==1\n", b"A:=1\n", b"A= \"x\"\n", b"A=\xc2\xa0x\xc2\xa0\n", b"SHELL_VAR\nA=1\n", b"A\nB=1\n",
    b"A", b"A B", b"A=1\nA=2\n", b"A=\"1\" B=2\n", b"A=\"1\"junk\nB=1\n", b"A-B=1\n", b"A[0]=2\n", b"A\xc3\xa9=1\n",
    b"1A=2\n", b"=x\n", b"\n\n  A=1", b"# caf\xe9\nA=1\n", b"A=1\n\n\n", b"", b"\n", b"#", b"A=\"\"\n", b"A=''\n",
    b"A=\n", b"A\tB=1\n", b"A=1 \\\nB=2\n", b"A=a=b=c\n", b"A=$\n", b"A=\"$\"\n", b"A=${B:+x}y\n", b"A=`x`\n",
    b"A=\"\\\\n\"\n", b"A=\"\\a\\b\\f\\v\\c\"\n",
];

/// What it refuses.
#[rustfmt::skip]
const BAD_LINES: &[&[u8]] = &[
    b"A\xe9=1\n", b"A=1\nB='x\n", b"A B=1\n", b"A B\n", b"A+B=1\n", b"{\n", b"A=\"a\" \"b\"\n", b"A=${B\n",
    b"A=${B:?need}\n", b"A=\"${B:-\"x\"}\"\n",
];
/// The `.env` lines that the reader's own table holds, and more, asked of
/// Compose: as `env_file` of a service each, which makes it one question.
#[test]
fn reads_env_files_as_compose_does() {
    if !compose_is_there() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let case = Case { env: BTreeMap::from([("SHELL_VAR".into(), "from-shell".into())]), ..Case::default() };
    let shell = |name: &str| case.env.get(name).cloned();
    let ours = |line: &[u8]| {
        let document = xtask::envfile::Document::parse(line)?;
        let values = document.values(&shell, &|_| None)?;
        Ok(values.into_iter().map(|(name, value)| (name, value.value)).collect::<BTreeMap<_, _>>())
    };
    let compose_file = temp.path().join("compose.yaml");
    let mut text = "services:\n".to_owned();
    for (index, line) in GOOD_LINES.iter().enumerate() {
        std::fs::write(temp.path().join(format!("{index}.env")), line).unwrap();
        writeln!(text, "  s{index}: {{image: x, env_file: {index}.env}}").unwrap();
    }
    std::fs::write(&compose_file, text).unwrap();
    let output = compose(temp.path(), &case, &["config", "--format", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let stack = compose_config::parse(&output.stdout).unwrap();
    for (index, line) in GOOD_LINES.iter().enumerate() {
        let text = String::from_utf8_lossy(line);
        let ours: Result<_, xtask::error::Error> = ours(line);
        let mut ours = ours.unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let mut theirs = stack.service(&format!("s{index}")).unwrap().environment.clone();
        // A value without a name is an accident of the last line.
        ours.remove("");
        theirs.remove("");
        assert_eq!(ours, theirs, "{text:?}");
    }
    std::fs::write(&compose_file, "services: {a: {image: x}}\n").unwrap();
    for line in BAD_LINES {
        std::fs::write(temp.path().join(".env"), line).unwrap();
        let text = String::from_utf8_lossy(line);
        assert!(ours(line).is_err(), "{text:?}");
        assert!(!compose(temp.path(), &case, &["config"]).status.success(), "{text:?}");
    }
}

pub(crate) fn compose_is_there() -> bool {
    let case = Case::default();
    let there = std::panic::catch_unwind(|| compose(Path::new("."), &case, &["version"]).status.success());
    if matches!(there, Ok(true)) {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "`docker compose` is missing, and CI needs it");
    eprintln!("left out: `docker compose version` does not work here");
    false
}

/// The plugin itself where it is found: without the CLI in between it answers
/// in half the time.
pub(crate) fn plugin() -> (PathBuf, &'static [&'static str]) {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let folders = ["/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"].map(PathBuf::from);
    let folders = folders.iter().map(|folder| folder.join("docker/cli-plugins"));
    let mut plugins =
        std::iter::once(home.join(".docker/cli-plugins")).chain(folders).map(|folder| folder.join("docker-compose"));
    plugins.find(|plugin| plugin.is_file()).map_or_else(|| ("docker".into(), &["compose"][..]), |plugin| (plugin, &[]))
}

#[expect(clippy::disallowed_methods, reason = "the oracle is asked directly, with nothing of ours in between")]
pub(crate) fn compose(cwd: &Path, case: &Case, args: &[&str]) -> Output {
    let (program, first) = plugin();
    let mut command = Command::new(program);
    command.args(first).args(&case.args).args(args).current_dir(cwd).env_clear();
    for name in ["PATH", "HOME", "SYSTEMROOT", "USERPROFILE"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.envs(&case.env).output().unwrap()
}
