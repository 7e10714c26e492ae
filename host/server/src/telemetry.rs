//! Logs: lines for people on a terminal, JSON otherwise; bounded in rate; and a count of panics.
//!
//! Logs go to stderr, so that stdout stays what was asked for.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Starts logging; `filter` as in RUST_LOG, which wins over `filter`.
pub(crate) fn start(filter: &str) -> Result<(), String> {
    let filter =
        std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty()).unwrap_or_else(|| filter.to_owned());
    let filter = EnvFilter::try_new(&filter).map_err(|fault| format!("--log: `{filter}`: {fault}"))?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    let lines =
        if terminal { lines.with_target(false).boxed() } else { lines.json().flatten_event(true).boxed() };
    let registry = tracing_subscriber::registry().with(filter).with(lines.with_filter(Bounded::default()));
    registry.try_init().map_err(|fault| fault.to_string())?;
    count_panics();
    Ok(())
}

/// Panics since the start, in any thread.
pub(crate) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

static PANICS: AtomicU64 = AtomicU64::new(0);

/// A panic is logged once, with its place, and counted; the thread's owner decides what it costs.
fn count_panics() {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
        let thread = std::thread::current();
        tracing::error!(place, text, thread = thread.name().unwrap_or_default(), "panic");
    }));
}

/// Lets a burst of lines pass, then a steady rate: a flood of bad packets must not fill a disk.
#[derive(Debug)]
struct Bounded {
    bucket: std::sync::Mutex<Bucket>,
    lost: AtomicU64,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Default for Bounded {
    fn default() -> Self {
        let bucket = Bucket { tokens: BURST, at: Instant::now() };
        Self { bucket: std::sync::Mutex::new(bucket), lost: AtomicU64::new(0) }
    }
}

impl Bounded {
    fn admits(&self, now: Instant) -> bool {
        let Ok(mut bucket) = self.bucket.lock() else {
            return true;
        };
        let earned = now.saturating_duration_since(bucket.at).as_secs_f64() * PER_SECOND;
        bucket.tokens = (bucket.tokens + earned).min(BURST);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

impl<S: Subscriber> Filter<S> for Bounded {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        if *event.metadata().level() == tracing::Level::ERROR || is_notice(event) {
            return true;
        }
        let admitted = self.admits(Instant::now());
        let lost = if admitted { self.lost.swap(0, Ordering::Relaxed) } else { 0 };
        if lost > 0 {
            tracing::warn!(notice = true, lost, "log lines were left out: too many in a short time");
        }
        admitted
    }
}

/// Whether the event is our own note about lost lines.
fn is_notice(event: &Event<'_>) -> bool {
    struct Notice(bool);
    impl Visit for Notice {
        fn record_bool(&mut self, field: &Field, value: bool) {
            self.0 |= field.name() == "notice" && value;
        }
        fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
    }
    let mut notice = Notice(false);
    event.record(&mut notice);
    notice.0
}

/// Lines at once, and lines a second after that.
const BURST: f64 = 1000.0;
const PER_SECOND: f64 = 200.0;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_is_cut_and_a_pause_lets_lines_pass_again() {
        let bounded = Bounded::default();
        let now = Instant::now();
        let admitted = (0..5000).filter(|_| bounded.admits(now)).count();
        assert_eq!(admitted, 1000);
        assert_eq!(bounded.lost.load(Ordering::Relaxed), 4000);
        let later = now + Duration::from_secs(1);
        assert_eq!((0..5000).filter(|_| bounded.admits(later)).count(), 200);
    }
}
