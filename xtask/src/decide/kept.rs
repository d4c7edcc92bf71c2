//! Which ports are kept for somebody else.

use std::cell::RefCell;
use std::path::Path;

use crate::model::{Leases, PortRange, Tenant};

/// What is kept for others, asked for every candidate. A tenant whose folder is
/// gone keeps nothing; that is looked up only where it matters.
pub struct Kept<'a> {
    /// By port: 0, or one more than the index of a tenant.
    by_port: Vec<u32>,
    tenants: Vec<&'a Tenant>,
    is_there: &'a dyn Fn(&Path) -> bool,
    exists: RefCell<Vec<Option<bool>>>,
}

impl<'a> Kept<'a> {
    /// What everybody but `project` in `dir` keeps; `is_there` tells whether a
    /// folder exists.
    pub fn new(leases: &'a Leases, project: &'a str, dir: &'a Path, is_there: &'a dyn Fn(&Path) -> bool) -> Self {
        let tenants: Vec<&Tenant> = leases.others(project, dir).collect();
        let mut by_port = vec![0; usize::from(u16::MAX) + 1];
        for (number, tenant) in (1u32..).zip(&tenants) {
            let ports = tenant.range.into_iter().flat_map(PortRange::iter);
            for port in ports.chain(tenant.leases.iter().map(|lease| lease.published)) {
                by_port[usize::from(port)] = number;
            }
        }
        Kept { by_port, is_there, exists: RefCell::new(vec![None; tenants.len()]), tenants }
    }

    /// Whether `port` is one of them.
    pub fn has(&self, port: u16) -> bool {
        let Some(at) = (self.by_port[usize::from(port)] as usize).checked_sub(1) else { return false };
        *self.exists.borrow_mut()[at].get_or_insert_with(|| (self.is_there)(&self.tenants[at].dir))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Lease, Protocol};

    #[test]
    fn leases_and_blocks_of_others_whose_folder_is_there() {
        let mut leases = Leases::default();
        for (project, dir, port) in [("own", "/own", 8000), ("other", "/other", 8001), ("gone", "/gone", 8002)] {
            let tenant = leases.tenant_mut(project, Path::new(dir));
            tenant.range = PortRange::new(port + 100, port + 100);
            tenant.leases.push(Lease::new("web", 80, Protocol::Tcp, port, String::new()));
        }
        let is_there = |dir: &Path| dir != Path::new("/gone");
        let kept = Kept::new(&leases, "own", Path::new("/own"), &is_there);
        let found: Vec<u16> = (1..=u16::MAX).filter(|port| kept.has(*port)).collect();
        assert_eq!(found, [8001, 8101]);
    }
}
