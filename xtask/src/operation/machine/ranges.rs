//! The port range of each project, and overlaps.

use std::path::{Path, PathBuf};

use console::style;
use serde::Serialize;

use super::inventory::{Entry, inventory};
use crate::context::Context;
use crate::decide::shared_ports;
use crate::disk;
use crate::model::PortRange;
use crate::stack::{self, Settings};
use crate::ui::{self, Column};

/// The JSON of `ranges`.
#[derive(Debug, Serialize)]
pub struct Ranges {
    schema: u32,
    projects: Vec<ProjectRange>,
    overlaps: Vec<Overlap>,
}

#[derive(Debug, Serialize)]
struct ProjectRange {
    project: String,
    #[serde(serialize_with = "ui::json_path")]
    dir: PathBuf,
    range: Option<PortRange>,
    source: Option<Source>,
    /// Kept ports in the range.
    inside: Vec<u16>,
    /// Kept ports outside it.
    outside: Vec<u16>,
    /// The repository, whose worktrees share one xtask.toml.
    #[serde(skip)]
    repository: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Source {
    #[serde(rename = "xtask.toml")]
    Settings,
    /// A free block that this tool assigned.
    #[serde(rename = "given")]
    Given,
}

#[derive(Debug, Serialize)]
struct Overlap {
    ports: PortRange,
    projects: [Party; 2],
    cure: String,
}

#[derive(Debug, Serialize)]
struct Party {
    project: String,
    #[serde(serialize_with = "ui::json_path")]
    dir: PathBuf,
}

/// Of every project whose folder exists.
pub fn ranges(ctx: &Context) -> Ranges {
    let found = inventory(ctx);
    let gone = found.entries.iter().filter(|entry| entry.is_orphan() && entry.leased).count();
    if gone > 0 {
        let projects = if gone == 1 { "a project" } else { "projects" };
        ui::note(&format!(
            "note: ports are kept for {projects} whose folder was deleted: `cargo xtask release --gone`"
        ));
    }
    let there = found.entries.iter().filter(|entry| entry.exists == Some(true));
    let mut projects: Vec<ProjectRange> = there.map(|entry| project_range(ctx, entry)).collect();
    // A running stack without leases is listed only if it has a range.
    let leased = |known: &ProjectRange| known.range.is_some() || known.inside.len() + known.outside.len() > 0;
    projects.retain(leased);
    let all: Vec<Option<PortRange>> = projects.iter().map(|known| known.range).collect();
    let overlaps = shared_ports(&all).into_iter().map(|(a, b, ports)| (&projects[a], &projects[b], ports));
    let overlaps =
        overlaps.filter(|(a, b, _)| !share_settings(a, b)).map(|(a, b, ports)| overlap(ctx, a, b, ports)).collect();
    Ranges { schema: 1, projects, overlaps }
}

fn project_range(ctx: &Context, entry: &Entry) -> ProjectRange {
    let settings = Settings::read(&entry.dir)
        .inspect_err(|error| ui::warn(&format!("{} in {}: {error}", ui::clean(&entry.project), ctx.show(&entry.dir))));
    let written = settings.ok().and_then(|settings| settings.port_range);
    let source = written.map(|_| Source::Settings).or_else(|| entry.range.map(|_| Source::Given));
    let range = written.or(entry.range);
    let mut kept: Vec<u16> =
        entry.services.iter().flat_map(|service| &service.leases).map(|lease| lease.published).collect();
    kept.sort_unstable();
    kept.dedup();
    let (inside, outside) = kept.into_iter().partition(|port| range.is_some_and(|range| range.contains(*port)));
    let checkout = entry.checkout.as_ref();
    ProjectRange {
        project: entry.project.clone(),
        dir: entry.dir.clone(),
        range,
        source,
        inside,
        outside,
        repository: checkout.map(|checkout| checkout.main.clone().unwrap_or_else(|| checkout.root.clone())),
    }
}

/// Whether two projects share one xtask.toml, as worktrees of a repository or projects in one
/// folder. That is no overlap: leases keep their ports apart.
fn share_settings(a: &ProjectRange, b: &ProjectRange) -> bool {
    let from_settings = a.source == Some(Source::Settings) && b.source == Some(Source::Settings);
    from_settings && (a.dir == b.dir || a.repository.is_some() && a.repository == b.repository)
}

fn overlap(ctx: &Context, a: &ProjectRange, b: &ProjectRange, ports: PortRange) -> Overlap {
    let given = [a, b].into_iter().find(|known| known.source == Some(Source::Given));
    let cure = match given {
        Some(known) => {
            format!("run `cargo xtask release` in {}: the next start there gets another block", ctx.show(&known.dir))
        }
        None => format!("change port_range in {}, or in the other one", settings_location(ctx, &b.dir)),
    };
    let party = |known: &ProjectRange| Party { project: known.project.clone(), dir: known.dir.clone() };
    Overlap { ports, projects: [party(a), party(b)], cure }
}

/// `~/src/demo/xtask.toml:3`
fn settings_location(ctx: &Context, dir: &Path) -> String {
    let path = dir.join(stack::SETTINGS_FILE);
    let text = disk::read_text(&path).unwrap_or_default();
    let at = text.lines().position(|line| line.trim_start().starts_with("port_range"));
    format!("{}{}", ctx.show(&path), at.map(|at| format!(":{}", at + 1)).unwrap_or_default())
}

impl Ranges {
    pub fn overlap(&self) -> bool {
        !self.overlaps.is_empty()
    }

    pub fn text(&self, ctx: &Context) {
        if self.projects.is_empty() {
            ui::out("no project has a port range, and no port is kept");
        }
        let columns = [Column::Left, Column::Left, Column::Left, Column::Left];
        let cells: Vec<Vec<String>> = self.projects.iter().map(|known| cells(ctx, known)).collect();
        for line in ui::table(&columns, &cells) {
            ui::out(&line);
        }
        for Overlap { ports, projects: [a, b], cure } in &self.overlaps {
            let name = |party: &Party| format!("{} in {}", ui::clean(&party.project), ctx.show(&party.dir));
            let head = style("overlap").red().bold();
            ui::out(&format!("{head} {ports}: {} and {}", name(a), name(b)));
            ui::out(&format!("      {cure}"));
        }
    }
}

fn cells(ctx: &Context, known: &ProjectRange) -> Vec<String> {
    let list = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<String>>().join(" ");
    let range = known.range.map_or_else(|| "-".to_owned(), |range| range.to_string());
    let kept = match (known.inside.as_slice(), known.outside.as_slice()) {
        ([], []) => "nothing kept".to_owned(),
        (inside, []) => format!("keeps {}", list(inside)),
        ([], outside) if known.range.is_none() => format!("keeps {}", list(outside)),
        ([], outside) => format!("keeps {} outside", list(outside)),
        (inside, outside) => format!("keeps {}, and {} outside", list(inside), list(outside)),
    };
    let kept = match known.source {
        Some(Source::Settings) => format!("{kept} (xtask.toml)"),
        _ => kept,
    };
    vec![range, ui::clean(&known.project), ctx.show(&known.dir), kept]
}
