//! Tests of the whole: the program as people run it, in projects of their own,
//! with stand-ins for Docker and its engine, and against real tools where they
//! are there.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

mod compat;
mod compat_difference;
mod compose_cases;
mod compose_oracle;
mod compose_reader;
mod documents;
mod env_oracle;
mod fuzz;
mod layers;

// The stand-ins are Unix programs and sockets.
#[cfg(unix)]
mod addresses;
#[cfg(unix)]
mod adopt;
#[cfg(unix)]
mod bad_input;
#[cfg(unix)]
mod check_ports;
#[cfg(unix)]
mod commands;
#[cfg(target_os = "linux")]
mod compat_moves;
#[cfg(unix)]
mod copies;
#[cfg(unix)]
mod diagnose;
#[cfg(target_os = "linux")]
mod diagnose_machine;
#[cfg(unix)]
mod diagnose_stack;
#[cfg(target_os = "linux")]
mod engine_kinds;
#[cfg(unix)]
mod env;
#[cfg(unix)]
mod env_prove;
#[cfg(unix)]
mod env_set;
#[cfg(unix)]
mod fake_docker;
#[cfg(unix)]
mod fake_start;
#[cfg(unix)]
mod faults;
#[cfg(unix)]
mod fresh_clone;
#[cfg(unix)]
mod help;
#[cfg(unix)]
mod hostile;
#[cfg(unix)]
mod inventory;
#[cfg(unix)]
mod kept;
#[cfg(unix)]
mod killed;
#[cfg(unix)]
mod leases;
#[cfg(unix)]
mod local_ca;
#[cfg(unix)]
mod no_compose;
#[cfg(unix)]
mod not_published;
#[cfg(target_os = "linux")]
mod odd_folders;
#[cfg(unix)]
mod override_file;
#[cfg(unix)]
mod overrides;
#[cfg(unix)]
mod pasted;
#[cfg(unix)]
mod places;
#[cfg(unix)]
mod port_places;
#[cfg(target_os = "linux")]
mod prompts;
#[cfg(unix)]
mod proxy;
#[cfg(unix)]
mod prune;
#[cfg(unix)]
mod readers;
#[cfg(unix)]
mod reassign;
#[cfg(unix)]
mod remote;
#[cfg(target_os = "linux")]
mod run;
#[cfg(unix)]
mod secrets;
#[cfg(unix)]
mod stop_by_id;
#[cfg(unix)]
mod stop_holders;
#[expect(dead_code, unused_imports, reason = "the tests on an engine use the rest")]
#[cfg_attr(windows, expect(unused_macros, reason = "snapshots are of runs with stand-ins"))]
#[path = "../support/mod.rs"]
mod support;
#[cfg(unix)]
mod swarm;
#[cfg(unix)]
mod tracked;
#[cfg(target_os = "linux")]
mod who;
#[cfg(unix)]
mod wider_reach;
