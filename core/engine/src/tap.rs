//! The trace tap: sees every message that comes in and goes out, changes nothing.

use sip_stack::transport::Flow;
use timestamp::Timestamp;

/// Sees messages; the simulator draws ladders with it, traces will be kept by it.
pub trait Tap: Send {
    /// A message came in.
    fn received(&mut self, now: Timestamp, flow: &Flow, bytes: &[u8]);

    /// A message goes out.
    fn sent(&mut self, now: Timestamp, flow: &Flow, bytes: &[u8]);
}
