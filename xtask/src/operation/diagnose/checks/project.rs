//! The project on disk: compose files, name, `.env`, port range.

use std::path::Path;

use crate::exec::{self, Command};
use crate::model::{Leases, Named, PortRange};
use crate::operation::check::project::CheckedProject;
use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::operation::diagnose::fix::Fix;
use crate::operation::env;
use crate::{disk, stack, ui};

pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let survey = match facts.survey() {
        Ok(found) => found,
        Err(error) => {
            return vec![
                Finding::of_error("project.file", "compose file", Status::Problem, error)
                    .why("without a readable project nothing can be checked or started"),
            ];
        }
    };
    let count = ui::count(survey.stack.services.len(), "service");
    let seen = format!("{count}, project `{}`", survey.stack.name);
    let mut found = vec![Finding::ok("project.file", "compose file", seen), project_name(survey)];
    found.extend(env_files(facts, survey));
    found.extend(literal_ports(facts, survey));
    found.extend(fixed_names(facts));
    found.extend(port_range(facts, survey));
    found
}

fn project_name(survey: &CheckedProject) -> Finding {
    let (id, title) = ("project.name", "project name");
    match survey.refuse_if_running_elsewhere() {
        // The first start gives a second checkout a name of its own.
        Err(_) if survey.is_secondary_checkout && !survey.is_name_explicit() => {
            Finding::new(id, title, Status::Note, format!("`{}` is another checkout's", survey.stack.name))
                .why("two folders with one project name share containers and data")
                .remedy("cargo xtask start (gives this checkout its own name and ports)")
        }
        Ok(()) => match survey.other_manager() {
            None => Finding::ok(id, title, format!("`{}` runs from no other folder", survey.stack.name)),
            Some(manager) => Finding::of_error(id, title, Status::Problem, &survey.manager_error(manager))
                .why("`cargo xtask start` refuses it"),
        },
        Err(error) => Finding::of_error(id, title, Status::Problem, &error)
            .why("two folders with one project name share containers and data"),
    }
}

fn env_files(facts: &Facts, survey: &CheckedProject) -> Vec<Finding> {
    let (id, title) = ("project.env", ".env");
    if let Some(template) = &survey.template {
        let seen = format!("missing, but there is {}", facts.ctx.show(template));
        return vec![
            Finding::new(id, title, Status::Note, seen)
                .why("moving a port writes to it, and people look for it")
                .remedy("cargo xtask env init")
                .fix(Fix::Env { missing: false }),
        ];
    }
    let Some(file) = survey.env_files.files().last() else {
        return vec![Finding::ok(id, title, "not used, and there is no template")];
    };
    let mut found = env_problems(facts);
    if found.is_empty() {
        found.push(Finding::ok(id, title, format!("{} is fine", facts.ctx.show(file))));
    }
    // A file that --env-file names may be meant to be committed.
    if !survey.env_files.is_explicit() {
        found.extend(git_ignore(facts, file));
    }
    found
}

/// The findings of `env check`, grouped by kind.
fn env_problems(facts: &Facts) -> Vec<Finding> {
    let checked = env::gather(&facts.ctx).and_then(|project| env::check(&facts.ctx, &project));
    let all = match checked {
        Ok(checked) => checked.findings,
        Err(error) => return vec![Finding::of_error("project.env", ".env", Status::Problem, &error)],
    };
    let mut kinds: Vec<&'static str> = all.iter().map(env::Finding::kind).collect();
    kinds.dedup();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
        .into_iter()
        .filter_map(|kind| {
            let of_kind: Vec<&env::Finding> = all.iter().filter(|one| one.kind() == kind).collect();
            let seen: Vec<String> = of_kind.iter().map(|one| one.line()).collect();
            let status = if matches!(kind, "missing" | "unknown") { Status::Note } else { Status::Warning };
            let found = Finding::new("project.env", ".env", status, seen.join("\n"))
                .why(why(kind))
                .remedy(of_kind.first()?.remedy());
            Some(if kind == "missing" { found.fix(Fix::Env { missing: true }) } else { found })
        })
        .collect()
}

fn why(kind: &str) -> &'static str {
    match kind {
        "missing" => "the template has grown since it was copied; the compose file's defaults are used",
        "unknown" => "nothing reads it; it may be misspelt",
        "shadowed" => "the value in the file has no effect",
        "dependent" | "old_port" => "it names a port that the service no longer uses",
        _ => "the value is not what it looks like",
    }
}

