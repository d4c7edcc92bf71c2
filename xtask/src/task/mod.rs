//! One file a command: its `Args` and `run`. No task imports another.

pub mod check_ports;
pub mod completions;
pub mod diagnose;
pub mod env;
pub mod kill;
pub mod logs;
pub mod open;
pub mod prune_network;
pub mod restart;
pub mod start;
pub mod stop;
pub mod who;
