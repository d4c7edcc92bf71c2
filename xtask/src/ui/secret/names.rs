//! Names of variables, options, fields and headers whose values are secrets.

/// Names that contain one of these belong to secrets.
const SECRET: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "api_key",
    "api-key",
    "private_key",
];

/// Whether a variable, option, field or header of this name holds a secret. PWD is the shell's
/// folder.
pub(super) fn names_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    SECRET.iter().any(|word| lower.contains(word))
        || matches!(lower.as_str(), "pgpass" | "pass" | "key" | "dsn")
        || lower == "pwd" && name != "PWD"
        || ["_pass", "_key", "-key", "_pwd", "-pwd"].iter().any(|end| lower.ends_with(end))
        || name.strip_suffix("Key").is_some_and(|stem| stem.ends_with(|c: char| c.is_ascii_lowercase()))
        || is_header(&lower)
}

/// Parts that indicate a secret in names of variables and options. In other text they are
/// ordinary words.
const PARTS: [&str; 8] = ["auth", "pin", "salt", "signing", "cred", "creds", "webhook", "webhooks"];
/// Last parts of such names that mean something else.
const ABOUT: [&str; 27] = [
    "port",
    "ports",
    "host",
    "hostname",
    "url",
    "uri",
    "domain",
    "enabled",
    "enable",
    "disabled",
    "mode",
    "type",
    "method",
    "provider",
    "issuer",
    "audience",
    "version",
    "image",
    "timeout",
    "ttl",
    "rounds",
    "length",
    "algorithm",
    "path",
    "file",
    "dir",
    "realm",
];

/// Whether a part of the name of a variable or option indicates a secret: `BASIC_AUTH`,
/// `SIM_PIN`, `signingKey`. A webhook's URL is itself a secret.
pub(super) fn names_secret_variable(name: &str) -> bool {
    let parts = parts(name);
    let has = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
    let about_else = parts.last().is_some_and(|last| ABOUT.contains(&last.as_str()));
    has(&PARTS)
        && (!about_else || has(&["webhook", "webhooks"]) && parts.last().is_some_and(|last| last.starts_with("ur")))
}

/// The words of a name in lower case: `apiAuth_X` has three.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            last.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    parts
}

/// Headers whose value has several words.
pub(super) fn is_header(lower: &str) -> bool {
    lower.ends_with("authorization") || lower.ends_with("cookie")
}
