//! E-mails that tell of messages in mailboxes (RFC 5322, RFC 2046): composed from what the store has, handed to a mail server
//! (RFC 5321), and repeated for a day where it does not take them.
//!
//! The queue is the store's. Nothing here decides who is told.

mod letter;
mod postman;
mod smtp;

pub use letter::{About, Words, compose};
pub use postman::Postman;
pub use smtp::{NotTaken, Smtp};
