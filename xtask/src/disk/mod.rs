//! Files: written whole or not at all, locked, and whose they are.

mod file;
mod lock;
mod owner;
mod real;
mod write;

pub use file::{put, read};
pub use lock::{lock, lock_file, no_locks};
pub use owner::{check_owner, may_write, private_folder};
pub use real::{canonical, real};
pub use write::{write_atomic, write_private};