/// `None` outside a git repository.
fn git_ignore(facts: &Facts, file: &Path) -> Option<Finding> {
    let (id, title) = ("project.env-ignored", ".env and git");
    let dir = file.parent()?;
    let git = |words: [&str; 2]| Command::new("git").args(words).arg(file).dir(dir).ask(exec::LIMIT).ok()?.code;
    let place = facts.ctx.show(file);
    // .gitignore does not apply to a tracked file.
    if git(["ls-files", "--error-unmatch"]) == Some(0) {
        return Some(
            Finding::new(id, title, Status::Warning, format!("git tracks {place}"))
                .why("everybody gets this machine's ports, and often passwords")
                .remedy(format!(
                    "git rm --cached {}, then commit: the file stays; its old contents remain in the history",
                    facts.ctx.typed(file)
                )),
        );
    }
    match git(["check-ignore", "--quiet"]) {
        Some(0) => Some(Finding::ok(id, title, format!("{place} is ignored"))),
        Some(1) => Some(
            Finding::new(id, title, Status::Warning, format!("{place} is not ignored"))
                .why("it holds this machine's ports, and often passwords")
                .remedy("echo .env >> .gitignore")
                .fix(Fix::Env { missing: false }),
        ),
        _ => None,
    }
}

fn literal_ports(facts: &Facts, survey: &CheckedProject) -> Option<Finding> {
    let literal = |row: &&crate::operation::check::project::Row| {
        row.variable().is_none() && row.wanted.mapping.published.is_some()
    };
    let rows: Vec<String> = survey
        .rows
        .iter()
        .filter(literal)
        .map(|row| {
            let place =
                row.wanted.origin.as_ref().map(|origin| format!(" ({}:{})", facts.ctx.show(&origin.file), origin.line));
            format!("{} of {}{}", row.wanted.mapping.address(), row.wanted.mapping.service, place.unwrap_or_default())
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    Some(
        Finding::new("project.literals", "ports without a variable", Status::Note, ui::clean(&rows.join(", ")))
            .why("no value in .env can move them when a port is taken, or for a second worktree")
            .remedy("write them as `\"${WEB_PORT:-8000}:80\"`"),
    )
}

/// Fixed names of containers, networks and volumes, which a second checkout would share.
fn fixed_names(facts: &Facts) -> Option<Finding> {
    let ctx = &facts.ctx;
    let all = stack::fixed_names(&ctx.options, &ctx.dir, &|name| ctx.var(name)).ok()?;
    let of_project = all.iter().filter(|name| name.what != Named::Project);
    let names: Vec<String> =
        of_project.map(|name| format!("{} ({}:{})", name.value, ctx.show(&name.file), name.line)).collect();
    if names.is_empty() {
        return None;
    }
    Some(
        Finding::new("project.fixed-names", "fixed names", Status::Note, ui::clean(&names.join(", ")))
            .why("a second checkout on this engine would share the first one's containers, networks or data")
            .remedy(
                "remove `container_name:` and `name:`; in a worktree `cargo xtask start` does so for that checkout",
            ),
    )
}

/// Whether `port_range` in xtask.toml overlaps ports that are kept for other projects.
fn port_range(facts: &Facts, survey: &CheckedProject) -> Option<Finding> {
    let (id, title) = ("project.range", "port range");
    let range = survey.settings.port_range?;
    let leases = facts.ctx.leases();
    let others = projects_in_range(&leases, range, &survey.stack.name, &survey.real_dir());
    if others.is_empty() {
        return Some(Finding::ok(id, title, format!("{range}, not shared")));
    }
    Some(
        Finding::new(id, title, Status::Note, format!("{range} is used by {} too", ui::clean(&others.join(", "))))
            .why("both projects choose ports from it, and may choose the same")
            .remedy("give one of them another `port_range` in its xtask.toml"),
    )
}

/// Other projects that keep ports in the range. Worktrees of this project are left out:
/// they share its range.
fn projects_in_range(leases: &Leases, range: PortRange, name: &str, dir: &Path) -> Vec<String> {
    let overlaps = |other: PortRange| other.first <= range.last && range.first <= other.last;
    let mut names: Vec<String> = leases
        .others(name, dir)
        .filter(|tenant| !tenant.project.starts_with(name) && disk::is_folder(&tenant.dir))
        .filter(|tenant| {
            tenant.range.is_some_and(overlaps) || tenant.leases.iter().any(|lease| range.contains(lease.published))
        })
        .map(|tenant| tenant.project.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Lease, Protocol, Tenant};

    #[test]
    fn other_projects_in_the_range_are_named_and_own_worktrees_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let tenant = |name: &str, port: u16| {
            let mut tenant = Tenant::new(name, dir.path());
            tenant.leases.push(Lease::new("web", 80, Protocol::Tcp, port, String::new()));
            tenant
        };
        let leases = Leases { tenants: vec![tenant("shop", 8003), tenant("demo-wt", 8004), tenant("blog", 9000)] };
        let range = PortRange::new(8000, 8009).unwrap();
        assert_eq!(projects_in_range(&leases, range, "demo", Path::new("/src/demo")), ["shop"]);
    }
}
