//! Whether an engine accepts the name of an image.

/// `[host[:port]/]path[:tag][@digest]`.
/// Source: <https://github.com/distribution/reference/blob/v0.6.0/reference.go>
pub fn is_image_name(text: &str) -> bool {
    let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let (path, tag) = match name[last..].rfind(':') {
        Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
        None => (name, None),
    };
    let (host, path) = match path.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" || first != first.to_lowercase() => {
            (Some(first), rest)
        }
        _ => (None, path),
    };
    path.split('/').all(is_component)
        && host.is_none_or(is_host)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest)
        && text.len() <= 1024
}

/// Lower-case letters and digits, separated by `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = text.split(is_word).filter(|separator| !separator.is_empty());
    text.starts_with(is_word)
        && text.ends_with(is_word)
        && separators.into_iter().all(|one| matches!(one, "." | "_" | "__") || one.chars().all(|c| c == '-'))
}

fn is_host(text: &str) -> bool {
    let after_address = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match after_address {
        Some((address, rest)) => (address, rest.strip_prefix(':').or((!rest.is_empty()).then_some(""))),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_label = |label: &str| {
        let is_edge = |c: char| c.is_ascii_alphanumeric();
        label.starts_with(is_edge) && label.ends_with(is_edge) && label.chars().all(|c| is_edge(c) || c == '-')
    };
    let is_name = host.split('.').all(is_label);
    let is_address = after_address.is_some() && host.parse::<std::net::Ipv6Addr>().is_ok();
    (is_address || after_address.is_none() && is_name)
        && port.is_none_or(|port| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()))
}

fn is_tag(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(is_word) && text.len() <= 128 && text.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
        && algorithm.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-' | '_'))
        && hex.len() >= 32
        && hex.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images() {
        let digest = format!("app@sha256:{}", "0a".repeat(32));
        for name in [
            "busybox",
            "busybox:1.37",
            "library/busybox:latest",
            "host.example/a/b-c/d__e.f:T_1.2-x",
            "localhost:5000/app",
            "localhost/app",
            "[::1]:5000/app:1",
            "Host/app",
            &digest,
            &digest.replace("app", "app:1"),
        ] {
            assert!(is_image_name(name), "{name}");
        }
        let long = format!("a:{}", "x".repeat(129));
        for name in [
            "",
            ":",
            "a:",
            "a b",
            "a:b c",
            "a:-x",
            "a:.x",
            "Busybox",
            "a/B",
            "a//b",
            "/a",
            "a/",
            "a_-b",
            "-a",
            "a-",
            "a:1:2",
            "a@",
            "a@sha256:xyz",
            "host.example:x/a",
            "a\nb",
            "$A",
            "a:é",
            &long,
        ] {
            assert!(!is_image_name(name), "{name:?}");
        }
    }
}
