//! A simulated network and clock around the shards of an engine, with scripted user agents at its edge.
//!
//! [`world`] moves datagrams, stream bytes, mail between shards and media events in simulated time, with loss,
//! delay and duplication from one seed; [`agent`] writes and reads SIP like a phone or a carrier; [`ladder`] reads
//! and plays the fixtures in `test/ladders`; [`draw`] shows what happened. No socket, no thread, no clock.

pub mod agent;
pub mod draw;
pub mod ladder;
pub mod media_plane;
mod messenger;
pub mod notary;
pub mod phone;
pub mod random;
pub mod rows;
pub mod town;
pub mod world;
pub mod zone;
