//! Ports that nobody else has.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Ten ports in a row that nobody has, so that the next free one above each is
/// free as well. A lock file keeps other test processes away.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    _lock: File,
}

const FIRST: u16 = 21_000;
const BLOCKS: u32 = 800;

impl Ports {
    pub(crate) fn first(&self) -> u16 {
        self.first
    }

    pub(crate) fn find() -> Ports {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let locks = std::env::temp_dir().join("xtask-test-ports");
        std::fs::create_dir_all(&locks).unwrap();
        for _ in 0..BLOCKS {
            let turn = NEXT.fetch_add(1, Ordering::Relaxed);
            let block = std::process::id().wrapping_mul(31).wrapping_add(turn) % BLOCKS;
            let first = FIRST + u16::try_from(block * 10).unwrap();
            let lock = File::create(locks.join(first.to_string())).unwrap();
            if lock.try_lock().is_ok() && (first..first + 10).all(is_free) {
                return Ports { first, _lock: lock };
            }
        }
        panic!("no ten free ports in a row from {FIRST} on");
    }

    /// Waits for its turn at the blocks that the tool gives out by itself: test
    /// processes that run in step would lose every race to each other.
    pub(crate) fn given_blocks() -> File {
        let locks = std::env::temp_dir().join("xtask-test-ports");
        std::fs::create_dir_all(&locks).unwrap();
        let lock = File::create(locks.join("given-blocks")).unwrap();
        lock.lock().unwrap();
        lock
    }
}

/// `[::]` of std is for both families.
fn is_free(port: u16) -> bool {
    let both = SocketAddr::from(([0u16; 8], port));
    TcpListener::bind(both).is_ok() && UdpSocket::bind(both).is_ok()
}
