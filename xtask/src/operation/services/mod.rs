//! A stack's services: their state, their URLs, and the proof that they answer.

pub(crate) mod answers;
pub(crate) mod bound;
pub(crate) mod prove;
pub(crate) mod run;
pub(crate) mod urls;
mod via_gateway;
pub(crate) mod wait;
