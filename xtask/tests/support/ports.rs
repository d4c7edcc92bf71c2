//! Ports that nobody else has.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

/// Ten ports in a row that nobody has, so that the next free one above each is
/// free as well. A lock keeps other test processes away, and ends with us.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    _lock: File,
}

/// Below the ephemeral ports.
const FIRST: u16 = 12_000;
const BLOCKS: u16 = 1700;

impl Ports {
    pub(crate) fn find() -> Ports {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let start = u16::try_from(std::process::id().wrapping_mul(31) % u32::from(BLOCKS)).unwrap();
        for _ in 0..BLOCKS {
            let turn = NEXT.fetch_add(1, Ordering::Relaxed) % BLOCKS;
            let first = FIRST + 10 * ((start + turn) % BLOCKS);
            let Some(lock) = lock_file(&first.to_string()) else { continue };
            if lock.try_lock().is_ok() && (first..first + 10).all(is_free) {
                return Ports { first, _lock: lock };
            }
        }
        panic!("no ten free ports in a row from {FIRST} on");
    }

    pub(crate) fn first(&self) -> u16 {
        self.first
    }

    pub(crate) fn contains(&self, port: u16) -> bool {
        (self.first..self.first + 10).contains(&port)
    }

    /// Waits for its turn at the blocks that the tool gives out by itself: test
    /// processes that run in step would lose every race to each other.
    pub(crate) fn given_blocks() -> File {
        let lock = lock_file("given-blocks").unwrap();
        lock.lock().unwrap();
        lock
    }
}

/// A file that all test processes of this machine can lock, not locked yet;
/// another user's may be closed to us.
pub(crate) fn lock_file(name: &str) -> Option<File> {
    let locks = std::env::temp_dir().join("xtask-test-ports");
    fs::create_dir_all(&locks).unwrap();
    open_to_all(&locks, 0o777);
    let file = File::create(locks.join(name)).ok()?;
    open_to_all(&locks.join(name), 0o666);
    Some(file)
}

/// For other users' test runs as well; refused to all but the first.
#[cfg(unix)]
pub(super) fn open_to_all(path: &Path, mode: u32) {
    drop(fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)));
}

/// Windows: each user has a folder for temporary files.
#[cfg(windows)]
pub(super) fn open_to_all(_path: &Path, _mode: u32) {}

fn is_free(port: u16) -> bool {
    let free = |ip: IpAddr| TcpListener::bind((ip, port)).is_ok() && UdpSocket::bind((ip, port)).is_ok();
    free(Ipv4Addr::UNSPECIFIED.into()) && free(Ipv6Addr::UNSPECIFIED.into())
}
