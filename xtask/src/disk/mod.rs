//! Files: written whole or not at all, locked, and whose they are.

mod file;
mod lock;
mod owner;
mod real;
mod within;
mod write;

pub use file::{bounded, or_put_back, put, read, read_own, text, write_proved};
pub use lock::{is_current, lock, lock_file, no_locks};
pub use owner::{check_owner, is_root, may_write, private_folder};
pub use real::{canonical, real};
pub use within::{is_folder, within};
pub use write::{write_atomic, write_private};
