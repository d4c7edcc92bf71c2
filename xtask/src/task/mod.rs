//! One file per command, with its `Args` and `run`. No task imports another.

pub(crate) mod adopt;
pub(crate) mod check_ports;
pub(crate) mod completions;
pub(crate) mod diagnose;
pub(crate) mod env;
pub(crate) mod kill;
pub(crate) mod logs;
pub(crate) mod ls;
pub(crate) mod open;
pub(crate) mod proxy;
pub(crate) mod prune_network;
pub(crate) mod ranges;
pub(crate) mod release;
pub(crate) mod restart;
pub(crate) mod run;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod who;
