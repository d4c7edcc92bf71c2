//! Keeps a folder's project name, and so its volumes and ports, when the folder is renamed, its
//! `.env` is lost or a worktree is moved; asks where another name would leave data behind, or
//! take another project's.

use std::path::PathBuf;

use super::set_name::{reserve_name, set_name};
use super::tracked::WriteMode;
use crate::context::Context;
use crate::decide::{EarlierName, NameChoice, NameFacts, choose_name};
use crate::disk;
use crate::error::{Error, Result};
use crate::model::{CheckoutRecord, NameOrigin, Source, Tenant};
use crate::project::records::{repository, services};
use crate::project::{PROJECT_NAME, Project};
use crate::stack::git;
use crate::ui::{self, Choice};

/// Gives the project the name that its folder had, if nobody chose another; asks if data depends
/// on the answer.
pub(crate) fn keep_name(project: Project, writes: WriteMode) -> Result<(Project, WriteMode)> {
    if project.host.as_ref().is_some_and(|host| !host.is_container_host) {
        return Ok((project, writes));
    }
    if let Some(other) = project.owner_of_given_name() {
        let (name, other) = (ui::clean(&project.stack.name), project.ctx.show(&other));
        ui::note(&format!(
            "note: project {name} belongs to {other}: with -p this folder uses its containers and its data"
        ));
    }
    match choice(&project)? {
        NameChoice::Keep(earlier) => {
            let shown = ui::clean(&earlier);
            ui::note(&format!(
                "this folder was started as project {shown} before: it keeps that name, its volumes and its ports \
                 (`-p NAME` chooses another)"
            ));
            set_name(&project, &earlier, writes)
        }
        NameChoice::OfferEarlier(earlier) if offer(&project, &earlier)? => set_name(&project, &earlier, writes),
        NameChoice::Current | NameChoice::OfferEarlier(_) => Ok((project, writes)),
        NameChoice::AskWhose => {
            let name = project.stack.name.clone();
            if use_volumes(&project, &name)? {
                return Ok((project, writes));
            }
            let own = reserve_name(&project, |leases| Ok(project.new_name(leases, &|taken| taken == name)))?;
            set_name(&project, &own, writes)
        }
    }
}

fn choice(project: &Project) -> Result<NameChoice> {
    let name = &project.stack.name;
    let earlier = earlier_names(project);
    let facts = NameFacts {
        name,
        origin: project.name_origin(),
        is_taken: project.is_name_of_other_folder(name),
        has_containers: project.own_containers().next().is_some() && !project.records.is_of_earlier_folder(name),
        is_known: project.is_known_as(name),
        was_of_gone_folder: !project.is_secondary_checkout && gone_folder(project, name).is_some(),
        is_shared_by_copies: !project.is_secondary_checkout && !is_in_own_env_file(project),
        earlier: &earlier,
    };
    choose_name(&facts, &|name| volumes(&project.ctx, name).map(|volumes| !volumes.is_empty()))
}

/// Refuses if nothing says that the volumes of the project's name are those of this folder.
pub(crate) fn refuse_doubtful_volumes(project: &Project) -> Result<()> {
    if project.host.as_ref().is_some_and(|host| !host.is_container_host) {
        return Ok(());
    }
    let name = &project.stack.name;
    let is_of_other = project.name_origin() != NameOrigin::Given && project.records.is_of_earlier_folder(name);
    if !is_of_other && choice(project)? != NameChoice::AskWhose {
        return Ok(());
    }
    Err(Error::new(format!("{}; nothing was removed", doubt(project, name, &volumes(&project.ctx, name)?)))
        .hint(format!("to remove its data: `cargo xtask -p {} stop --volumes`", ui::quoted(name))))
}

/// The names of the folder, the last used first. Those of `-p` were for one run.
fn earlier_names(project: &Project) -> Vec<EarlierName> {
    let dir = project.real_dir();
    let (repository, services) = (repository(project.checkout.as_ref()), services(&project.stack));
    let is_unrelated = |record: &CheckoutRecord| {
        project.records.is_of_replaced_folder(record) && !record.is_related(repository.as_deref(), &services)
    };
    let was_kept = |record: &&CheckoutRecord| record.origin != NameOrigin::Given;
    let of_folder = project.records.of_folder(&dir).filter(was_kept).map(|record| (record, false));
    let perhaps = project.records.perhaps.iter().rev().filter(was_kept).map(|record| (record, true));
    let earlier = of_folder.chain(perhaps).map(|(record, is_doubtful)| EarlierName {
        name: record.project.clone(),
        origin: record.origin,
        is_unrelated: is_unrelated(record),
        is_doubtful,
        is_taken: project.is_name_of_other_folder(&record.project),
    });
    earlier.collect()
}

