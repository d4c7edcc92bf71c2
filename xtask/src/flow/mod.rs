//! What several tasks share. Each flow gathers, decides, and shows or runs a
//! plan that is plain data.

pub mod adopt;
pub(crate) mod assign;
mod borrowed;
pub(crate) mod bring_up;
pub(crate) mod checkout_name;
pub(crate) mod checkup;
pub(crate) mod checkup_report;
pub(crate) mod dependents;
pub(crate) mod dev_server;
pub(crate) mod env;
pub(crate) mod inventory;
pub(crate) mod keep;
pub(crate) mod link;
pub(crate) mod machine_check;
pub(crate) mod mend;
pub(crate) mod namesakes;
pub mod overrides;
pub(crate) mod proof;
pub mod proxy;
pub(crate) mod prune;
pub(crate) mod ranges;
pub(crate) mod read_only;
pub(crate) mod recreate;
pub(crate) mod release;
pub(crate) mod remote;
pub(crate) mod report;
pub(crate) mod resolve;
pub(crate) mod set_up;
pub(crate) mod settling;
pub(crate) mod stop_holders;
pub mod survey;
pub(crate) mod take_down;
pub mod tracked;
pub(crate) mod up;
pub(crate) mod who_report;
