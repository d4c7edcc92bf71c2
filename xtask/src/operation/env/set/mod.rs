//! Sets variables in the files that Compose reads: all of them or none.

mod apply;
mod plan;
mod ports;
mod services;

pub use apply::apply;
pub(crate) use plan::{plan, show};
