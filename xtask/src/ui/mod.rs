//! The only place that prints. Data goes to stdout; notes, questions and
//! progress go to stderr.

#![expect(missing_docs, reason = "a comment says what the name does not")]

mod diff;
mod json;
mod live;
mod page;
mod print;
mod prompt;
mod screen;
mod secret;
mod table;
mod terminal;
mod text;
mod typed;
mod typed_ahead;

pub use diff::diff;
pub use json::json_path;
pub use live::Live;
pub use page::Page;
pub use print::{Format, detail, error, json, note, out, output_error, warn, warn_error};
pub use prompt::{Choice, choose, confirm, is_interactive};
pub use secret::{mask, mask_command, mask_value};
pub use table::{Column, table};
pub use terminal::{is_quiet, is_verbose, restore_terminal, set_up, width};
pub use text::{clean, clip, count, local_path, names_are, rfc3339};
pub use typed::{URL_PATH, argument, quoted, quoted_path, url_part};
