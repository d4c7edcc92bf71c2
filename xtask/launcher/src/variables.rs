//! Environment variables: which of them a build reads, and which cargo set for this process only.
//! Pure.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::settings::flags_objection;

pub(crate) type Variables = BTreeMap<OsString, OsString>;

/// The folder of the program's source; read by `adopt`.
pub(crate) const SOURCE: &str = "XTASK_SOURCE";

/// Variables that `cargo run` sets for the program.
const SET_BY_CARGO: [&str; 6] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_RUSTC_CURRENT_DIR",
];

/// Names, or beginnings of names, that do not affect what is compiled: paths, terminals, networks, and
/// what programs read when they run.
const IRRELEVANT: [&str; 18] = [
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_BUILD_JOBS",
    "CARGO_INSTALL_ROOT",
    "CARGO_TERM_*",
    "CARGO_NET_*",
    "CARGO_HTTP_*",
    "CARGO_ALIAS_*",
    "CARGO_REGISTRY_*",
    "CARGO_REGISTRIES_*",
    // The compiler that it selects is identified instead.
    "RUSTUP_*",
    "RUST_RECURSION_COUNT",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_LOG*",
    "RUST_TEST_*",
];

/// Not named after cargo or rustc, but read by them.
const OTHERS: [&str; 2] = ["MACOSX_DEPLOYMENT_TARGET", "SDKROOT"];

/// The variables that affect what is compiled; `Err` says why a program built with them is not
/// shared.
pub(crate) fn build_variables(all: &Variables) -> Result<Vec<(&OsStr, &OsStr)>, String> {
    let mut found = Vec::new();
    for (name, value) in all {
        let text = name.to_string_lossy();
        let counts = (text.starts_with("CARGO_") || text.starts_with("RUST") || OTHERS.contains(&&*text))
            && !is_set_by_cargo(&text)
            && !IRRELEVANT.iter().any(|pattern| fits(&text, pattern));
        if !counts {
            continue;
        }
        let objection = match &*text {
            "CARGO_PATHS" => Some("it replaces packages by folders"),
            "CARGO_BUILD_DEP_INFO_BASEDIR" => Some("lists of files would be relative to it"),
            name if name.ends_with("_RUNNER") => Some("programs are run by another one"),
            name if name.ends_with("RUSTFLAGS") => flags_objection(&value.to_string_lossy()),
            _ => None,
        };
        if let Some(why) = objection {
            return Err(format!("{text} is set: {why}"));
        }
        found.push((name.as_os_str(), value.as_os_str()));
    }
    Ok(found)
}

/// Whether a variable that the compiler read (`env!`) is part of the key.
pub(crate) fn is_in_key(name: &str) -> bool {
    // These come from the manifest.
    let manifest = name.starts_with("CARGO_PKG_") || ["CARGO_CRATE_NAME", "CARGO_BIN_NAME"].contains(&name);
    let ours = (name.starts_with("CARGO_") || name.starts_with("RUST"))
        && !is_set_by_cargo(name)
        && !["OUT_DIR", "CARGO_TARGET_TMPDIR", "CARGO_WORKSPACE_DIR"].contains(&name)
        && !IRRELEVANT.iter().any(|pattern| fits(name, pattern));
    manifest || ours
}

fn is_set_by_cargo(name: &str) -> bool {
    SET_BY_CARGO.contains(&name) || name.starts_with("CARGO_PKG_")
}

fn fits(name: &str, pattern: &str) -> bool {
    pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
}

/// The environment without what `cargo run` set for this process: with it a nested build would differ
/// from a plain `cargo build`. `libraries`: folders that cargo prepended to the library path.
pub(crate) fn for_children(all: &Variables, libraries: &[PathBuf]) -> Variables {
    let mut kept = all.clone();
    kept.retain(|name, _| !is_set_by_cargo(&name.to_string_lossy()) && name != SOURCE);
    if let Some(path) = LIBRARY_PATH.and_then(|name| Some((name, kept.get(OsStr::new(name))?.clone()))) {
        let (name, value) = path;
        let own: Vec<PathBuf> =
            std::env::split_paths(&value).skip_while(|folder| is_cargo_folder(folder, libraries)).collect();
        match std::env::join_paths(own) {
            Ok(own) if !own.is_empty() => drop(kept.insert(name.into(), own)),
            _ => drop(kept.remove(OsStr::new(name))),
        }
    }
    kept
}

