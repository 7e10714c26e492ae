//! The API from outside: requests against a real store in a folder of its own, and a call path that answers by rote.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod access;
mod bad_inputs;
mod certificates;
mod change;
mod document;
mod domains;
mod flows;
mod limits;
mod mailboxes;
mod many;
mod onboarding;
mod people;
mod phones;
mod providers;
mod recordings;
mod refused;
mod registering;
mod rig;
mod running;
mod setup;
mod sounds;
mod step_test;
mod webhooks;
