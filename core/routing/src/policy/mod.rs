//! What a limit allows: how many calls, how fast, where to. The same code refuses a call, explains the refusal, and
//! tells what a limit would have refused last week.
//!
//! Calls are counted at the home of what they are counted for; nothing here knows where that is.

mod country;
mod destination;
mod emergency;
mod tallies;
mod window;

pub use country::Country;
pub use destination::{NotAllowed, Whose, destination, permits};
pub use emergency::is_service_for_help;
pub(crate) use emergency::{number_for_help, ways_for_help};
pub use tallies::{Over, Tallies, Usage, Wanted};
pub use window::{Period, Tally};

use crate::config::{Connection, InForce};
use crate::tables::Tables;

/// The limits of a connection, with the defaults of its account.
pub fn limits_of<'t>(tables: &'t Tables, connection: &'t Connection) -> InForce<'t> {
    let account = tables.account(&connection.account);
    InForce::new(&connection.limits, account.map(|account| &account.defaults.limits))
}
