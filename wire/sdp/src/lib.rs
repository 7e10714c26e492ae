//! Session descriptions (RFC 8866, RFC 3264 for directions, RFC 3605 for `a=rtcp`, RFC 4568 for keys).
//!
//! [`Description`] is a view over the received body that reads lines when asked, [`rewrite()`] puts our addresses and
//! ports into a body that passes through, and [`build_audio`] writes a description of our own.
//!
//! Nothing is negotiated here: which format to take and when to make a new offer is decided elsewhere. ICE and
//! capability negotiation are not read.

mod build;
mod crypto;
mod description;
mod formats;
mod lines;
mod media;
mod prefer;
mod rewrite;
pub mod webrtc;

pub use build::{AudioOffer, build_audio};
pub use crypto::{Crypto, write_crypto};
pub use description::{Description, Flaw, Origin};
pub use formats::{ListedFormat, add_formats, replace_formats};
pub use media::{Direction, Media, RtpMap, is_companion};
pub use prefer::preferred;
pub use rewrite::{MediaRewrite, OriginRewrite, rewrite};
