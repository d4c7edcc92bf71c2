//! What the launcher costs and saves: a new checkout, a warm start, an edit. Side by
//! side with cargo alone, in copies of this repository; a first build is part of it.

#![expect(clippy::disallowed_methods, reason = "a bench starts what it measures")]

#[path = "../../benches/compare/mod.rs"]
mod compare;

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use compare::{Subject, compare, empty_program};

/// The repository's files in a folder of their own, as a new worktree has them.
fn copy(to: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let list = git.output().expect("git").stdout;
    for name in list.split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok()) {
        if root.join(name).is_file() {
            let place = to.join(name);
            fs::create_dir_all(place.parent().expect("a folder")).expect("make a folder");
            fs::copy(root.join(name), place).expect("copy");
        }
    }
}

/// A cargo that knows nothing of the one that runs this.
fn cargo(folder: &Path, cache: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO") && text != "CARGO_HOME" || text == "LD_LIBRARY_PATH" {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(folder).env("XTASK_CACHE_DIR", cache);
    cargo
}

/// A folder that goes when the bench ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn main() {
    let dir = Folder(std::env::temp_dir().join(format!("xtask-bench-launcher-{}", std::process::id())));
    let cache = dir.0.join("cache");
    let at = |name: &str| dir.0.join(name);
    for name in ["launched", "nothing"] {
        copy(&at(name));
    }
    // The same workspace for cargo, and nothing behind the alias.
    fs::write(at("nothing").join("xtask/launcher/src/main.rs"), "fn main() {}\n").expect("write");
    let launched = |folder: PathBuf| {
        let mut command = cargo(&folder, &cache);
        command.args(["xtask", "--version"]);
        command
    };
    let plain = |folder: PathBuf| {
        let mut command = cargo(&folder, &cache);
        command.args(["run", "--quiet", "--package", "xtask", "--bin", "xtask", "--", "--version"]);
        command
    };
    let empty = empty_program(&dir.0);
    let status = launched(at("launched")).status();
    assert!(status.is_ok_and(|status| status.success()), "the first build failed");

    // Each time in a folder of its own; the copying is not measured.
    let number = AtomicUsize::new(0);
    let next = || at(&format!("new-{}", number.load(Ordering::Relaxed)));
    let fresh = || {
        number.fetch_add(1, Ordering::Relaxed);
        copy(&next());
    };
    // The last one of cargo alone is used further on.
    let alone = RefCell::new(PathBuf::new());
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(3);
    compare(
        "first `cargo xtask --version` in a new checkout, the same sources built before",
        rounds,
        &fresh,
        &[
            Subject::new("cargo alone", || {
                alone.replace(next());
                plain(next())
            }),
            Subject::new("with the launcher", || launched(next())),
        ],
    );
    let alone = alone.into_inner();

    compare(
        "`cargo xtask --version`, warm",
        60,
        &|| (),
        &[
            Subject::new("cargo run of an empty program", || launched(at("nothing"))),
            Subject::new("with the launcher", || launched(at("launched"))),
            Subject::new("cargo alone", || plain(alone.clone())),
            Subject::new("the program itself", || {
                let mut program = Command::new(alone.join("target/debug/xtask"));
                program.arg("--version");
                program
            }),
            Subject::new("an empty process", || Command::new(&empty)),
        ],
    );

    let edits = AtomicUsize::new(0);
    let edited = |folder: PathBuf| {
        let line = format!("// edit {}\n", edits.fetch_add(1, Ordering::Relaxed));
        let file = folder.join("xtask/src/flow/prune.rs");
        let text = fs::read_to_string(&file).expect("read");
        let text: String =
            text.lines().filter(|line| !line.starts_with("// edit ")).flat_map(|line| [line, "\n"]).collect();
        fs::write(&file, format!("{text}{line}")).expect("write");
        folder
    };
    compare(
        "one line of xtask/src edited, then run",
        9,
        &|| (),
        &[
            Subject::new("cargo alone", || plain(edited(alone.clone()))),
            Subject::new("with the launcher", || launched(edited(at("launched")))),
        ],
    );
}
