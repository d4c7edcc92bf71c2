//! Versions of Traefik that cannot speak to newer engines.

/// Whether this Traefik image speaks API 1.24 whatever the engine says, while the
/// engine refuses that. Up to 3.6.0 and 2.11.30 the version was written into
/// Traefik; 3.6.1 and 2.11.31 ask first (traefik/traefik#12253). The container
/// runs then, and answers every name with `404 page not found`.
///
/// `min_api` is the engine's oldest version. A tag without a version (`latest`,
/// `v3`) says nothing, and is believed to be new.
pub fn traefik_is_too_old(image: &str, min_api: (u32, u32)) -> bool {
    if min_api <= (1, 24) {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or_default().split('@').next().unwrap_or_default();
    let Some(("traefik", tag)) = name.split_once(':') else { return false };
    let numbers: Vec<u32> = tag
        .trim_start_matches('v')
        .split('-')
        .next()
        .unwrap_or_default()
        .split('.')
        .map_while(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [3, minor] => minor < 6,
        [3, minor, patch] => (minor, patch) < (6, 1),
        [2, minor] => minor < 11,
        [2, minor, patch] => (minor, patch) < (11, 31),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_ones_with_new_engines_only() {
        for (image, want) in [
            ("traefik:v3.5", true),
            ("traefik:v3.6.0", true),
            ("traefik:v3.6.1", false),
            ("docker.io/library/traefik:v2.10.7-alpine", true),
            ("traefik:2.11.31", false),
            ("traefik:v3.7", false),
            ("traefik:latest", false),
            ("traefik", false),
            ("traefik/whoami:v1.10", false),
        ] {
            assert_eq!(traefik_is_too_old(image, (1, 44)), want, "{image}");
            assert!(!traefik_is_too_old(image, (1, 24)), "{image}");
        }
    }
}
