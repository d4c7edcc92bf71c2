//! The commands of `cargo xtask env`.

mod check;
mod diff;
mod explain;
mod files;
mod finding;
mod init;
mod names;
mod other_places;
mod port_values;
mod set;

pub use check::{check, json as check_json, text as check_text};
pub use diff::{diff, json as diff_json, text as diff_text};
pub use explain::{explain, json as explain_json, text as explain_text};
pub(crate) use files::gather;
pub use finding::Finding;
pub use init::init;
pub(super) use init::with_line;
pub use set::apply;
pub(crate) use set::{plan, show};
