//! The API from outside: requests against a real store in a folder of its own, and a call path that answers by rote.

mod access;
mod bad_inputs;
mod change;
mod document;
mod many;
mod rig;
mod running;
mod setup;
