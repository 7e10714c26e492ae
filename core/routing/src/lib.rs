//! Who is calling, whom they may reach, and why.
//!
//! Reads a configuration snapshot and a live view; every answer is one [`decision::Decision`] that the call,
//! the explanation and the refused inbox share. Sends nothing, stores nothing, knows no clock.

pub mod config;
pub mod decision;
pub mod reason;
