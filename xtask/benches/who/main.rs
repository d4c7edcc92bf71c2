//! Who has a port, asked of this program and of the tools that people use, on a
//! machine that is quiet, has 2,000 listeners, 2,000 processes with 23 open
//! files each, and 28,000 connections. Linux, root: it makes a network of its
//! own. Everything that it starts ends when it ends.
//!
//! `killport` and `pid-port P` (what fkill looks with) are measured where they
//! are on PATH. A word on the command line picks loads by their letter: `ab`.

#![cfg_attr(target_os = "linux", expect(clippy::disallowed_methods, reason = "a bench starts what it measures"))]
#![expect(clippy::print_stdout, reason = "a bench prints")]

#[cfg(target_os = "linux")]
#[path = "../compare/mod.rs"]
mod compare;

#[cfg(target_os = "linux")]
mod linux;

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
    #[cfg(not(target_os = "linux"))]
    println!("its loads are made on Linux only");
}
