//! Octets nobody should send: what every fuzz target does with its input.
//!
//! The binary beside this mutates the corpora for half a minute on the stable tool chain; `test/fuzz` gives the same
//! functions to libFuzzer. Each of them panics when something is wrong, and only then.

pub mod bytes;
pub mod dice;
pub mod flow;
pub mod frames;
pub mod protected;
pub mod shared;
pub mod stateful;
