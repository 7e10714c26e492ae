//! Datagrams through io_uring: many sockets, one system call per wake-up, packets sent on from the buffer that they
//! arrived in. Beside it, how many datagrams the kernel dropped at a socket.
//!
//! This crate exists for its `unsafe`: the kernel writes into memory of ours at times that the compiler does not see.
//! What makes the API safe is said at [`Ring`], and each block says what it relies on. It knows datagrams and nothing
//! of what is in them. Linux 6.1 or newer; [`Ring::new`] tells whether the kernel is willing.

// The one reason for this crate.
#![allow(unsafe_code)]

mod address;
mod buffers;
mod drops;
mod outgoing;
mod ring;

pub use drops::dropped;
pub use ring::{Completion, Datagram, Figures, MOST_DATAGRAMS, Ring};
