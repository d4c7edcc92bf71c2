//! Names that a compose file fixes. A second copy of the project on the same engine
//! would collide with the first.

use std::fmt;
use std::path::PathBuf;

/// The thing that has the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// The project: `name:` at the top. `COMPOSE_PROJECT_NAME` overrides it.
    Project,
    /// The container of this service: `container_name:`.
    Container(String),
    /// The network under this key: its `name:`.
    Network(String),
    /// The volume under this key: its `name:`.
    Volume(String),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named::Project => f.write_str("name"),
            Named::Container(service) => write!(f, "services.{service}.container_name"),
            Named::Network(key) => write!(f, "networks.{key}.name"),
            Named::Volume(key) => write!(f, "volumes.{key}.name"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedName {
    pub what: Named,
    /// The name, after interpolation.
    pub value: String,
    pub file: PathBuf,
    pub line: usize,
}
