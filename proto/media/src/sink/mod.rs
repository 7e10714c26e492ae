//! What listens to a stream instead of passing it on.

pub mod tone_detector;
