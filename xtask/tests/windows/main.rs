//! The program itself on Windows: `xtask.exe` in projects of its own, with
//! stand-ins for `docker.exe` and `netsh.exe` on PATH and an engine behind
//! `docker system dial-stdio`. `scripts/cross/check test` builds it on Linux and
//! runs it under Wine; nothing in it is about Wine, but for what Wine cannot do.
//!
//! The stand-ins are one program of this package (`tests/bin/test_tool.rs`), as
//! in the tests on Unix, copied under the name that is wanted.
#![cfg_attr(windows, expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report"))]

#[cfg(windows)]
mod check_ports;
#[cfg(windows)]
mod env;
#[cfg(windows)]
mod holders;
#[cfg(windows)]
mod lookup;
#[cfg(windows)]
mod paths;
#[cfg(windows)]
mod stack;
#[cfg(windows)]
mod state;

#[cfg(windows)]
#[expect(dead_code, unused_macros, unused_imports, reason = "the tests on Unix use all of it")]
#[path = "../support/mod.rs"]
mod support;

/// So that it does not look as if all had passed.
#[cfg(not(windows))]
#[test]
#[ignore = "they are for Windows: `scripts/cross/check test` runs them under Wine"]
fn nothing_of_this_runs_here() {}
