//! Files: atomic writes, locks and ownership.

mod file;
mod folder_id;
mod lock;
mod owner;
mod real_path;
mod timeout;
mod write;

pub use file::{or_restore, read, read_any_kind, read_own, read_text, write_or_remove, write_proved};
pub use folder_id::folder_id;
pub use lock::{is_current, lock, lock_file, no_locks};
pub use owner::{check_owner, is_root, may_write, private_folder};
pub use real_path::{canonical, real_path};
pub use timeout::{is_folder, with_timeout};
pub use write::{write_atomic, write_private};
