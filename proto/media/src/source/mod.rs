//! What an end hears that has no peer.

pub(crate) mod dialler;
pub(crate) mod echo;
pub(crate) mod player;
