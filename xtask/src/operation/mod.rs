//! What commands do. The rooms are in order: a file imports from its own room and
//! from rooms above it in this list, and a test holds that.

pub mod check;

pub mod change;

pub(crate) mod services;

pub(crate) mod networks;

pub mod proxy;

pub(crate) mod ports;

pub(crate) mod stop;

pub(crate) mod start;

pub(crate) mod env;

pub(crate) mod machine;

pub mod adopt;

pub(crate) mod diagnose;
