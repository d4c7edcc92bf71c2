//! The built program against a real Docker engine: nothing is imitated, and
//! what a test makes it takes away. `scripts/engine/up` gives an engine; where
//! none answers these tests fail, for a skipped test proves nothing.
//!
//! Projects are named `xt-PID-N` and have ports from 21000 to 28999; tests run
//! side by side, also with those of another checkout.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

mod support;

mod addresses;
mod again;
mod answers;
mod bound;
mod broken;
mod browser;
mod by_name;
mod conflict;
mod copies;
mod diagnose;
mod fresh;
mod inside;
mod interrupt;
mod links;
mod ls;
mod old_names;
mod options;
mod overrides;
mod own_engine;
mod performia;
mod proxy;
mod proxy_kept;
mod prune;
mod published;
mod race;
mod readers;
mod remote;
mod rivals;
mod same_data;
mod same_data_swapped;
mod services;
mod swarm;
mod twenty_worktrees;
mod who;
mod worktrees;
