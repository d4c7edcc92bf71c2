//! Parses the output of `cargo build --message-format json`. Pure.

use std::path::PathBuf;

/// One line. `fresh`: cargo reused an earlier build, because no source is newer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Program {
        path: PathBuf,
        fresh: bool,
    },
    /// Files of a library of a local package.
    Library {
        files: Vec<PathBuf>,
        fresh: bool,
    },
    Other,
}

/// Parses a line. Only one program is built, so any program is the wanted one.
pub(crate) fn read(line: &str) -> Message {
    let fields = Fields(line);
    let on_disk = fields.string("package_id").is_some_and(|id| id.contains("path+"));
    if fields.string("reason").as_deref() != Some("compiler-artifact") || !on_disk {
        return Message::Other;
    }
    let fresh = fields.value("fresh").is_none_or(|value| !value.starts_with("false"));
    if let Some(program) = fields.string("executable") {
        return Message::Program { path: program.into(), fresh };
    }
    if fields.strings("kind").iter().any(|kind| kind.ends_with("lib")) {
        let files = fields.strings("filenames").into_iter().map(PathBuf::from).collect();
        return Message::Library { files, fresh };
    }
    Message::Other
}

/// A JSON object as cargo writes it: on one line, without spaces.
struct Fields<'a>(&'a str);

impl Fields<'_> {
    fn string(&self, name: &str) -> Option<String> {
        string(self.value(name)?).map(|(text, _)| text)
    }

    fn strings(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        let Some(mut rest) = self.value(name).and_then(|value| value.strip_prefix('[')) else { return found };
        while let Some((text, after)) = string(rest) {
            found.push(text);
            rest = after.strip_prefix(',').unwrap_or("");
        }
        found
    }

    /// The text after a name. Quotes in strings are escaped, so a name is never found inside a value.
    fn value(&self, name: &str) -> Option<&str> {
        let name = format!("\"{name}\":");
        self.0.find(&name).map(|at| &self.0[at + name.len()..])
    }
}

/// Parses a string; also returns the rest.
fn string(text: &str) -> Option<(String, &str)> {
    let mut found = String::new();
    let inner = text.strip_prefix('"')?;
    let mut chars = inner.char_indices();
    loop {
        match chars.next()?.1 {
            '"' => return Some((found, chars.as_str())),
            '\\' => match chars.next()?.1 {
                'n' => found.push('\n'),
                't' => found.push('\t'),
                'r' => found.push('\r'),
                'b' => found.push('\u{8}'),
                'f' => found.push('\u{c}'),
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                    found.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                c => found.push(c),
            },
            c => found.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_libraries_are_told_from_the_rest() {
        let line = |id: &str, kind: &str, files: &str, program: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"{id}","manifest_path":"/w/Cargo.toml","target":{{"kind":["{kind}"],"name":"xtask"}},"features":[],"filenames":[{files}],"executable":{program},"fresh":false}}"#
            )
        };
        let id = "path+file:///w/xtask#0.1.0";
        assert_eq!(
            read(&line(id, "bin", r#""/w/t/xtask""#, r#""/w/t\\a \"b\"\u00e9/xtask""#)),
            Message::Program { path: "/w/t\\a \"b\"é/xtask".into(), fresh: false }
        );
        assert_eq!(
            read(&line(id, "lib", r#""/w/a.rlib","/w/a.rmeta""#, "null").replace("false", "true")),
            Message::Library { files: vec!["/w/a.rlib".into(), "/w/a.rmeta".into()], fresh: true }
        );
        let other = "registry+https://example.com/index#clap@4.6.0";
        for line in [
            line(id, "custom-build", r#""/w/b""#, "null"),
            line(other, "lib", r#""/w/a.rlib""#, "null"),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
            r#"{"reason":"compiler-artifact","package_id":"path+file"#.to_owned(),
        ] {
            assert_eq!(read(&line), Message::Other, "{line}");
        }
    }
}
