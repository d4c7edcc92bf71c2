//! The lossless `.env` document: reads it like Compose, changes one value and keeps every
//! other byte.

#![expect(missing_docs, reason = "a comment says what the name does not")]

mod change;
mod dependents;
mod document;
mod edit;
mod issues;
mod scan;
mod template;
mod value;

#[cfg(test)]
mod tests;

pub use change::WrittenForm;
pub use dependents::{Dependents, Follow, Mention, PortMove, Stale, dependents, mentions, stale};
pub use document::{Assigned, Document, Entry, Lookup, Value};
pub use issues::{Issue, IssueKind};
pub use template::{Change, Commented};
