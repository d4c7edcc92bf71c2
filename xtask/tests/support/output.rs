//! What a program said.

use std::fmt::Write as _;

/// In a run of a `Project` both outputs are redacted.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) words: String,
    /// -1 where a signal ended it.
    pub(crate) code: i32,
    /// Standard output as it was.
    pub(crate) raw: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Fails the test where the exit code is another one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{self}");
        self
    }

    /// Fails the test where neither output has `text`.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "no `{text}` in\n{self}");
        self
    }

    /// Fails the test where an output has `text`.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(!self.stdout.contains(text) && !self.stderr.contains(text), "`{text}` in\n{self}");
        self
    }

    /// Fails the test where it does not name this process as an owner.
    #[track_caller]
    pub(crate) fn names(self, pid: u32) -> Self {
        self.says(&format!("(pid {pid}"))
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.raw).unwrap_or_else(|error| panic!("{error} in\n{self}"))
    }

    /// Both outputs, for snapshots of the tests on an engine.
    pub(crate) fn text(&self) -> String {
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = format!("$ cargo xtask {}\nexit code {}\n", self.words, self.code);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                let end = if stream.ends_with('\n') { "" } else { "\n" };
                write!(text, "--- {name}\n{stream}{end}")?;
            }
        }
        f.write_str(text.trim_end())
    }
}

/// Replaces what stands behind each `head`, as far as its characters are `part`.
pub(crate) fn redact_after(text: &str, head: &str, part: impl Fn(char) -> bool, name: &str) -> String {
    let mut pieces = text.split(head);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.extend([head, name, piece.trim_start_matches(&part)]);
    }
    out
}
