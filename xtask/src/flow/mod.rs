//! What several tasks share. Each flow gathers, decides, and shows or runs a
//! plan that is plain data.

pub mod adopt;
pub mod assign;
mod borrowed;
pub mod bring_up;
pub mod checkup;
pub mod checkup_report;
pub mod dependents;
pub(crate) mod dev_server;
pub mod env;
pub mod home;
pub mod inventory;
pub mod keep;
pub mod link;
pub(crate) mod machine_check;
pub mod mend;
pub mod namesakes;
pub mod overrides;
pub mod own;
pub mod proof;
pub mod proxy;
pub mod prune;
pub mod ranges;
pub mod read_only;
pub mod recreate;
pub mod release;
pub mod remote;
pub mod report;
pub mod resolve;
pub mod set_up;
pub mod settling;
pub(crate) mod stop_holders;
pub mod survey;
pub mod take_down;
pub mod tracked;
pub mod up;
pub(crate) mod who_report;
