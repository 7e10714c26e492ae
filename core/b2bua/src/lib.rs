//! Calls: two legs that exchange call-control events (RFC 7092, Proxy-B2BUA), with topology hidden.

mod record;

pub use record::{CallOutcome, CallRecord, CandidateRecord, EndedBy, LegRecord, OpenCall};
