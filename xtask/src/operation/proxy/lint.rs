//! Checks labels against what the proxy does with them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::instance::Instance;
use super::names::files_with_names;
use super::proof::labelled as labelled_containers;
use crate::context::Context;
use crate::decide::{namesakes, with_running_networks};
use crate::error::Result;
use crate::labels::{self, Finding};
use crate::model::{ComposeOptions, Service};
use crate::{project, stack, ui};

#[derive(Debug, Clone)]
pub struct Linted {
    pub findings: Vec<Finding>,
    /// Notes that are not about the labels themselves.
    pub notes: Vec<String>,
    /// Services with labels for Traefik.
    pub labelled: usize,
}

/// Checks the labels of the project, including its compose file with labels, and those of
/// running containers.
pub fn lint(ctx: &Context) -> Result<Linted> {
    let env = |name: &str| ctx.var(name);
    let located = stack::locate(&ctx.options, &ctx.dir, &env)?;
    let files = files_with_names(located.files, &located.dir);
    let found = project::resolve(&ctx.with_options(ComposeOptions { files, ..ctx.options.clone() }))?;
    let instance = Instance::resolve(ctx)?;
    let labelled: Vec<&Service> = found.stack.services.iter().filter(|service| !service.labels.is_empty()).collect();
    let mut exposed = BTreeMap::new();
    let containers = found.containers.as_deref().unwrap_or_default();
    if found.containers.is_ok() {
        for service in &labelled {
            let own = || format!("{}-{}", found.stack.name, service.name);
            let image = service.image.clone().unwrap_or_else(own);
            // An image that is not pulled yet is skipped.
            if let Ok(Some(image)) = ctx.engine.image(&image) {
                exposed.insert(service.name.clone(), image.exposed);
            }
        }
    }
    let running = labelled_containers(&instance, containers);
    let findings = labels::lint(&found.stack, &instance.network, &exposed, &running);
    let mut notes = labels::fallbacks(&found.stack, &running);
    let mistaken = namesakes(&with_running_networks(&found.stack, containers), containers);
    notes.extend(mistaken.iter().map(ToString::to_string));
    Ok(Linted { findings, notes, labelled: labelled.len() })
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    findings: Vec<Row<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Row<'a> {
    service: &'a str,
    file: Option<String>,
    line: Option<usize>,
    message: &'a str,
    cure: &'a str,
}

pub fn json(linted: &Linted) -> impl Serialize + '_ {
    let findings = linted.findings.iter().map(|Finding { service, place, message, cure }| {
        let (file, line) = place.as_ref().map(|place| (place.file.display().to_string(), place.line)).unzip();
        Row { service, file, line, message, cure }
    });
    Report { schema: 1, findings: findings.collect(), notes: &linted.notes }
}

pub fn print(ctx: &Context, linted: &Linted) {
    for finding in &linted.findings {
        let place = finding.place.as_ref().map(|place| format!("{}:{}: ", ctx.show(&place.file), place.line));
        let line = format!("{}{}: {}", place.unwrap_or_default(), finding.service, finding.message);
        ui::out(&ui::clean(&line));
        ui::out(&ui::clean(&format!("    {}", finding.cure)));
    }
    for note in &linted.notes {
        ui::note(&format!("note: {}", ui::clean(note)));
    }
    match (linted.findings.len(), linted.labelled) {
        (0, 0) => ui::note("no service has labels for Traefik"),
        (0, services) => ui::note(&format!("the labels of {services} services are fine")),
        (_, _) => {}
    }
}
