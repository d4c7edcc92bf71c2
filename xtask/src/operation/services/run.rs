//! An attempt to start, on its way.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::exec::InterruptGuard;
use crate::operation::check::survey::Survey;
use crate::ui::Live;

/// An attempt on its way.
pub(crate) struct Run<'a> {
    pub(crate) survey: &'a Survey,
    pub(crate) limit: Duration,
    pub(crate) deadline: Instant,
    pub(crate) interrupt: InterruptGuard,
    pub(crate) live: Live,
}

/// What Ctrl-C leaves.
pub(crate) fn interrupted() -> Error {
    Error::interrupted("interrupted: containers that were started keep running")
        .hint("`cargo xtask start` goes on from here, `cargo xtask stop` takes them away")
}
