//! Deliveries of events to the web servers of others (Standard Webhooks 1.0): signed, repeated over a day, each
//! endpoint on its own.
//!
//! What is to be delivered stands in the store and survives a restart; who wants what is decided where it is put
//! there. Here it is only sent: [`Courier`] takes what is due, `signature` signs, `schedule` says when to try again;
//! which addresses may be reached at all is the matter of [`outside`]. Redirects are not followed: a delivery goes where
//! it was configured to go.

mod courier;
mod schedule;
mod signature;

pub use courier::{Courier, Disabled};
