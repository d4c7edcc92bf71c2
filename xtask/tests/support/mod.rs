//! What the tests of the whole share: `it`, `engine` and `windows` each include
//! it by its path. Whatever it starts or makes is gone when its value is dropped,
//! also on a panic.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

#[cfg(target_os = "linux")]
pub(crate) mod cage;
pub(crate) mod engine;
mod folder;
mod git;
#[cfg(target_os = "linux")]
mod holder;
mod http;
mod output;
mod ports;
mod process;
mod project;
mod rules;
#[cfg(unix)]
mod terminal;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use folder::Folder;
#[cfg(unix)]
pub(crate) use git::{git, repository};
#[cfg(target_os = "linux")]
pub(crate) use holder::{Holder, listener, python};
pub(crate) use http::{get, get_as, try_get};
pub(crate) use output::{Output, redact_after};
pub(crate) use ports::{Ports, lock_file};
pub(crate) use process::*;
pub(crate) use project::Project;
pub(crate) use rules::Rule;
#[cfg(unix)]
pub(crate) use terminal::Terminal;

/// Long enough for any command here on a loaded machine: what takes longer hangs.
pub(crate) const LIMIT: Duration = Duration::from_mins(5);

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Says why a test, or a part of it, is left out. In CI everything has to be there.
#[expect(clippy::print_stderr, reason = "what was left out has to be seen")]
pub(crate) fn skip(why: &str) -> bool {
    assert!(std::env::var_os("CI").is_none(), "CI has to have it: {why}");
    eprintln!("left out: {why}");
    false
}

/// Waits until it is so; after `LIMIT` the test fails with what `state` says.
#[track_caller]
pub(crate) fn wait_until<S: std::fmt::Display>(state: impl Fn() -> S, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline, "{}", state());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The keys of a JSON object.
#[track_caller]
pub(crate) fn keys(value: &serde_json::Value) -> BTreeSet<&str> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().map(String::as_str).collect()
}

/// The keys of the report of `check-ports`, and of each of its ports.
pub(crate) const REPORT_KEYS: [&str; 4] = ["schema", "project", "remote", "ports"];
pub(crate) const ROW_KEYS: [&str; 15] = [
    "service",
    "host_ip",
    "published",
    "published_end",
    "target",
    "protocol",
    "variable",
    "verdict",
    "owners",
    "suggestion",
    "source",
    "reserved",
    "lease",
    "network_ip",
    "why",
];

/// Compares with `snapshots/NAME.snap`; `INSTA_UPDATE=always` writes it.
macro_rules! snapshot {
    ($name:expr, $text:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($name, $text.to_string());
        });
    };
}
pub(crate) use snapshot;
