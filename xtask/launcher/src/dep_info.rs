//! Parses the compiler's and cargo's lists of what a build read, in Makefile format. Pure.

/// What a build read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DepInfo {
    /// Paths as written.
    pub(crate) files: Vec<String>,
    /// Names of environment variables that the compiler read.
    pub(crate) variables: Vec<String>,
}

/// Parses `target: file file`, and rustc's `# env-dep:NAME=value`.
pub(crate) fn parse(text: &str) -> DepInfo {
    let mut found = DepInfo::default();
    for line in text.lines() {
        if let Some(variable) = line.strip_prefix("# env-dep:") {
            found.variables.push(variable.split('=').next().unwrap_or_default().to_owned());
        } else if let Some(files) = files_of_rule(line) {
            found.files.extend(words(files));
        }
    }
    found
}

/// The text after the colon of a rule. Paths with a Windows drive contain a colon too.
fn files_of_rule(line: &str) -> Option<&str> {
    if line.starts_with('#') {
        return None;
    }
    line.split_once(": ").map(|(_, files)| files)
}

/// Splits at spaces, except those after a backslash.
fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&' ') => word.extend(chars.next()),
            ' ' => found.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    found.push(word);
    found.retain(|word| !word.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_variables_are_read() {
        let text = "/t/debug/deps/x-1.d: src/main.rs src/a\\ b.rs C:\\x\\y.rs\n\n/t/debug/deps/x-1: src/main.rs\n\n\
            src/main.rs:\n\n# env-dep:CARGO_PKG_VERSION=0.1.0\n# env-dep:GITHUB_SHA\n";
        let found = parse(text);
        assert_eq!(found.files, ["src/main.rs", "src/a b.rs", "C:\\x\\y.rs", "src/main.rs"]);
        assert_eq!(found.variables, ["CARGO_PKG_VERSION", "GITHUB_SHA"]);
    }
}
