//! The step tester as the API reaches it, and which tests are running: one of a connection at a time, few at once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use routing::config::Connection;
use serde::Serialize;
use tokio::sync::mpsc::UnboundedReceiver;
use utoipa::ToSchema;

use crate::problem::{Code, Problem};

/// Tests whether we can work with a peer, step by step, over sockets of its own.
pub trait Tester: Send + Sync + 'static {
    /// Begins a test; each step comes when it begins, as `running`, and when it ends. The channel ends with the test.
    fn test(&self, test: ConnectionTest) -> UnboundedReceiver<TestStep>;
}

/// What is to be tested.
#[derive(Clone, Debug)]
pub struct ConnectionTest {
    /// A `register_out` or a `trunk`.
    pub connection: Arc<Connection>,
    /// The number to call; without one nobody is called.
    pub call_to: Option<String>,
}

/// One step of a test.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TestStep {
    /// `dns`, `reach`, `tls`, `options`, `register`, `call` or `audio`.
    #[schema(example = "register")]
    pub name: String,
    /// `passed`, `warning`, `failed` or `skipped`; `running` when it has just begun.
    #[schema(example = "passed")]
    pub state: &'static str,
    /// How long it took.
    pub took_ms: f64,
    /// What was found, in one sentence.
    pub detail: String,
    /// What to do about it; empty where nothing is to be done.
    pub fix: String,
    /// What was sent, secrets masked.
    pub sent: String,
    /// What came back, secrets masked; of `dns`, the records.
    pub received: String,
}

/// Which connections are being tested.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    ids: Arc<Mutex<HashSet<String>>>,
}

/// A test that runs; dropped when it has ended.
#[derive(Debug)]
pub(crate) struct Place {
    running: Running,
    id: String,
}

impl Running {
    /// A place for a test of this connection, if none runs and not too many of others.
    pub(crate) fn begin(&self, id: &str) -> Result<Place, Problem> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.contains(id) {
            return Err(Problem::new(Code::TestInProgress, "wait until the test that runs has ended"));
        }
        if ids.len() >= MOST {
            let message = format!("{MOST} tests run already; wait until one has ended");
            return Err(Problem::new(Code::TooManyRequests, message));
        }
        ids.insert(id.to_owned());
        Ok(Place { running: self.clone(), id: id.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.ids.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Tests at once: each has a thread for half a minute at most.
const MOST: usize = 8;
