//! What `checkouts.json` says about the project's folder and about others, after renames that
//! happened since the last start.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::decide::path_digits;
use crate::disk;
use crate::ledger::checkouts::{self, FolderMove};
use crate::model::{CheckoutRecord, Container, FolderId, FolderMatch, Leases, NameOrigin, Stack};
use crate::stack::{self, Checkout};

/// Folders beside one that was replaced to look at.
const SIBLINGS: usize = 4096;

#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    /// In the order of their last use, with the moves applied.
    all: Vec<CheckoutRecord>,
    /// Projects of a folder that was at this path before.
    replaced: Vec<String>,
    /// Records of folders that are gone, of which the project's folder may be one.
    pub(crate) perhaps: Vec<CheckoutRecord>,
    /// Of the project's folder.
    folder: Option<FolderId>,
    /// Moves that are not in the file yet.
    pub(crate) moves: Vec<FolderMove>,
}

impl Records {
    /// What the file says, without a look at any folder.
    pub(super) fn of_machine(ctx: &Context) -> Records {
        Records { all: read(ctx), ..Records::default() }
    }

    pub(super) fn find(ctx: &Context, dir: &Path) -> Records {
        let all = read(ctx);
        if all.is_empty() {
            return Records { folder: disk::folder_id(dir), ..Records::default() };
        }
        let folder = disk::folder_id(dir);
        let mut found = Records { all, folder, ..Records::default() };
        for record in &found.all {
            let to = match record.match_folder(dir, found.folder.as_ref()) {
                Some(FolderMatch::Moved) if is_at_other_path(record, dir) => None,
                Some(FolderMatch::Moved) => Some(dir.to_path_buf()),
                Some(FolderMatch::Recreated) => {
                    let elsewhere = record.folder.as_ref().and_then(|folder| search(folder, dir));
                    if elsewhere.is_none() {
                        found.replaced.push(record.project.clone());
                    }
                    elsewhere
                }
                Some(FolderMatch::Perhaps) if !disk::is_folder(&record.dir) => {
                    found.perhaps.push(record.clone());
                    None
                }
                Some(FolderMatch::Same | FolderMatch::Perhaps) | None => None,
            };
            found.moves.extend(to.map(|to| FolderMove {
                project: record.project.clone(),
                from: record.dir.clone(),
                to,
                folder: record.folder.clone(),
            }));
        }
        checkouts::move_folders(&mut found.all, &found.moves);
        found
    }

    /// Records of the folder `dir`, the last used first.
    pub(crate) fn of_folder<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a CheckoutRecord> {
        self.all.iter().rev().filter(move |record| record.dir == dir)
    }

    /// Whether the record is about an earlier folder at the project's path.
    pub(crate) fn is_of_replaced_folder(&self, record: &CheckoutRecord) -> bool {
        self.replaced.contains(&record.project)
    }

    /// Another folder that was started under `name`, and still exists.
    pub(super) fn other_folder<'a>(&'a self, name: &str, dir: &Path) -> Option<&'a Path> {
        let others = self.all.iter().filter(|record| record.project == name && record.dir != dir);
        others
            .map(|record| (record, record.dir.as_path()))
            .find(|(record, dir)| is_there(record, dir))
            .map(|(_, dir)| dir)
    }

    /// A folder that was started under `name`, and is gone.
    pub(crate) fn gone_folder<'a>(&'a self, name: &str, dir: &Path) -> Option<&'a Path> {
        let others = self.all.iter().filter(|record| record.project == name && record.dir != dir);
        others.map(|record| record.dir.as_path()).find(|dir| !disk::is_folder(dir))
    }

    /// The container with its folder's present path. Compose's label has the path at the time
    /// when the container was created.
    pub(super) fn with_present_folder(&self, container: Container) -> Container {
        let Some((name, dir)) = container.project.as_deref().zip(container.working_dir.as_deref()) else {
            return container;
        };
        let is_it = |record: &&CheckoutRecord| record.project == name;
        let was_there = |record: &&CheckoutRecord| record.former.iter().any(|former| former == dir);
        let of_name = self.all.iter().filter(is_it);
        // A folder that is at this path now, and has the name, explains the label as well.
        if of_name.clone().any(|record| record.dir == dir) {
            return container;
        }
        let now = of_name.rev().find(was_there).map(|record| record.dir.clone());
        let working_dir = now.or(container.working_dir);
        Container { working_dir, ..container }
    }

    /// The leases with the moves applied.
    pub(super) fn apply_moves(&self, leases: &mut Leases) {
        apply_moves(&self.moves, leases);
    }

    /// A record of the project as it is now.
    pub(crate) fn new_record(
        &self,
        stack: &Stack,
        checkout: Option<&Checkout>,
        origin: NameOrigin,
        volumes: Vec<String>,
    ) -> CheckoutRecord {
        CheckoutRecord {
            project: stack.name.clone(),
            dir: disk::real_path(&stack.dir),
            folder: self.folder.clone(),
            former: Vec::new(),
            origin,
            repository: repository(checkout),
            services: services(stack),
            volumes,
            day: checkouts::today(),
        }
    }
}

