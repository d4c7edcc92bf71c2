//! Finds places where a file names a port of this machine: URLs and assignments, never bare
//! numbers.

mod comments;
mod compose;
mod files;
mod mention;
mod text;

pub use compose::{InService, Section, in_compose};
pub use files::{FileKind, RunsOn, file_kind};
pub use mention::{Form, Host, PortMention, is_port_name};
pub use text::{Syntax, in_text};
