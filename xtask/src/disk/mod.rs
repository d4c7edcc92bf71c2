//! Files: written whole or not at all, locked, and whose they are.

mod file;
mod lock;
mod owner;
mod write;

pub use file::{put, read, real};
pub use lock::{lock, lock_file, no_locks};
pub use owner::{check_owner, private_folder};
pub use write::{write_atomic, write_private};
