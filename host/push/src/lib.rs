//! Waking devices that sleep (RFC 8599): a push message to the address that a browser subscribed at (RFC 8030), signed so
//! that its push service knows the sender (VAPID, RFC 8292).
//!
//! A push says nothing but «wake up»: it has no content, so nothing of a call reaches the push service, and there is
//! nothing to encrypt (RFC 8291).

mod key;

use std::time::Duration;

use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderName, HeaderValue};
use outside::{Outside, Request};

pub use key::{KeyFault, VapidKey};

/// Sends pushes.
#[expect(missing_debug_implementations, reason = "holds what speaks to the outside")]
pub struct Pusher {
    key: VapidKey,
    outside: Outside,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The push service took it.
    Taken,
    /// The subscription is gone: it is of no use to try again.
    Gone,
    /// It was not taken, and why.
    Failed(String),
}

impl Pushed {
    /// As metrics have it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Gone => "gone",
            Self::Failed(_) => "failed",
        }
    }
}

impl Pusher {
    /// Signs with this key, and reaches what `outside` may.
    pub fn new(key: VapidKey, outside: Outside) -> Self {
        Self { key, outside }
    }

    /// The public half of the key, for who subscribes.
    pub fn key(&self) -> &str {
        self.key.public()
    }

    /// Wakes the device that subscribed at this address; `now` in seconds since the epoch.
    pub async fn push(&self, address: &str, now: u64) -> Pushed {
        let Some(signed) = self.key.authorization(address, now) else {
            return Pushed::Failed(format!("{address} is no address that can be signed for"));
        };
        let field = |name: &'static str, value: &str| {
            HeaderValue::from_str(value).ok().map(|value| (HeaderName::from_static(name), value))
        };
        let fields = [
            field(AUTHORIZATION.as_str(), &signed),
            field("ttl", TTL_S),
            field("urgency", "high"),
            field("topic", "call"),
            // Not said by itself of nothing, and wanted by some push services (411).
            field(CONTENT_LENGTH.as_str(), "0"),
        ];
        let request = Request {
            method: Method::POST,
            url: address.to_owned(),
            fields: fields.into_iter().flatten().collect(),
            body: Vec::new(),
            patience: PATIENCE,
            longest: LONGEST,
            cut: true,
        };
        match self.outside.ask(request).await {
            Ok(answer) if (200..300).contains(&answer.status) => Pushed::Taken,
            // RFC 8030 §7.3.
            Ok(answer) if matches!(answer.status, 404 | 410) => Pushed::Gone,
            Ok(answer) => Pushed::Failed(format!("the push service answers {}", answer.status)),
            Err(fault) => Pushed::Failed(fault.to_string()),
        }
    }
}

/// How long the push service keeps it for a device that is off (RFC 8030 §5.2): a call does not ring for longer.
const TTL_S: &str = "30";
const PATIENCE: Duration = Duration::from_secs(5);
/// Of an answer nobody reads.
const LONGEST: usize = 4096;