fn is_cargo_folder(folder: &Path, libraries: &[PathBuf]) -> bool {
    libraries.iter().any(|library| library == folder)
}

/// On other systems cargo adds to PATH (Windows) or to a list that is never empty (macOS), which does not
/// affect a build.
const LIBRARY_PATH: Option<&str> = if cfg!(target_os = "linux") { Some("LD_LIBRARY_PATH") } else { None };

/// Whether a variable is set and not false.
pub(crate) fn is_on(all: &Variables, name: &str) -> bool {
    all.get(OsStr::new(name)).is_some_and(|value| !value.is_empty() && value != "0" && value != "false")
}

/// A variable as a path; an empty one counts as none.
pub(crate) fn path(all: &Variables, name: &str) -> Option<PathBuf> {
    all.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn what_decides_about_a_build_counts() {
        let all = variables(&[
            ("CARGO", "x"),
            ("CARGO_MANIFEST_DIR", "x"),
            ("CARGO_PKG_NAME", "x"),
            ("CARGO_TARGET_DIR", "x"),
            ("CARGO_NET_OFFLINE", "true"),
            ("CARGO_TERM_COLOR", "never"),
            ("CARGO_PROFILE_DEV_DEBUG", "0"),
            ("CARGO_INCREMENTAL", "0"),
            ("RUSTUP_TOOLCHAIN", "x"),
            ("RUST_BACKTRACE", "1"),
            ("RUST_MIN_STACK", "1"),
            ("RUSTFLAGS", "-D warnings"),
            ("PATH", "x"),
        ]);
        let names: Vec<&str> = build_variables(&all).unwrap().iter().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(names, ["CARGO_INCREMENTAL", "CARGO_PROFILE_DEV_DEBUG", "RUSTFLAGS", "RUST_MIN_STACK"]);
    }

    #[test]
    fn files_that_are_not_hashed_and_this_machine_s_processor_are_objected_to() {
        for (name, value) in [
            ("RUSTFLAGS", "-C target-cpu=native"),
            ("CARGO_ENCODED_RUSTFLAGS", "-Lnative=x"),
            ("CARGO_BUILD_RUSTFLAGS", "-C link-arg=-T/x.ld"),
            ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "--sysroot=/x"),
            ("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine"),
            ("CARGO_PATHS", "x"),
        ] {
            let error = build_variables(&variables(&[(name, value)])).unwrap_err();
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[test]
    fn values_that_are_compiled_in_must_be_known() {
        for name in ["CARGO_PKG_VERSION", "CARGO_CRATE_NAME", "CARGO_PROFILE_DEV_DEBUG"] {
            assert!(is_in_key(name), "{name}");
        }
        for name in ["CARGO_MANIFEST_DIR", "OUT_DIR", "GITHUB_SHA", "CARGO_HOME", "RUST_LOG"] {
            assert!(!is_in_key(name), "{name}");
        }
    }

    #[test]
    fn a_build_within_does_not_see_the_outer_cargo() {
        let all = variables(&[
            ("CARGO", "x"),
            ("CARGO_PKG_NAME", "x"),
            ("CARGO_MANIFEST_DIR", "x"),
            ("CARGO_INCREMENTAL", "0"),
            ("LD_LIBRARY_PATH", "/t/debug:/t/debug/deps:/own:/t/debug"),
            ("XTASK_SOURCE", "x"),
        ]);
        let kept = for_children(&all, &["/t/debug".into(), "/t/debug/deps".into()]);
        assert!(kept.keys().map(|name| name.to_str().unwrap()).eq(["CARGO", "CARGO_INCREMENTAL", "LD_LIBRARY_PATH"]));
        if cfg!(target_os = "linux") {
            assert_eq!(kept[OsStr::new("LD_LIBRARY_PATH")], "/own:/t/debug");
            let none = for_children(&variables(&[("LD_LIBRARY_PATH", "/t")]), &["/t".into()]);
            assert!(none.is_empty());
        }
    }
}
