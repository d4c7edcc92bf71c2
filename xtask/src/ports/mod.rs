//! Facts about ports, gathered once, and the verdicts, owners and suggestions that follow
//! from them.

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
mod swarm;

pub(crate) use advice::{advise, is_leftover_proxy};
pub(crate) use dev_server::DevServer;
pub(crate) use engine_host::{runs_in_container, sockets_of_engine_host};
pub(crate) use facts::PortFacts;
pub(crate) use holders::{Holders, PortHolders, each_port, find_holders, foreign_listeners};
pub(crate) use owner::{OwnerReport, describe, describe_process, reasons, taken_by};
pub(crate) use publishing::{effective, publishing_of, wildcard_of};
pub use stack_ports::Row;
pub(crate) use stack_ports::{judge_stack, too_many_replicas};
pub(crate) use stopped::ports_of_stopped;
pub(crate) use suggest::{Rules, free_range, leased_port, suggest_for_conflicts};
