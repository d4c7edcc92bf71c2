//! The container that a rootlessport of Podman serves. Its command line does not say.

use std::fs;
use std::path::{Path, PathBuf};

use crate::decide::{ServedContainer, helper};
use crate::model::Process;

/// Podman gives one end of a pipe to rootlessport, as descriptor 3, and the other to the conmon
/// of the container, so that rootlessport exits with it (podman, `libpod/networking_common.go`;
/// seen with 5.8 and 6.1).
const PIPE: &str = "fd/3";

/// The name of the container, if this is a rootlessport and this user may see its files.
pub(crate) fn served_container(process: &Process) -> Option<String> {
    let is_rootlessport = |name: &str| name == "rootlessport";
    let exe = process.exe.as_deref().and_then(|exe| exe.file_name()?.to_str());
    if !is_rootlessport(&process.name) && !exe.is_some_and(is_rootlessport) {
        return None;
    }
    let pipe = fs::read_link(format!("/proc/{}/{PIPE}", process.pid)).ok().filter(|link| is_pipe(link))?;
    let mut served: Vec<String> =
        fs::read_dir("/proc").ok()?.flatten().filter_map(|e| of_conmon(&e.path(), &pipe)).collect();
    served.dedup();
    // A pipe that several have comes from whoever started them all.
    if served.len() == 1 { served.pop() } else { None }
}

fn is_pipe(link: &Path) -> bool {
    link.to_str().is_some_and(|link| link.starts_with("pipe:["))
}

/// The container of a conmon that has this pipe.
fn of_conmon(folder: &Path, pipe: &PathBuf) -> Option<String> {
    // Most processes are done with after this.
    if fs::read(folder.join("comm")).ok()? != b"conmon\n" {
        return None;
    }
    let has_pipe = fs::read_dir(folder.join("fd"))
        .ok()?
        .flatten()
        .any(|file| fs::read_link(file.path()).is_ok_and(|link| link == *pipe));
    let line = has_pipe.then(|| fs::read(folder.join("cmdline")).ok()).flatten()?;
    let command = String::from_utf8_lossy(&line).replace('\0', " ");
    let conmon = Process { name: "conmon".into(), command, ..Process::default() };
    match helper(&conmon)?.container? {
        ServedContainer::Name(word) | ServedContainer::Id(word) => Some(word.to_owned()),
        ServedContainer::Address(..) => None,
    }
}
