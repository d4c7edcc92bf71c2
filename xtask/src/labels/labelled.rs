//! Labels of a container that runs.

use std::collections::BTreeMap;

/// A container of the engine, with its labels.
#[derive(Debug, Clone, Copy)]
pub struct LabelledContainer<'a> {
    /// Its Compose project; empty without one.
    pub project: &'a str,
    pub container: &'a str,
    /// Labels that begin with `traefik.`.
    pub labels: &'a BTreeMap<String, String>,
}

impl LabelledContainer<'_> {
    /// The container, in a sentence.
    pub fn in_words(&self) -> String {
        match self.project {
            "" => format!("container {}", self.container),
            project => format!("container {} (project {project})", self.container),
        }
    }
}
