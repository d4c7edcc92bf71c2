//! What several tasks share. Each flow gathers, decides, and shows or runs a
//! plan that is plain data.

pub mod adopt;
pub mod assign;
mod borrowed;
pub(crate) mod bring_up;
pub(crate) mod checkout_name;
pub mod checkup;
pub mod checkup_report;
pub mod dependents;
pub mod dev_server;
pub mod env;
pub mod free;
pub mod holders;
pub mod inventory;
pub mod keep;
pub mod link;
pub mod machine_check;
pub mod mend;
pub mod namesakes;
pub mod overrides;
pub mod proof;
pub mod proxy;
pub mod prune;
pub mod ranges;
pub mod read_only;
pub mod recreate;
pub mod release;
pub mod remote;
pub mod report;
pub(crate) mod resolve;
pub(crate) mod set_up;
pub(crate) mod settling;
pub mod survey;
pub mod take_down;
pub mod tracked;
pub mod up;
pub mod who_report;
