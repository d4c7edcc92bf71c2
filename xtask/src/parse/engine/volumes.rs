//! `GET /volumes`.

use serde::Deserialize;

use crate::error::{Context, Result};

/// Sorted names.
pub fn volumes(json: &[u8]) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct List {
        volumes: Option<Vec<Volume>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Volume {
        name: String,
    }
    let list: List = serde_json::from_slice(json).context("read the engine's list of volumes")?;
    let mut names: Vec<String> = list.volumes.unwrap_or_default().into_iter().map(|volume| volume.name).collect();
    names.sort();
    Ok(names)
}
