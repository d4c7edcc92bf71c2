//! Whether a version of Traefik works with an engine. Checked before it starts, because
//! otherwise every host is a 404.

use crate::error::{Error, Result};
use crate::model::Version;

/// Refuses versions that are known not to work. `api` is the engine's highest API version.
///
/// * before 3: other rules, and no PostgreSQL by name (traefik#9377);
/// * up to 3.6.0: uses API 1.24, which engines from 29 on refuse (#12253);
/// * 3.6.11: breaks STARTTLS of PostgreSQL (#12866);
/// * from 3.6.16 on: needs API 1.40, which engines before 19.03 lack.
pub fn check_engine(traefik: Version, api: Version) -> Result<()> {
    let refuse = |why: &str| {
        Err(Error::new(format!("Traefik {traefik} {why}"))
            .hint("use the default, traefik:v3.7: `cargo xtask proxy up` without --image and XTASK_PROXY_IMAGE"))
    };
    if traefik < Version(3, 0, 0) {
        return refuse("cannot route PostgreSQL by name, and has other rules: 3.6.1 or later is needed");
    }
    if asks_for_1_24(traefik) {
        return refuse(
            "asks for version 1.24 of the engine's API, which newer engines refuse: every host would be a 404",
        );
    }
    if traefik == Version(3, 6, 11) {
        return refuse("breaks the TLS of PostgreSQL (traefik#12866)");
    }
    if traefik >= Version(3, 6, 16) && api < Version(1, 40, 0) {
        let Version(major, minor, _) = api;
        return Err(Error::new(format!(
            "Traefik {traefik} needs version 1.40 of the engine's API, and this engine has {major}.{minor}"
        ))
        .hint("update the engine: Docker 19.03 or later"));
    }
    Ok(())
}

/// Whether this Traefik always uses API 1.24: the version was hard-coded up to 3.6.0 and
/// 2.11.30; 3.6.1 and 2.11.31 negotiate it (traefik/traefik#12253).
fn asks_for_1_24(traefik: Version) -> bool {
    match traefik.0 {
        2 => traefik < Version(2, 11, 31),
        3 => traefik < Version(3, 6, 1),
        _ => false,
    }
}

/// Whether the Traefik of this image cannot use an engine whose oldest API is `min_api`: it
/// runs, but answers every name with `404 page not found`. A tag says less than a version:
/// `latest` and `v3` count as new, `v3.6` as the newest of its series.
pub fn image_is_too_old(image: &str, min_api: Version) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default().split('@').next().unwrap_or_default();
    let Some(("traefik", tag)) = name.split_once(':') else { return false };
    let Ok(Version(major, minor, patch)) = tag.parse() else { return false };
    let is_whole = tag.split('-').next().is_some_and(|numbers| numbers.matches('.').count() == 2);
    min_api > Version(1, 24, 0) && asks_for_1_24(Version(major, minor, if is_whole { patch } else { u32::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_ones_with_new_engines_only() {
        for (image, want) in [
            ("traefik:v3.5", true),
            ("traefik:v3.6", false),
            ("traefik:v3.6.0", true),
            ("traefik:v3.6.1", false),
            ("docker.io/library/traefik:v2.10.7-alpine", true),
            ("traefik:2.11.31", false),
            ("traefik:v3.7", false),
            ("traefik:latest", false),
            ("traefik", false),
            ("traefik/whoami:v1.10", false),
        ] {
            assert_eq!(image_is_too_old(image, Version(1, 44, 0)), want, "{image}");
            assert!(!image_is_too_old(image, Version(1, 24, 0)), "{image}");
        }
    }

    #[test]
    fn what_does_not_work_together_is_refused() {
        for (traefik, api, good) in [
            ("3.7.15", "1.51", true),
            ("3.7.0", "1.40", true),
            ("3.7.0", "1.39", false),
            ("3.6.15", "1.39", true),
            ("3.6.12", "1.51", true),
            ("3.6.11", "1.51", false),
            ("3.6.1", "1.51", true),
            ("3.6.0", "1.41", false),
            ("2.11.31", "1.41", false),
        ] {
            let result = check_engine(traefik.parse().unwrap(), api.parse().unwrap());
            assert_eq!(result.is_ok(), good, "{traefik} {api}");
        }
    }
}
