//! Sockets and the threads that drive the plane and the shards.

pub mod call_test;
pub mod clock;
pub mod dns;
pub mod media_loop;
mod media_streams;
pub mod probe;
pub mod recorder;
pub mod shard_loop;
pub mod step_test;
mod wake;
