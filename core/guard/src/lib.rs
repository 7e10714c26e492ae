//! Who guesses at passwords and who merely has a wrong one saved: evidence by source, slowing, bans.
//!
//! Machines without a clock and without a network. [`Ledger`] collects what sources tried and judges them,
//! [`Pace`] remembers who has to wait, [`Bans`] says whom nobody listens to, [`Mistakes`] what an owner should be
//! told. Only what a source proved to have sent may be given to them: the source of a datagram can be forged, so
//! whoever calls must have seen an echo of a nonce that was given to that source. Nothing here knows SIP; every
//! table is bounded.

mod attempt;
mod bans;
mod ledger;
mod mistakes;
mod pace;
mod place;
mod suspect;

pub use attempt::Attempt;
pub use bans::{Ban, Bans};
pub use ledger::{Ledger, Verdict};
pub use mistakes::{Mistake, Mistakes};
pub use pace::Pace;
pub use place::place;
pub use suspect::{Evidence, TriedUser};
