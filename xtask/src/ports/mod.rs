//! Who has a port, and which one is free: facts are gathered once, and verdicts,
//! owners and suggestions follow from them.

mod advice;
mod dev_server;
mod engine_host;
mod facts;
mod holders;
mod owner;
mod publishing;
mod stack_ports;
mod stopped;
mod suggest;

pub use advice::{advise, is_leftover_proxy};
pub use dev_server::DevServer;
pub use engine_host::{is_around, sockets};
pub use facts::PortFacts;
pub use holders::{Holders, PortHolders, each_port, find_holders};
pub use owner::{OwnerReport, describe, describe_process, reasons, taken_by};
pub use publishing::{effective, publishing_of};
pub use stack_ports::{Row, judge_stack, too_many_replicas};
pub use stopped::ports_of_stopped;
pub use suggest::{Rules, free_range, kept_for, suggest_for_conflicts};