/// A folder that doesn't exist any more and was started under `name`, unless `.env` says that
/// name for this folder alone.
fn gone_folder(project: &Project, name: &str) -> Option<PathBuf> {
    let dir = project.real_dir();
    let of_containers = || {
        let mut containers = project.containers.iter().flatten().filter(|one| one.project.as_deref() == Some(name));
        containers.find_map(|one| one.working_dir.clone().filter(|other| *other != dir && !disk::is_folder(other)))
    };
    let of_leases = || {
        let is_it = |tenant: &&Tenant| tenant.project == name && tenant.dir != dir && tenant.is_stack();
        let mut tenants = project.leases.tenants.iter().filter(is_it).map(|tenant| tenant.dir.clone());
        tenants.find(|other| !disk::is_folder(other))
    };
    let of_records = || project.records.gone_folder(name, &dir).map(PathBuf::from);
    let found = of_containers().or_else(of_leases).or_else(of_records)?;
    (!is_in_own_env_file(project)).then_some(found)
}

/// Whether an `.env` of this folder alone has the name.
fn is_in_own_env_file(project: &Project) -> bool {
    match project.env_files.get(PROJECT_NAME) {
        Some((_, Source::EnvFile { path, .. })) => !git::tracks(&path),
        _ => false,
    }
}

pub(super) fn volumes(ctx: &Context, name: &str) -> Result<Vec<String>> {
    ctx.engine.volumes_of(name).map_err(|trouble| ctx.engine_error(&trouble))
}

fn list(volumes: &[String]) -> String {
    volumes.iter().map(|name| ui::clean(name)).collect::<Vec<_>>().join(", ")
}

/// Whether to take the earlier name with its volumes rather than to start with empty ones.
fn offer(project: &Project, earlier: &str) -> Result<bool> {
    let (ctx, name) = (&project.ctx, ui::clean(&project.stack.name));
    let data = list(&volumes(ctx, earlier)?);
    let shown = ui::clean(earlier);
    let is_doubtful = project.records.perhaps.iter().any(|record| record.project == earlier);
    let was = if is_doubtful { "seems to be the one that was" } else { "was" };
    let fact = format!(
        "this folder {was} started as project {shown} before, and its data is in {data}: as {name} it would start with \
         empty volumes"
    );
    let keep = format!("go on as {shown} with its data");
    let anew = format!("start as {name} with empty volumes; those of {shown} stay");
    let hints = [
        format!("to keep the data: `cargo xtask env set {PROJECT_NAME}={}`, then start again", ui::quoted(earlier)),
        format!("to start with empty volumes: `cargo xtask start -p {}`", ui::quoted(&project.stack.name)),
    ];
    ask(ctx, &fact, (&keep, &anew), true, &hints)
}

/// Whether the volumes of the project's name are this project's, which no record says.
pub(super) fn use_volumes(project: &Project, name: &str) -> Result<bool> {
    let (ctx, shown) = (&project.ctx, ui::clean(name));
    let fact = doubt(project, name, &volumes(ctx, name)?);
    let keep = format!("this is that project: use its data as {shown}");
    let anew = "this is another project: give it its own name and empty volumes".to_owned();
    let hints = [
        format!("if this is that project, use its data: `cargo xtask start -p {}`", ui::quoted(name)),
        format!(
            "if it is another one, name it: `cargo xtask env set {PROJECT_NAME}={}-2`, then start again",
            ui::quoted(name)
        ),
    ];
    ask(ctx, &fact, (&keep, &anew), false, &hints)
}

fn doubt(project: &Project, name: &str, volumes: &[String]) -> String {
    let (ctx, dir) = (&project.ctx, project.real_dir());
    let is_of_earlier = project.records.is_of_earlier_folder(name);
    let from = if is_of_earlier || project.records.of_folder(&dir).any(|record| record.project == name) {
        "from another project that was in this folder before".to_owned()
    } else {
        let gone = gone_folder(project, name).map(|gone| format!("from {}, which is gone", ctx.show(&gone)));
        gone.unwrap_or_else(|| "from an unknown folder".to_owned())
    };
    format!("a project named {} has data in {}, {from}", ui::clean(name), list(volumes))
}

/// Asks whether to use data that is there. `--yes` uses it; without a terminal nothing is started.
fn ask(ctx: &Context, fact: &str, (keep, anew): (&str, &str), default: bool, hints: &[String; 2]) -> Result<bool> {
    if ctx.yes {
        ui::note(&format!("note: {fact}; --yes: {keep}"));
        return Ok(true);
    }
    if !ctx.is_interactive() || ctx.dry_run {
        let error = Error::new(format!("{fact}; nothing was started")).finding();
        return Err(hints.iter().fold(error, |error, hint| error.hint(hint.clone())));
    }
    let choices = [Choice { key: 'k', label: keep.to_owned() }, Choice { key: 'n', label: anew.to_owned() }];
    Ok(ui::choose(fact, &choices, if default { 'k' } else { 'n' }) == 'k')
}
