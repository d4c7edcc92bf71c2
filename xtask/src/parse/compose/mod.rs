//! Compose files: parses YAML into nodes, merges nodes as Compose does, and reads
//! services and ports from the result.
//!
//! Nothing here reads a file: `stack::reader` does, and runs these steps in Compose's
//! order (parse, interpolate, extend, include, merge, check).

mod literals;
mod merge;
mod node;
mod number;
mod ports;
mod project;
mod service;
mod written;
mod yaml;

#[cfg(test)]
mod tests;

pub use literals::{Found, Literal, Quotes, literals};
pub use merge::{merge, strip_tags};
pub use node::{Data, Lookup, Node, Scalar, Tag};
pub use ports::{check_port, check_ports};
pub use project::{check_name, name_from_dir, normalise_name, select};
pub use service::{Definition, define, is_external, network_settings, networks};
pub use yaml::documents;
