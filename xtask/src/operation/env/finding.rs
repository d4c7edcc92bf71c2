//! A problem in a file, with its line and a remedy.

use std::path::Path;

use serde::Serialize;

use crate::context::Context;
use crate::ui;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub(super) kind: &'static str,
    /// `None` if it is about the whole file.
    variable: Option<String>,
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
    pub(super) message: String,
    pub(super) remedy: String,
}

impl Finding {
    /// `missing`, `duplicate`, `shadowed`, …
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// `.env:3: …`
    pub fn line(&self) -> String {
        format!("{}:{}: {}", self.file, self.line, self.message)
    }

    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

/// The file that findings are about.
pub(super) struct FindingSource<'a> {
    pub(super) ctx: &'a Context,
    pub(super) path: &'a Path,
}

impl FindingSource<'_> {
    pub(super) fn finding(
        &self,
        kind: &'static str,
        variable: &str,
        line: usize,
        message: &str,
        remedy: String,
    ) -> Finding {
        let variable = Some(ui::clean(variable)).filter(|name| !name.is_empty());
        Finding { kind, variable, file: self.ctx.show(self.path), line, message: ui::clean(message), remedy }
    }
}
