//! The work of a shard and of the media plane without sockets and threads, so that whatever is counted is the same
//! on every run: instructions by `cargo xtask instructions`, allocations by `tests/allocations.rs`.

mod peer;
mod relay;
mod served;

pub use peer::Peer;
pub use relay::Relay;
pub use served::Served;
