//! What listens to a stream instead of passing it on.

pub(crate) mod keys;
pub mod tone_detector;
