//! The result of one check.

use serde::Serialize;

use super::fix::Fix;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    Note,
    /// It will fail some day.
    Warning,
    /// It fails now.
    Problem,
    /// The check could not find out.
    Unknown,
}

impl Status {
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable: `CHECK.SUBJECT`.
    pub id: &'static str,
    /// What was checked.
    pub title: String,
    pub status: Status,
    /// The facts, on one or more lines.
    pub seen: String,
    /// Why it matters; `None` for [`Status::Ok`].
    pub why: Option<String>,
    /// How to fix it, usually a command.
    pub remedy: Option<String>,
    /// Whether `fix` is set; for JSON.
    pub fixable: bool,
    #[serde(skip)]
    pub fix: Option<Fix>,
}

impl Finding {
    pub fn new(id: &'static str, title: impl Into<String>, status: Status, seen: impl Into<String>) -> Finding {
        let (title, seen) = (title.into(), seen.into());
        Finding { id, title, status, seen, why: None, remedy: None, fixable: false, fix: None }
    }

    pub fn ok(id: &'static str, title: impl Into<String>, seen: impl Into<String>) -> Finding {
        Finding::new(id, title, Status::Ok, seen)
    }

    #[must_use]
    pub fn why(self, why: impl Into<String>) -> Finding {
        Finding { why: Some(why.into()), ..self }
    }

    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Finding {
        Finding { remedy: Some(remedy.into()), ..self }
    }

    #[must_use]
    pub fn fix(self, fix: Fix) -> Finding {
        Finding { fixable: true, fix: Some(fix), ..self }
    }

    /// A finding with the error's fact, and its hints as the remedy.
    #[must_use]
    pub fn of_error(id: &'static str, title: &str, status: Status, error: &crate::error::Error) -> Finding {
        let found = Finding::new(id, title, status, error.message());
        match error.hints() {
            [] => found,
            hints => found.remedy(hints.join("; ")),
        }
    }
}
