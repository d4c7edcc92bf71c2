//! Time limits for folders that may never answer: a network disk that is gone, a file system
//! whose program hangs.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::ui;

/// Time limit of one query about a folder.
const FOLDER_LIMIT: Duration = Duration::from_secs(1);

type Job = Box<dyn FnOnce() + Send>;

/// Threads that wait for the next query.
static IDLE: Mutex<Vec<Sender<Job>>> = Mutex::new(Vec::new());
/// Paths that were warned about.
static NAMED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
/// Folders that did not answer.
static SILENT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Warns once about a path.
pub(super) fn warn_once(path: &Path, what: &str) {
    if NAMED.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_path_buf()) {
        ui::warn(&format!("{} is not read: {what}", ui::clean(&path.display().to_string())));
    }
}

/// Runs `question`, which reads `folder`; `None` if it takes too long. Then it warns, and the folder
/// is not asked again.
pub fn with_timeout<T: Send + 'static>(folder: &Path, question: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    if SILENT.lock().unwrap_or_else(PoisonError::into_inner).contains(folder) {
        return None;
    }
    let answered = answer(FOLDER_LIMIT, question);
    if answered.is_none() {
        SILENT.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_path_buf());
        warn_once(folder, &format!("it does not answer within {} s", FOLDER_LIMIT.as_secs()));
    }
    answered
}

/// A thread that blocks forever ends with the program.
fn answer<T: Send + 'static>(limit: Duration, question: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (tell, told) = channel();
    let job: Job = Box::new(move || drop(tell.send(catch_unwind(AssertUnwindSafe(question)))));
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let thread = idle.unwrap_or_else(|| {
        let (send, jobs) = channel::<Job>();
        std::thread::spawn(move || jobs.into_iter().for_each(|job| job()));
        send
    });
    // The sender is only dropped at the end of the program.
    thread.send(job).ok()?;
    let answer = told.recv_timeout(limit).ok()?;
    IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    Some(answer.unwrap_or_else(|panic| resume_unwind(panic)))
}

/// Whether a folder exists. True if it does not answer, so that its leases are kept.
pub fn is_folder(path: &Path) -> bool {
    let asked = path.to_path_buf();
    with_timeout(path, move || asked.is_dir()).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_is_left_and_the_others_are_heard() {
        assert_eq!(answer(Duration::from_secs(5), || 1), Some(1));
        let (hold, held) = channel::<()>();
        assert_eq!(answer(Duration::from_millis(20), move || held.recv().is_ok()), None);
        assert_eq!(answer(Duration::from_secs(5), || 2), Some(2));
        drop(hold);
    }

    #[test]
    fn a_panic_stays_one() {
        let caught = catch_unwind(|| answer(Duration::from_secs(5), || panic!("ours")));
        assert!(caught.is_err());
        assert_eq!(answer(Duration::from_secs(5), || 3), Some(3));
    }
}
