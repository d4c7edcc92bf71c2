//! The launcher as cargo runs it, in throw-away workspaces with a tiny `xtask`.

#[cfg(unix)]
mod cache;
#[cfg(unix)]
mod checkouts;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod support;
#[cfg(unix)]
mod trust;
