//! Ports that are leased to other projects.

use std::cell::RefCell;
use std::path::Path;

use crate::model::{Leases, PortRange, Tenant};

/// The ports leased to others. A tenant whose folder is gone holds none; the
/// folder is only looked up when one of its ports is asked for.
pub struct LeasedPorts<'a> {
    /// By port: 0, or one more than the index of a tenant.
    by_port: Vec<u32>,
    tenants: Vec<&'a Tenant>,
    exists: &'a dyn Fn(&Path) -> bool,
    known: RefCell<Vec<Option<bool>>>,
}

impl<'a> LeasedPorts<'a> {
    /// The leases of everybody except `project` in `dir`; `exists` says whether a
    /// folder is there.
    pub fn new(leases: &'a Leases, project: &'a str, dir: &'a Path, exists: &'a dyn Fn(&Path) -> bool) -> Self {
        let tenants: Vec<&Tenant> = leases.others(project, dir).collect();
        let mut by_port = vec![0; usize::from(u16::MAX) + 1];
        for (number, tenant) in (1u32..).zip(&tenants) {
            let ports = tenant.range.into_iter().flat_map(PortRange::iter);
            for port in ports.chain(tenant.leases.iter().map(|lease| lease.published)) {
                by_port[usize::from(port)] = number;
            }
        }
        LeasedPorts { by_port, exists, known: RefCell::new(vec![None; tenants.len()]), tenants }
    }

    pub fn contains(&self, port: u16) -> bool {
        let Some(at) = (self.by_port[usize::from(port)] as usize).checked_sub(1) else { return false };
        *self.known.borrow_mut()[at].get_or_insert_with(|| (self.exists)(&self.tenants[at].dir))
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
        let exists = |dir: &Path| dir != Path::new("/gone");
        let kept = LeasedPorts::new(&leases, "own", Path::new("/own"), &exists);
        let found: Vec<u16> = (1..=u16::MAX).filter(|port| kept.contains(*port)).collect();
        assert_eq!(found, [8001, 8101]);
    }
}
