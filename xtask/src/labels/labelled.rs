//! Labels of a running container.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy)]
pub struct LabelledContainer<'a> {
    /// Its Compose project; empty if it has none.
    pub project: &'a str,
    pub container: &'a str,
    /// Labels that begin with `traefik.`.
    pub labels: &'a BTreeMap<String, String>,
}

impl LabelledContainer<'_> {
    /// The container in a sentence.
    pub fn in_words(&self) -> String {
        match self.project {
            "" => format!("container {}", self.container),
            project => format!("container {} (project {project})", self.container),
        }
    }
}
