//! The plan as text and as JSON.

use serde::Serialize;

use super::plan::{Edit, Plan, View};
use crate::ui;

pub(crate) fn text(plan: &Plan) {
    for step in &plan.steps {
        ui::out(&ui::clean(&step.what));
        for edit in &step.edits {
            match step.view {
                View::Line => {}
                View::Names => ui::out(&format!("    {}: {}", edit.kind(), show(plan, edit))),
                View::Diff => {
                    let text = |bytes: &Option<Vec<u8>>| {
                        String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned()
                    };
                    for line in ui::diff(&text(&edit.before), &text(&edit.after)) {
                        ui::out(&format!("    {line}"));
                    }
                }
            }
        }
    }
    for left in &plan.skipped {
        ui::note(&format!("left: {}: {}", ui::clean(&left.place), ui::clean(&left.why)));
    }
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    dir: String,
    steps: Vec<StepReport<'a>>,
    left: Vec<LeftReport<'a>>,
    applied: bool,
}

#[derive(Serialize)]
struct StepReport<'a> {
    what: &'a str,
    files: Vec<FileReport>,
}

#[derive(Serialize)]
struct FileReport {
    file: String,
    /// `added`, `changed` or `removed`.
    kind: &'static str,
}

#[derive(Serialize)]
struct LeftReport<'a> {
    place: &'a str,
    why: &'a str,
}

pub(crate) fn json(plan: &Plan, applied: bool) -> impl Serialize {
    let files =
        |edits: &[Edit]| edits.iter().map(|edit| FileReport { file: show(plan, edit), kind: edit.kind() }).collect();
    Report {
        schema: 1,
        dir: plan.dir.display().to_string(),
        steps: plan.steps.iter().map(|step| StepReport { what: &step.what, files: files(&step.edits) }).collect(),
        left: plan.skipped.iter().map(|left| LeftReport { place: &left.place, why: &left.why }).collect(),
        applied,
    }
}

fn show(plan: &Plan, edit: &Edit) -> String {
    let inside = edit.path.strip_prefix(&plan.dir).unwrap_or(&edit.path);
    ui::clean(&inside.display().to_string().replace('\\', "/"))
}
