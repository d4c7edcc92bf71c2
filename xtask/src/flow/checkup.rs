//! The state of this machine and project as a list of checks, each with the
//! command that mends what it found.

use std::path::Path;

use serde::Serialize;

use crate::context::Context;
use crate::envfile::Document;
use crate::exec::{self, Command};
use crate::flow::report;
use crate::flow::survey::{Survey, survey};
use crate::flow::up::{ServiceState, states};
use crate::model::Verdict;
use crate::ui;

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

/// One check.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Stable name.
    pub id: &'static str,
    /// What was looked at.
    pub title: &'static str,
    /// How it is.
    pub status: Status,
    /// What was seen.
    pub seen: String,
    /// Why it matters; absent where all is well.
    pub why: Option<&'static str>,
    /// The command that mends it.
    pub remedy: Option<String>,
    /// Whether this tool can mend it by itself.
    pub fixable: bool,
}

impl Check {
    fn ok(id: &'static str, title: &'static str, seen: impl Into<String>) -> Check {
        Check { id, title, status: Status::Ok, seen: seen.into(), why: None, remedy: None, fixable: false }
    }

    fn bad(
        (id, title): (&'static str, &'static str),
        status: Status,
        seen: impl Into<String>,
        why: &'static str,
        remedy: impl Into<String>,
    ) -> Check {
        Check { id, title, status, seen: seen.into(), why: Some(why), remedy: Some(remedy.into()), fixable: false }
    }
}

/// Runs every check; questions to tools go side by side.
pub fn checkup(ctx: &Context) -> Vec<Check> {
    let compose = ctx.compose();
    let (version, found) = std::thread::scope(|scope| {
        let version = scope.spawn(|| compose.version());
        let found = survey(ctx);
        (version.join().ok().flatten(), found)
    });
    let mut checks = vec![docker_cli(), compose_version(version.as_deref())];
    match found {
        Ok(found) => {
            checks.push(engine(ctx, &found));
            checks.push(Check::ok(
                "project",
                "compose file",
                format!("{} services, project `{}`", found.stack.services.len(), found.stack.name),
            ));
            checks.push(folder(ctx, &found));
            checks.extend(env_file(ctx, &found));
            checks.push(ports(ctx, &found));
            checks.push(containers(&found));
        }
        Err(error) => {
            let remedy =
                error.hints().first().cloned().unwrap_or_else(|| "correct the file, then run this again".to_owned());
            checks.push(Check::bad(
                ("project", "compose file"),
                Status::Problem,
                error.message(),
                "without a readable project nothing can be checked or started",
                remedy,
            ));
        }
    }
    checks
}

fn docker_cli() -> Check {
    let name = ("docker", "Docker's command line");
    match exec::find("docker") {
        Some(path) => Check::ok(name.0, name.1, path.display().to_string()),
        None => Check::bad(
            name,
            Status::Problem,
            "no `docker` on PATH",
            "everything but check-ports needs it",
            "cargo xtask start --setup (Debian and Ubuntu, as root), or docs.docker.com/get-docker",
        ),
    }
}

/// The oldest version that is tested against: older ones lack options used here.
const OLDEST: (u32, u32) = (2, 20);

fn compose_version(version: Option<&str>) -> Check {
    let name = ("compose", "Compose");
    let why = "versions before 2.20 lack what this tool asks for, and 1.x is no longer kept up";
    let remedy = "install the package docker-compose-plugin (or docker-compose 2 and later)";
    let Some(version) = version else {
        return Check::bad(name, Status::Problem, "`docker compose version` does not answer", why, remedy);
    };
    let mut numbers = version.split(['.', '-', '+']).map_while(|word| word.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST => {
            Check::bad(name, Status::Problem, format!("version {version}"), why, remedy)
        }
        (Some(_), Some(_)) => Check::ok(name.0, name.1, format!("version {version}")),
        _ => Check::bad(name, Status::Unknown, format!("version `{}`", ui::clean(version)), why, remedy),
    }
}

fn engine(ctx: &Context, found: &Survey) -> Check {
    let name = ("engine", "Docker engine");
    let endpoint = ctx.engine.endpoint();
    match &found.containers {
        Ok(containers) => {
            let running = containers.iter().filter(|container| container.state.holds_ports()).count();
            let seen = format!("answers at {} ({}), {running} containers run", endpoint.host, endpoint.chosen_by);
            if endpoint.is_remote() {
                let why = "ports are bound on that machine, so a check here cannot see its processes";
                return Check::bad(name, Status::Note, seen, why, "docker context use default");
            }
            Check::ok(name.0, name.1, seen)
        }
        Err(trouble) => {
            let error = trouble.error(endpoint);
            let remedy = error.hints().first().cloned().unwrap_or_default();
            Check::bad(name, Status::Problem, error.message(), "without it nothing can be started", remedy)
        }
    }
}

