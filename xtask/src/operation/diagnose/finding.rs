//! What a check found.

use serde::Serialize;

use super::fix::Mend;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// Will bite one day.
    Warning,
    /// Bites now.
    Problem,
    /// It could not be told.
    Unknown,
}

impl Status {
    /// The word that people see.
    pub fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Note => "note",
            Status::Warning => "warning",
            Status::Problem => "problem",
            Status::Unknown => "unknown",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable: the check's name, a dot, and what of it.
    pub id: &'static str,
    /// What was looked at.
    pub title: String,
    /// How it is.
    pub status: Status,
    /// What was seen; may have several lines.
    pub seen: String,
    /// Why it matters; absent where all is well.
    pub why: Option<String>,
    /// What mends it: as a rule a command.
    pub remedy: Option<String>,
    /// Whether `--fix` can mend it.
    pub fixable: bool,
    /// How `--fix` would.
    #[serde(skip)]
    pub mend: Option<Mend>,
}

impl Finding {
    /// A finding with no advice yet.
    pub fn new(id: &'static str, title: impl Into<String>, status: Status, seen: impl Into<String>) -> Finding {
        let (title, seen) = (title.into(), seen.into());
        Finding { id, title, status, seen, why: None, remedy: None, fixable: false, mend: None }
    }

    /// All is well.
    pub fn ok(id: &'static str, title: impl Into<String>, seen: impl Into<String>) -> Finding {
        Finding::new(id, title, Status::Ok, seen)
    }

    /// Why it matters.
    #[must_use]
    pub fn why(self, why: impl Into<String>) -> Finding {
        Finding { why: Some(why.into()), ..self }
    }

    /// What mends it.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Finding {
        Finding { remedy: Some(remedy.into()), ..self }
    }

    /// How `--fix` mends it.
    #[must_use]
    pub fn mend(self, mend: Mend) -> Finding {
        Finding { fixable: true, mend: Some(mend), ..self }
    }

    /// The fact and the advice of an error.
    #[must_use]
    pub fn of_error(id: &'static str, title: &str, status: Status, error: &crate::error::Error) -> Finding {
        let found = Finding::new(id, title, status, error.message());
        match error.hints() {
            [] => found,
            hints => found.remedy(hints.join("; ")),
        }
    }
}
