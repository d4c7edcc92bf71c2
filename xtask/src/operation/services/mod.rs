//! A stack's services: their state, their URLs, and the proof that they answer.

pub(crate) mod answers;
pub(crate) mod bound;
mod exchange;
pub(crate) mod proof;
pub(crate) mod prove;
pub(crate) mod redirects;
pub(crate) mod run;
mod silent;
pub(crate) mod urls;
mod via_gateway;
pub(crate) mod wait;
pub(crate) mod wait_rules;
