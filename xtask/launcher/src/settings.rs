//! Decides whether cargo's settings allow sharing a program between checkouts. Pure. In doubt it objects:
//! the program is then built and run like plain cargo does.

/// Why a program built with this `.cargo/config.toml` is not shared.
pub(crate) fn config_objection(text: &str) -> Option<&'static str> {
    let text = without_comments(text);
    if has_escape(&text) {
        return Some("it has a character that is written as an escape");
    }
    for (key, why) in [
        ("include", "it includes another file"),
        ("paths", "it replaces packages by folders (`paths`)"),
        ("rustc", "it names a compiler (`build.rustc`)"),
        ("dep-info-basedir", "it has `dep-info-basedir`"),
        ("runner", "it has a `runner`"),
    ] {
        if has_key(&text, key) {
            return Some(why);
        }
    }
    // Flags are in strings; the URL of a registry is not a file.
    let flags = has_key(&text, "rustflags");
    strings(&text).filter(|string| flags && !string.contains("://")).find_map(flags_objection)
}

/// Why a program built with these compiler flags is not shared.
pub(crate) fn flags_objection(flags: &str) -> Option<&'static str> {
    if flags.contains("native") {
        return Some("compiler flags are about this machine's processor");
    }
    flags.contains(['/', '\\', '@']).then_some("compiler flags name files")
}

/// Why a package with this manifest is not shared.
pub(crate) fn manifest_objection(text: &str) -> Option<&'static str> {
    let text = without_comments(text);
    if has_escape(&text) {
        return Some("xtask/Cargo.toml has a character that is written as an escape");
    }
    let value = |rest: &str| rest.trim_start_matches('=').trim_start().to_owned();
    let builds = after_key(&text, "build").any(|rest| !value(rest).starts_with("false"));
    if builds || has_key(&text, "links") {
        return Some("xtask has a build script");
    }
    let root = after_key(&text, "workspace").any(|rest| value(rest).starts_with(['"', '\'']));
    root.then_some("xtask/Cargo.toml names its workspace")
}

pub(crate) fn is_workspace(text: &str) -> bool {
    text.lines().any(|line| {
        let line: String = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        line.starts_with("[workspace]")
            || line.starts_with("[workspace.")
            || line.starts_with("workspace={")
            || line.starts_with("workspace.")
    })
}

fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}

/// A key could be written with TOML's escapes.
fn has_escape(text: &str) -> bool {
    ["\\u", "\\U", "\\x"].iter().any(|escape| text.contains(escape))
}

fn has_key(text: &str, key: &str) -> bool {
    after_key(text, key).next().is_some()
}

/// The text after each occurrence of `key` that may be a key, quoted or not: it begins with `=`, `.` or
/// `]`.
fn after_key<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(key).filter_map(move |(at, _)| {
        let rest = &text[at + key.len()..];
        let word = !text[..at].ends_with(is_name) && !rest.starts_with(is_name);
        let rest = rest.trim_start_matches(['"', '\'', ' ', '\t']);
        (word && rest.starts_with(['=', '.', ']'])).then_some(rest)
    })
}

/// The text between quotes; with nested quotes it may be several strings at once, never less than
/// one.
fn strings(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split(['"', '\'']).skip(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_configuration_is_fine() {
        for text in [
            "",
            "[alias]\nxtask = \"run --quiet --package xtask-launcher --bin xtask-launcher --\"\n",
            "[source.crates-io]\nreplace-with = \"mirror\"\n[source.mirror]\nregistry = \"sparse+https://example.com/x/\"\n",
            "[build]\nrustc-wrapper = \"/usr/bin/sccache\"\njobs = 2\n",
            "[build]\nrustflags = [\"-Dwarnings\", \"-C\", \"link-arg=-fuse-ld=mold\"]\n",
            "# include = \"x\"\n  # paths = []\n[target.x86_64-unknown-linux-gnu]\nlinker = \"clang\"\n",
        ] {
            assert_eq!(config_objection(text), None, "{text}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_objected_to() {
        for text in [
            "include = \"other.toml\"\n",
            "[[include]]\npath = \"x\"\n",
            "paths = [\"/src/clap\"]\n",
            "\"paths\" = []\n",
            "build.rustc = \"x\"\n",
            "build = { rustc = \"x\" }\n",
            "[build]\nrustc=\"x\"\n",
            "[build]\n\"r\\u0075stc\" = \"x\"\n",
            "[build]\nrustflags = [\"-Ctarget-cpu=native\"]\n",
            "[build]\nrustflags = \"-C link-arg=-T../x.ld\"\n",
            "[target.x]\nrunner = \"wine\"\n",
        ] {
            assert!(config_objection(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_build_script_may_read_anything() {
        for text in ["[package]\nbuild = \"make.rs\"\n", "[package]\nlinks = \"z\"\n", "package.build = \"x.rs\"\n"] {
            assert_eq!(manifest_objection(text), Some("xtask has a build script"), "{text}");
        }
        assert!(manifest_objection("[package]\nworkspace = \"..\"\n").is_some());
        for text in [
            "[package]\nbuild = false\n",
            "[build-dependencies]\n",
            "a.workspace = true\nb = { workspace = true, features = [\"c\"] }\n",
        ] {
            assert_eq!(manifest_objection(text), None, "{text}");
        }
    }

    #[test]
    fn a_workspace_is_recognised() {
        for text in ["[workspace]\n", " [ workspace ] # x\n", "[workspace.package]\n", "workspace = {}\n"] {
            assert!(is_workspace(text), "{text}");
        }
        assert!(!is_workspace("[package]\nname = \"workspace\"\n# [workspace]\n"));
        assert!(!is_workspace("[dependencies.a]\nworkspace = true\n[b]\na.workspace = true\n"));
    }
}
