//! `who` and `kill` on machines of their own: each case of the table in which
//! other tools name the wrong owner or harm a bystander.

mod helpers;
mod kill;
mod odd;
mod owners;

use crate::support::cage::Cage;
