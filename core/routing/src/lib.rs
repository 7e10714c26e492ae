//! Who is calling, whom they may reach, and why.
//!
//! Reads a configuration snapshot; every answer is one [`decision::Decision`] that the call, the explanation and
//! the refused inbox share. Sends nothing, stores nothing, knows no clock.

pub mod attest;
pub mod caller_id;
pub mod config;
pub mod decide;
pub mod decision;
pub mod feature;
pub mod identify;
pub mod near;
pub mod number;
pub mod pattern;
pub mod policy;
pub mod reason;
pub mod sources;
pub mod tables;
