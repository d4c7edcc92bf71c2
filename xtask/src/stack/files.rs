//! Reads compose files into documents, before they are merged.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk;
use crate::error::{Error, Result};
use crate::parse::compose::{Data, Lookup, Node, Tag, documents};

/// The hint about an empty compose file.
pub(super) const SERVICES: &str = "it needs at least `services:` with one service";

/// Texts of compose files that replace those on disk, by path.
pub type Texts = BTreeMap<PathBuf, String>;

/// Loads files that are merged with each other: those of the project, or of one `include`.
pub(super) struct Loader<'a> {
    /// Folder for relative paths.
    pub(super) base: PathBuf,
    pub(super) lookup: &'a Lookup<'a>,
    pub(super) texts: &'a Texts,
    /// The chain of files that include each other.
    pub(super) included: Vec<PathBuf>,
}

pub(super) fn parse(file: &Arc<Path>, texts: &Texts) -> Result<Vec<Node>> {
    match texts.get(file.as_ref()) {
        Some(text) => documents(text, file),
        None => documents(&text_of(file)?, file),
    }
}

pub fn text_of(file: &Path) -> Result<String> {
    let place = crate::ui::clean(&file.display().to_string());
    let bytes = disk::read_any_kind(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::new(format!("there is no file {place}"))
            .hint("correct the path; it counts from the folder of the project"),
        _ => Error::new(format!("failed to read {place}: {error}")),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        Error::new(format!("{place}:{line}: not UTF-8")).hint("save the file as UTF-8")
    })
}

pub(super) fn services_mut(document: &mut Node) -> Result<Option<&mut Vec<(String, Node)>>> {
    let Data::Map(entries) = &mut document.data else {
        return Ok(None);
    };
    let Some((_, services)) = entries.iter_mut().find(|(key, _)| key == "services") else {
        return Ok(None);
    };
    if matches!(services.data, Data::Null) || services.tag == Tag::Reset {
        return Ok(None);
    }
    if !matches!(services.data, Data::Map(_)) {
        return Err(services.error("services", "must be a mapping").hint(SERVICES));
    }
    let Data::Map(services) = &mut services.data else {
        return Ok(None);
    };
    Ok(Some(services))
}