fn read(ctx: &Context) -> Vec<CheckoutRecord> {
    ctx.ledger_dir().map(|state| checkouts::peek(&state)).unwrap_or_default()
}

/// The name that is on record for the folder; those given with `-p` were for one run.
pub(crate) fn recorded_name(ctx: &Context, dir: &Path) -> Option<String> {
    let records = Records::find(ctx, dir);
    let last = records.of_folder(dir).find(|record| record.origin != NameOrigin::Given)?;
    (!records.is_of_replaced_folder(last)).then(|| last.project.clone())
}

/// Moves leases. Keyed by name, because two folders may have changed places. Dev servers of a
/// folder have a name of their own.
pub(crate) fn apply_moves(moves: &[FolderMove], leases: &mut Leases) {
    for FolderMove { project, from, to, .. } in moves {
        leases.move_tenant(project, from, to);
        if disk::is_folder(from) {
            continue;
        }
        let here = leases.tenants.iter().filter(|tenant| tenant.dir == *from);
        let names: Vec<String> = here.map(|tenant| tenant.project.clone()).collect();
        for name in names {
            leases.move_tenant(&name, from, to);
        }
    }
}

/// A hash, because the address of a repository can contain a password.
pub(crate) fn repository(checkout: Option<&Checkout>) -> Option<String> {
    stack::repository_address(checkout?).map(|address| path_digits(Path::new(&address)))
}

/// A hash of the services with their images. Tags change with versions.
pub(crate) fn services(stack: &Stack) -> String {
    let mut all: Vec<String> = Vec::new();
    for service in &stack.services {
        let image = service.image.as_deref().unwrap_or_default();
        let (name, tag) = image.rsplit_once(':').unwrap_or((image, ""));
        let image = if tag.contains('/') { image } else { name };
        all.push(format!("{}={image}", service.name));
    }
    all.sort();
    if all.is_empty() { String::new() } else { path_digits(&PathBuf::from(all.join("\n"))) }
}

/// Whether the folder can be reached at the recorded path too: a bind mount. On a file system
/// that ignores case, the path of a folder that was renamed from `Shop` to `shop` still works.
fn is_at_other_path(record: &CheckoutRecord, dir: &Path) -> bool {
    let there = disk::folder_id(&record.dir);
    there.is_some() && there == record.folder && disk::real_path(&record.dir) != dir
}

/// Whether the recorded folder is still at its path. A silent file system counts as there.
fn is_there(record: &CheckoutRecord, dir: &Path) -> bool {
    disk::is_folder(dir)
        && record.match_folder(dir, disk::folder_id(dir).as_ref()).is_none_or(|fits| fits == FolderMatch::Same)
}

/// Where the folder is that was at `dir` before: beside it, or a worktree of the same
/// repository that git knows.
fn search(folder: &FolderId, dir: &Path) -> Option<PathBuf> {
    let parent = dir.parent()?.to_path_buf();
    let asked = folder.clone();
    let beside = disk::with_timeout(&parent.clone(), move || {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten().take(SIBLINGS);
        let mut paths = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|one| one.path());
        paths.find(|path| disk::folder_id(path).is_some_and(|id| id.is_same(&asked)))
    });
    beside.flatten().or_else(|| {
        let checkout = stack::checkout(dir)?;
        let below = dir.strip_prefix(&checkout.root).ok()?.to_path_buf();
        let worktrees = stack::worktrees(&checkout).into_iter().map(|root| root.join(&below));
        let mut paths = worktrees.map(|path| disk::real_path(&path));
        paths.find(|path| disk::folder_id(path).is_some_and(|id| id.is_same(folder)))
    })
}
