//! Two checkouts of the same, and what makes them differ.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::fs;
use std::path::Path;

use crate::support::{Run, Sandbox};

#[test]
fn a_second_checkout_builds_nothing_and_knows_its_own_source() {
    let sandbox = Sandbox::new();
    let (first, second) = (sandbox.checkout("first", "1"), sandbox.checkout("second", "1"));
    let run = first.run(&["a"]).says("1");
    assert_eq!(run.stderr, "building cargo xtask: the first time takes about a minute\n");
    assert!(run.stdout.contains(&format!("source {:?}", first.path("xtask"))), "{run:?}");
    let run = second.run(&["a", "b"]).says("1");
    assert_eq!(run.stderr, "");
    assert!(run.stdout.contains(&format!("source {:?} words [\"a\", \"b\"]", second.path("xtask"))), "{run:?}");
    assert!(first.has_built() && !second.has_built());
    // The first one may go.
    fs::remove_dir_all(&first.folder).unwrap();
    assert!(second.run(&[]).says("1").stdout.contains(&format!("source {:?}", second.path("xtask"))));
    assert_eq!(sandbox.entries().len(), 1);
}

#[test]
fn an_edit_is_built_where_it_is_and_both_versions_are_kept() {
    let sandbox = Sandbox::new();
    let (first, second) = (sandbox.checkout("first", "1"), sandbox.checkout("second", "1"));
    first.run(&[]).says("1");
    first.version("2");
    let run = first.run(&[]).says("2");
    assert_eq!(run.stderr, "", "an edit is built without a word, as by `cargo run --quiet`");
    second.run(&[]).says("1");
    second.version("2");
    second.run(&[]).says("2");
    assert!(!second.has_built());
    first.version("1");
    first.run(&[]).says("1");
    assert_eq!(sandbox.entries().len(), 2);
}

/// The size stays, and the second edit is made in the second of the first.
#[test]
fn edits_within_one_second_are_seen() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    for version in ["1", "2", "3", "2", "4", "1"] {
        checkout.version(version);
        checkout.run(&[]).says(version);
    }
}

/// Cargo goes by times, and would run the older program.
#[test]
fn an_edit_that_cargo_does_not_see_is_built_all_the_same() {
    let sandbox = Sandbox::new();
    let (first, second) = (sandbox.checkout("first", "1"), sandbox.checkout("second", "2"));
    first.run(&[]).says("1");
    let source = first.path("xtask/src/version.rs");
    let time = fs::metadata(&source).unwrap().modified().unwrap();
    first.version("2");
    fs::File::open(&source).unwrap().set_modified(time).unwrap();
    first.run(&[]).says("2");
    second.run(&[]).says("2");
    assert!(!second.has_built());
}

/// A target folder of other sources, copied so that it looks newer than they are.
#[test]
fn what_a_copied_target_folder_has_is_not_believed() {
    let sandbox = Sandbox::new();
    let (first, second) = (sandbox.checkout("first", "1"), sandbox.checkout("second", "2"));
    first.run(&[]).says("1");
    copy(&first.target, &second.target);
    second.run(&[]).says("2");
    sandbox.checkout("third", "2").run(&[]).says("2");
}

/// With new times, as a copy has them.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else if entry.file_name() != "xtask-launcher" {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// Where nothing can be stored cargo is believed, as before.
#[test]
fn without_a_cache_what_was_built_by_hand_is_run_until_a_time_changes() {
    let sandbox = Sandbox::new();
    let mut checkout = sandbox.checkout("first", "1");
    checkout.cache = sandbox.folder.join("file");
    fs::write(&checkout.cache, "").unwrap();
    checkout.run(&[]).says("1");
    let source = checkout.path("xtask/src/version.rs");
    let time = fs::metadata(&source).unwrap().modified().unwrap();
    checkout.version("2");
    fs::File::open(&source).unwrap().set_modified(time).unwrap();
    let run = checkout.run(&["-v"]).says("1");
    assert!(run.stderr.contains("cargo took it from an earlier build"), "{run:?}");
    checkout.version("2");
    checkout.run(&[]).says("2");
}

#[test]
fn what_was_built_by_hand_is_compiled_again_before_others_get_it() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    let mut cargo = checkout.command(&[]);
    let mut build = std::mem::replace(&mut cargo, command(env!("CARGO")));
    for (name, value) in build.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))) {
        match value {
            Some(value) => cargo.env(name, value),
            None => cargo.env_remove(name),
        };
    }
    cargo.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_PKG_NAME");
    Run::of({
        cargo.args(["build", "--quiet", "--package", "xtask"]).current_dir(&checkout.folder);
        cargo
    })
    .ends_with(0);
    build.arg("-v");
    assert_eq!(Run::of(build).says("1").stderr, "");
    assert_eq!(sandbox.entries().len(), 1);
}

#[expect(clippy::disallowed_methods, reason = "a test starts what it tests")]
fn command(program: &str) -> std::process::Command {
    std::process::Command::new(program)
}

#[test]
fn a_program_with_its_source_s_folder_compiled_in_is_not_shared() {
    let sandbox = Sandbox::new();
    let (first, second) = (sandbox.checkout("first", "1"), sandbox.checkout("second", "1"));
    for checkout in [&first, &second] {
        checkout.write("xtask/src/version.rs", "pub const VERSION: &str = env!(\"CARGO_MANIFEST_DIR\");\n");
        let run = checkout.run(&["-v"]);
        assert!(run.stderr.contains("the build compiles in the variable CARGO_MANIFEST_DIR"), "{run:?}");
        run.says(checkout.path("xtask").to_str().unwrap());
    }
    assert!(sandbox.entries().is_empty());
}

#[test]
fn a_program_that_is_made_of_other_files_too_is_not_shared() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    checkout.write("xtask/outside.rs", "pub const VERSION: &str = \"outside\";\n");
    checkout.write("xtask/src/version.rs", "#[path = \"../outside.rs\"]\nmod outside;\npub use outside::VERSION;\n");
    let run = checkout.run(&["-v"]).says("outside");
    assert!(run.stderr.contains("the build reads ") && run.stderr.contains("outside.rs"), "{run:?}");
    assert!(sandbox.entries().is_empty());
    // Included files are known beforehand.
    checkout.write("xtask/src/version.rs", "include!(\"../outside.rs\");\n");
    checkout.run(&[]).says("outside");
    assert_eq!(sandbox.entries().len(), 1);
    checkout.write("xtask/outside.rs", "pub const VERSION: &str = \"changed\";\n");
    checkout.run(&[]).says("changed");
}

#[test]
fn a_path_dependency_is_built_where_it_is() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    checkout.write("lib/Cargo.toml", "[package]\nname = \"lib\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    checkout.write("lib/src/lib.rs", "pub const VERSION: &str = \"lib 1\";\n");
    let manifest = fs::read_to_string(checkout.path("xtask/Cargo.toml")).unwrap();
    checkout.write("xtask/Cargo.toml", &format!("{manifest}[dependencies]\nlib = {{ path = \"../lib\" }}\n"));
    checkout.write("xtask/src/version.rs", "pub use lib::VERSION;\n");
    checkout.run(&[]).says("lib 1");
    let run = checkout.run(&["-v"]).says("lib 1");
    assert!(run.stderr.contains("the dependency `lib` is a folder"), "{run:?}");
    checkout.write("lib/src/lib.rs", "pub const VERSION: &str = \"lib 2\";\n");
    checkout.run(&[]).says("lib 2");
    assert!(sandbox.entries().is_empty());
}
