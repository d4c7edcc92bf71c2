//! What `checkouts.json` says about the project's folder and about others, after renames that
//! happened since the last start.

use std::collections::BTreeSet;
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
    /// Records of a folder that was at the project's path before, and that is not found anywhere.
    replaced: Vec<CheckoutRecord>,
    /// Whether another record fits the project's folder: then those replaced belong to a folder
    /// that somebody moved away or removed, and never to this one.
    is_known: bool,
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
        Records::find_in(read(ctx), dir)
    }

    fn find_in(all: Vec<CheckoutRecord>, dir: &Path) -> Records {
        let folder = disk::folder_id(dir);
        let mut found = Records { all, folder, ..Records::default() };
        for record in &found.all {
            let to = match record.match_folder(dir, found.folder.as_ref()) {
                Some(FolderMatch::Moved) => {
                    found.is_known = true;
                    (!is_at_other_path(record, dir)).then(|| dir.to_path_buf())
                }
                Some(FolderMatch::Recreated) => {
                    let elsewhere = record
                        .folder
                        .as_ref()
                        .and_then(|folder| search_recorded(&found.all, folder, dir).or_else(|| search(folder, dir)));
                    if elsewhere.is_none() {
                        found.replaced.push(record.clone());
                    }
                    elsewhere
                }
                Some(FolderMatch::Perhaps) if !disk::is_folder(&record.dir) => {
                    found.perhaps.push(record.clone());
                    None
                }
                Some(FolderMatch::Same) => {
                    found.is_known = true;
                    None
                }
                Some(FolderMatch::Perhaps) | None => None,
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

    /// Records of the folder `dir`, the last used first; those without the folder's id after all
    /// others. If none fits the folder, those of an earlier folder at its path.
    pub(crate) fn of_folder<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a CheckoutRecord> {
        let of_folder = move |has_id: bool| {
            let records = self.all.iter().rev().filter(move |record| record.dir == dir);
            records.filter(move |record| record.folder.is_some() == has_id)
        };
        let all = of_folder(true).chain(of_folder(false));
        all.filter(|record| !self.is_known || !self.is_of_replaced_folder(record))
    }

    /// Whether the record is about an earlier folder at the project's path.
    pub(crate) fn is_of_replaced_folder(&self, record: &CheckoutRecord) -> bool {
        self.replaced.contains(record)
    }

    /// Whether `name` belongs to an earlier folder at the project's path and never to the
    /// project's own folder, which is known by other names.
    pub(crate) fn is_of_earlier_folder(&self, name: &str) -> bool {
        self.is_known && self.replaced.iter().any(|record| record.project == name) && {
            let mut names = self.replaced.iter().flat_map(|record| self.of_folder(&record.dir));
            !names.any(|record| record.project == name)
        }
    }

    /// Another folder that was started under `name`, and still exists.
    pub(super) fn other_folder(&self, name: &str, dir: &Path) -> Option<PathBuf> {
        let mut others = self.all.iter().filter(|record| record.project == name && record.dir != dir);
        others.find_map(|record| self.present_folder(record, dir))
    }

    /// A folder that was started under `name`, and is not where it was.
    pub(crate) fn gone_folder<'a>(&'a self, name: &str, dir: &Path) -> Option<&'a Path> {
        let mut others = self.all.iter().filter(|record| record.project == name && record.dir != dir);
        others.find(|record| self.present_folder(record, dir).is_none()).map(|record| record.dir.as_path())
    }

    /// Where the folder of a record is: at its path, or at that of another record.
    fn present_folder(&self, record: &CheckoutRecord, dir: &Path) -> Option<PathBuf> {
        if is_there(record, &record.dir) {
            return Some(record.dir.clone());
        }
        search_recorded(&self.all, record.folder.as_ref()?, dir)
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

/// Moves leases. All at once, because two folders may have changed places. Dev servers of a
/// folder have a name of their own, and go with it if it left its path.
pub(crate) fn apply_moves(moves: &[FolderMove], leases: &mut Leases) {
    let has_left = |from: &Path| !disk::is_folder(from) || moves.iter().any(|step| step.to == from);
    let names: BTreeSet<&str> = moves.iter().map(|step| step.project.as_str()).collect();
    let mut steps: Vec<(String, &Path, &Path)> = Vec::new();
    for tenant in &leases.tenants {
        let of_name = moves.iter().find(|step| tenant.is_project(&step.project, &step.from));
        let of_folder = || {
            let mut all = moves.iter().filter(|step| step.from == tenant.dir && has_left(&step.from));
            all.find(|_| !tenant.is_stack() || !names.contains(tenant.project.as_str()))
        };
        steps.extend(of_name.or_else(of_folder).map(|step| (tenant.project.clone(), &*step.from, &*step.to)));
    }
    leases.move_tenants(&steps);
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

/// Where the folder is, if that is a path on record: folders that changed places.
fn search_recorded(all: &[CheckoutRecord], folder: &FolderId, dir: &Path) -> Option<PathBuf> {
    let paths: BTreeSet<&Path> =
        all.iter().flat_map(|record| record.former.iter().chain([&record.dir])).map(PathBuf::as_path).collect();
    let mut others = paths.into_iter().filter(|path| *path != dir);
    others.find(|path| disk::folder_id(path).is_some_and(|id| id.is_same(folder))).map(disk::real_path)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::Lease;

    fn record_of(project: &str, dir: &Path) -> CheckoutRecord {
        CheckoutRecord {
            project: project.into(),
            dir: dir.into(),
            folder: disk::folder_id(dir),
            former: Vec::new(),
            origin: NameOrigin::Folder,
            repository: None,
            services: String::new(),
            volumes: Vec::new(),
            day: 0,
        }
    }

    fn leases_of(records: &[CheckoutRecord]) -> Leases {
        let mut leases = Leases::default();
        for (record, port) in records.iter().zip(8000..) {
            let lease = Lease::new("web", 80, crate::model::Protocol::Tcp, port, String::new());
            leases.tenant_mut(&record.project, &record.dir).leases.push(lease);
        }
        leases
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

        /// Folders are renamed in any order, out of sight too, and removed; each step may be seen by
        /// a start in one of them or not. A folder has its own name and no other's.
        #[test]
        fn the_folder_s_id_wins_over_its_path(
            steps in proptest::collection::vec((0..5_usize, 0..5_usize, any::<[bool; 2]>(), 0..5_usize), 1..8),
        ) {
            let root = tempfile::tempdir().unwrap();
            let root = disk::real_path(root.path());
            // The last two paths are in another folder, where no record is.
            let paths: Vec<PathBuf> = ["a/1", "a/2", "b/1", "c/1", "c/2"].iter().map(|path| root.join(path)).collect();
            let mut at: BTreeMap<usize, String> = BTreeMap::new();
            let mut records = Vec::new();
            for path in &paths {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            }
            for (n, path) in paths[..3].iter().enumerate() {
                std::fs::create_dir(path).unwrap();
                records.push(record_of(&format!("p{n}"), path));
                at.insert(n, format!("p{n}"));
            }
            if records[0].folder.as_ref().is_none_or(|folder| folder.born.is_none()) {
                return Ok(());
            }
            let mut leases = leases_of(&records);
            let want: BTreeMap<String, u16> =
                leases.tenants.iter().map(|one| (one.project.clone(), one.leases[0].published)).collect();
            for (from, to, [is_removed, is_seen], start) in steps {
                let Some(name) = at.remove(&from) else { continue };
                match at.remove(&to) {
                    // They change places, or the second is removed.
                    Some(other) if to != from => {
                        let aside = root.join("aside");
                        std::fs::rename(&paths[to], &aside).unwrap();
                        std::fs::rename(&paths[from], &paths[to]).unwrap();
                        if is_removed {
                            std::fs::remove_dir(&aside).unwrap();
                        } else {
                            std::fs::rename(&aside, &paths[from]).unwrap();
                            at.insert(from, other);
                        }
                    }
                    _ if to != from => std::fs::rename(&paths[from], &paths[to]).unwrap(),
                    _ => {}
                }
                at.insert(to, name);
                for (here, name) in &at {
                    let found = Records::find_in(records.clone(), &paths[*here]);
                    let names: Vec<&str> = found.of_folder(&paths[*here]).map(|one| one.project.as_str()).collect();
                    prop_assert_eq!(&names, &[name.as_str()], "at {}", here);
                    prop_assert!(!found.is_of_earlier_folder(name) && found.other_folder(name, &paths[*here]).is_none());
                    let mut moved = leases.clone();
                    found.apply_moves(&mut moved);
                    let tenant = moved.tenant(name, &paths[*here]).unwrap();
                    prop_assert_eq!(tenant.leases[0].published, want[name]);
                }
                if is_seen && at.contains_key(&start) {
                    let found = Records::find_in(records, &paths[start]);
                    found.apply_moves(&mut leases);
                    records = found.all;
                }
            }
        }
    }

    #[test]
    fn a_name_of_a_folder_that_was_moved_away_is_not_that_of_the_next_one() {
        let root = tempfile::tempdir().unwrap();
        let root = disk::real_path(root.path());
        let (shop, second) = (root.join("a/shop"), root.join("a/shop2"));
        for dir in [&shop, &second, &root.join("b")] {
            std::fs::create_dir_all(dir).unwrap();
        }
        let records = vec![record_of("shop2", &second), record_of("shop", &shop)];
        if records[0].folder.as_ref().is_none_or(|folder| folder.born.is_none()) {
            return;
        }
        std::fs::rename(&shop, root.join("b/shop-old")).unwrap();
        std::fs::rename(&second, &shop).unwrap();
        let found = Records::find_in(records.clone(), &shop);
        assert!(found.is_of_earlier_folder("shop") && !found.is_of_earlier_folder("shop2"));
        let old = Records::find_in(found.all, &root.join("b/shop-old"));
        assert_eq!(old.of_folder(&root.join("b/shop-old")).next().unwrap().project, "shop");
        // Nothing fits a new folder there: the name may be its own.
        std::fs::remove_dir(&shop).unwrap();
        std::fs::create_dir(&shop).unwrap();
        let new = Records::find_in(records, &shop);
        let last = new.of_folder(&shop).next().unwrap();
        assert!(last.project == "shop" && new.is_of_replaced_folder(last) && !new.is_of_earlier_folder("shop"));
    }
}
