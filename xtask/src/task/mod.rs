//! One file a command: its `Args` and `run`. No task imports another.

pub mod adopt;
pub mod check_ports;
pub mod completions;
pub mod diagnose;
pub mod env;
pub mod kill;
pub mod logs;
pub mod ls;
pub mod open;
pub mod proxy;
pub mod prune_network;
pub mod ranges;
pub mod release;
pub mod restart;
pub mod run;
pub mod start;
pub mod stop;
pub mod who;
