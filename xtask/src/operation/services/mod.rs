//! A stack's services: their state, their URLs, and proof that they answer.

mod around;
pub(crate) mod bound;
pub(crate) mod knock;
pub(crate) mod prove;
pub(crate) mod run;
pub(crate) mod urls;
pub(crate) mod wait;
