//! The descendants of processes, on a system that reuses process ids and tells only
//! the id of a parent.

/// Identifies a process even after its id was reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessIdentity {
    pub pid: u32,
    /// Creation time in the system's unit.
    pub created: u64,
}

/// The descendants of `roots` without `roots` themselves, parents before their
/// children. `parents` holds pairs of a process id and its parent's id; `created` is
/// only called for processes whose parent is among the ids found so far.
///
/// No process is older than its parent: if it is, its parent was another process
/// that had the id before. A process whose creation time cannot be read is left out,
/// so that too few processes are ended rather than somebody else's.
pub fn descendants(
    roots: &[ProcessIdentity],
    parents: &[(u32, u32)],
    created: &mut dyn FnMut(u32) -> Option<u64>,
) -> Vec<ProcessIdentity> {
    let mut tree = roots.to_vec();
    let mut next = 0;
    while let Some(parent) = tree.get(next).copied() {
        for (pid, _) in parents.iter().filter(|(_, of)| *of == parent.pid) {
            if tree.iter().all(|known| known.pid != *pid)
                && let Some(created) = created(*pid).filter(|created| *created >= parent.created)
            {
                tree.push(ProcessIdentity { pid: *pid, created });
            }
        }
        next += 1;
    }
    tree.split_off(roots.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(roots: &[(u32, u64)], processes: &[(u32, u32, u64)]) -> Vec<u32> {
        let roots: Vec<ProcessIdentity> =
            roots.iter().map(|(pid, created)| ProcessIdentity { pid: *pid, created: *created }).collect();
        let parents: Vec<(u32, u32)> = processes.iter().map(|(pid, parent, _)| (*pid, *parent)).collect();
        // Created at 0: one whose creation time cannot be read.
        let mut created =
            |pid| processes.iter().find(|row| row.0 == pid).map(|row| row.2).filter(|created| *created > 0);
        descendants(&roots, &parents, &mut created).iter().map(|born| born.pid).collect()
    }

    #[test]
    fn children_and_theirs_and_nobody_else() {
        let processes = [(20, 10, 5), (30, 20, 6), (31, 20, 7), (40, 99, 8), (10, 1, 4), (1, 0, 1)];
        assert_eq!(found(&[(10, 4)], &processes), [20, 30, 31]);
        assert_eq!(found(&[(30, 6)], &processes), [0; 0]);
    }

    #[test]
    fn who_is_older_than_its_parent_is_the_child_of_another_that_had_the_number() {
        // 20 and its children descend from an earlier process 10 that has ended.
        let processes = [(10, 1, 100), (20, 10, 50), (21, 20, 150), (22, 10, 100)];
        assert_eq!(found(&[(10, 100)], &processes), [22]);
    }

    #[test]
    fn who_may_not_be_looked_at_is_nobodys_child() {
        assert_eq!(found(&[(10, 1)], &[(20, 10, 0), (30, 20, 5)]), [0; 0]);
    }

    #[test]
    fn children_of_a_parent_that_has_ended_are_found() {
        assert_eq!(found(&[(10, 1), (20, 2)], &[(30, 20, 5), (31, 30, 6)]), [30, 31]);
    }

    #[test]
    fn a_ring_is_no_endless_tree() {
        assert_eq!(found(&[(10, 1)], &[(20, 10, 1), (10, 20, 1), (0, 0, 1)]), [20]);
    }
}