fn folder(ctx: &Context, found: &Survey) -> Check {
    let name = ("project-name", "project name");
    match found.refuse_elsewhere(ctx) {
        Ok(()) => Check::ok(name.0, name.1, format!("`{}` runs from no other folder", found.stack.name)),
        Err(error) => {
            let remedy = error.hints().first().cloned().unwrap_or_default();
            Check::bad(
                name,
                Status::Problem,
                error.message(),
                "two folders with one project name share containers and data",
                remedy,
            )
        }
    }
}

fn env_file(ctx: &Context, found: &Survey) -> Vec<Check> {
    let name = ("env", ".env");
    if let Some(template) = &found.template {
        let seen = format!("not there; {} is", ctx.show(template));
        let why = "ports are moved by writing into it";
        return vec![Check::bad(name, Status::Note, seen, why, "cargo xtask start (copies the template)")];
    }
    let Some(file) = found.env_files.files().last() else {
        return vec![Check::ok(name.0, name.1, "not there, and no template asks for it")];
    };
    let mut checks = vec![drift(ctx, file)];
    checks.extend(ignored(ctx, file));
    checks
}

/// Variables of the template that the file lacks.
fn drift(ctx: &Context, file: &Path) -> Check {
    let name = ("env", ".env");
    let names = |path: &Path| Document::parse(std::fs::read(path).ok()?).ok().map(|document| document.names());
    let template = file.with_file_name(".env.template");
    let (Some(wanted), Some(there)) = (names(&template), names(file)) else {
        return Check::ok(name.0, name.1, format!("{} is read", ctx.show(file)));
    };
    let missing: Vec<String> = wanted.into_iter().filter(|name| !there.contains(name)).collect();
    if missing.is_empty() {
        return Check::ok(name.0, name.1, format!("{} has all that {} has", ctx.show(file), ctx.show(&template)));
    }
    let seen = format!("{} lacks {}", ctx.show(file), missing.join(", "));
    let why = "the template has grown since it was copied; defaults of the compose file stand in";
    Check::bad(name, Status::Note, seen, why, "cargo xtask env init --missing")
}

/// Only a repository can tell, and only one with git.
fn ignored(ctx: &Context, file: &Path) -> Option<Check> {
    let name = ("env-ignored", ".env and git");
    let dir = file.parent()?;
    let answer = Command::new("git").args(["check-ignore", "--quiet"]).arg(file).dir(dir).ask(exec::LIMIT).ok()?;
    match answer.code {
        Some(0) => Some(Check::ok(name.0, name.1, format!("{} is ignored", ctx.show(file)))),
        Some(1) => Some(Check::bad(
            name,
            Status::Warning,
            format!("{} is not ignored", ctx.show(file)),
            "it holds this machine's ports, and often passwords",
            "echo .env >> .gitignore",
        )),
        _ => None,
    }
}

fn ports(ctx: &Context, found: &Survey) -> Check {
    let name = ("ports", "published ports");
    let conflicts: Vec<String> = found
        .conflicts()
        .map(|row| {
            let who = match &row.verdict {
                Verdict::Taken(owners) => {
                    owners.iter().map(|owner| report::describe(ctx, owner)).collect::<Vec<_>>().join(" and ")
                }
                verdict => verdict.as_str().to_owned(),
            };
            format!("{} ({}): {who}", row.wanted.mapping.address(), row.wanted.mapping.service)
        })
        .collect();
    if conflicts.is_empty() {
        return Check::ok(name.0, name.1, format!("{} ports, all free or ours", found.rows.len()));
    }
    let why = "`docker compose up` will stop half-way";
    Check::bad(name, Status::Problem, conflicts.join("; "), why, "cargo xtask check-ports")
}

fn containers(found: &Survey) -> Check {
    let name = ("containers", "containers of this project");
    let known = found.containers.as_deref().unwrap_or_default();
    let own: Vec<_> =
        known.iter().filter(|container| container.project.as_deref() == Some(&found.stack.name)).cloned().collect();
    if own.is_empty() {
        return Check::ok(name.0, name.1, "none");
    }
    let bad: Vec<String> = states(&found.stack, &own)
        .into_iter()
        .filter(|(_, state)| matches!(state, ServiceState::Failed | ServiceState::Unhealthy))
        .map(|(service, state)| format!("{} is {}", ui::clean(&service), state.word()))
        .collect();
    if bad.is_empty() {
        return Check::ok(name.0, name.1, format!("{} of them, none failed", own.len()));
    }
    Check::bad(name, Status::Problem, bad.join(", "), "what needs them does not work", "cargo xtask logs")
}
