//! The lossless `.env` document: reads as Compose reads, changes one value and
//! leaves every other byte alone.

#![expect(missing_docs, reason = "a comment says what the name does not")]

mod change;
mod dependents;
mod document;
mod edit;
mod oddities;
mod scan;
mod template;
mod value;

#[cfg(test)]
mod tests;

pub use change::Was;
pub use dependents::{Dependents, Follow, Mention, PortMove, Stale, dependents, mentions, stale};
pub use document::{Assigned, Document, Entry, Lookup, Value};
pub use oddities::{Oddity, What};
pub use template::{Change, Commented};
