//! The end: a first signal drains, a second one ends now.
//!
//! While draining, new calls get 503, `/readyz` says so, and calls go on until they end or time is up.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

use crate::assemble::Assembled;
use crate::failure::Failure;
use crate::telemetry;

/// SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|fault| Failure::Failed(format!("signals: {fault}")));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Serves until a signal, then ends in order.
pub(crate) async fn wait(assembled: Assembled, mut signals: Signals, drain_s: u64) -> Result<(), Failure> {
    let name = signals.next().await;
    tracing::info!(signal = name, drain_s, "draining: no new calls");
    let began = Instant::now();
    tokio::select! {
        () = drained(&assembled, began + Duration::from_secs(drain_s)) => {}
        name = signals.next() => tracing::warn!(signal = name, "ending now"),
    }
    let cut_off = assembled.call_path.calls().await;
    if cut_off > 0 {
        tracing::warn!(calls = cut_off, "calls are ended");
        assembled.call_path.end_all().await;
        // Their BYEs and their records are under way.
        sleep(LAST_WORDS).await;
    }
    assembled.end().await;
    tracing::info!(took_ms = began.elapsed().as_millis(), panics = telemetry::panics(), "ended");
    Ok(())
}

/// Until there is no call, or time is up.
async fn drained(assembled: &Assembled, until: Instant) {
    assembled.call_path.drain().await;
    while assembled.call_path.calls().await > 0 {
        if Instant::now() >= until {
            return;
        }
        sleep_until((Instant::now() + LOOK_AGAIN).min(until)).await;
    }
}

const LOOK_AGAIN: Duration = Duration::from_millis(200);
const LAST_WORDS: Duration = Duration::from_millis(500);
