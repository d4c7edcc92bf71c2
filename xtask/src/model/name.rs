//! Names that Compose accepts for projects and services, and ids of the engine.

use std::collections::BTreeMap;

/// A lower-case letter or digit, then also `-` and `_` (compose-go,
/// `cli/options.go` and `loader.NormalizeProjectName`). It never begins with `-`, so
/// it cannot be mistaken for an option.
pub fn is_project_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(plain) && name.chars().all(|c| plain(c) || matches!(c, '-' | '_'))
}

/// Letters, digits, `.`, `-` and `_` (compose-spec, `schema/compose-spec.json`:
/// `^[a-zA-Z0-9._-]+$`). It may begin with `-`: on a command line put it after `--`.
pub fn is_service_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// Whether engines allow this as the name of a container or a Swarm service, so that it is
/// never an option.
pub fn is_engine_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
}

/// The Compose project in the labels of a container or network. Anybody can set
/// labels, so names that Compose would refuse are ignored.
pub fn compose_project(labels: &BTreeMap<String, String>) -> Option<&str> {
    labels.get("com.docker.compose.project").map(String::as_str).filter(|name| is_project_name(name))
}

/// Whether this is a full id of the engine: 64 hexadecimal digits.
pub fn is_full_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_words_with_blanks_are_no_project_names() {
        for (name, valid) in
            [("shop", true), ("2nd_shop-a", true), ("-shop", false), ("--all", false), ("_x", false), ("Shop", false)]
        {
            assert_eq!(is_project_name(name), valid, "{name}");
        }
        for name in ["", "a b", "a\nb", "../x", "größe", "a;b"] {
            assert!(!is_project_name(name) && !is_service_name(name), "{name}");
        }
        assert!(is_service_name("Web.1_a-b") && is_service_name("-x"));
    }
}
