//! An attempt to start that is in progress.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::exec::InterruptGuard;
use crate::operation::check::project::CheckedProject;
use crate::ui::Live;

pub(crate) struct Run<'a> {
    pub(crate) project: &'a CheckedProject,
    pub(crate) limit: Duration,
    pub(crate) deadline: Instant,
    pub(crate) interrupt: InterruptGuard,
    pub(crate) live: Live,
}

pub(crate) fn interrupted() -> Error {
    Error::interrupted("interrupted: containers that were started keep running")
        .hint("`cargo xtask start` continues, `cargo xtask stop` removes them")
}
