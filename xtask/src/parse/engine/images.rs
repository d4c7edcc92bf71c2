//! `GET /images/json` and `GET /images/NAME/json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Context, Result};
use crate::model::exposed_tcp;

/// One name of each image, or its id if it has none.
pub fn images(json: &[u8]) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listed {
        id: String,
        repo_tags: Option<Vec<String>>,
    }
    let list: Vec<Listed> = serde_json::from_slice(json).context("read the engine's list of images")?;
    let name = |image: Listed| {
        let tags = image.repo_tags.unwrap_or_default();
        tags.into_iter().find(|tag| !tag.contains("<none>")).unwrap_or(image.id)
    };
    Ok(list.into_iter().map(name).collect())
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// Full id.
    pub id: String,
    /// Label `org.opencontainers.image.version`.
    pub version: Option<String>,
    /// TCP ports that it exposes.
    pub exposed: Vec<u16>,
}

pub fn image(json: &[u8]) -> Result<Image> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ApiImage {
        id: String,
        config: Option<Config>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Config {
        labels: Option<BTreeMap<String, String>>,
        exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    }
    let api: ApiImage = serde_json::from_slice(json).context("read the engine's description of an image")?;
    let (labels, exposed) = api.config.map(|config| (config.labels, config.exposed_ports)).unwrap_or_default();
    let exposed = exposed.unwrap_or_default();
    Ok(Image {
        id: api.id,
        version: labels.unwrap_or_default().remove("org.opencontainers.image.version"),
        exposed: exposed_tcp(exposed.keys().map(String::as_str)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_with_and_without_labels() {
        let json = br#"{"Id":"sha256:1","Config":{"Labels":{"org.opencontainers.image.version":"v3.7.1"},
            "ExposedPorts":{"80/tcp":{},"53/udp":{}}}}"#;
        let want = Image { id: "sha256:1".into(), version: Some("v3.7.1".into()), exposed: vec![80] };
        assert_eq!(image(json).unwrap(), want);
        assert_eq!(image(br#"{"Id":"a","Config":{"Labels":null}}"#).unwrap().exposed, [0; 0]);
    }
}
