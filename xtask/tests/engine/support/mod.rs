//! What only tests on a real engine need, beside what all tests share.

mod containers;
mod project;
#[expect(dead_code, unused_imports, unused_macros, reason = "the tests with stand-ins use the rest")]
#[path = "../../support/mod.rs"]
mod shared;

use std::sync::OnceLock;

pub(crate) use containers::*;
pub(crate) use project::*;
pub(crate) use shared::cage::{first_process, unshare};
pub(crate) use shared::{
    AS_NOBODY, Folder, Holder, LIMIT, Output, Ports, REPORT_KEYS, ROW_KEYS, Running, Terminal, XTASK, command, end,
    get, get_as, git, keys, listener, lock_file, python, redact_after, repository, root, run, skip, tool, try_get,
    wait_until,
};

/// Fails the test where no engine answers. Asked once.
pub(crate) fn need_engine() {
    static ANSWERS: OnceLock<bool> = OnceLock::new();
    let ask = || tool("timeout", &["10", "docker", "version", "--format", "{{.Server.Version}}"]).code == 0;
    assert!(*ANSWERS.get_or_init(ask), "no Docker engine answers: run scripts/engine/up");
}

/// One service `web` that answers HTTP on `port`.
pub(crate) fn web(port: u16) -> String {
    format!("services:\n  web:\n    image: engine-web\n    ports: [\"${{WEB_PORT:-{port}}}:8080\"]\n")
}
