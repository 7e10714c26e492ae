//! Events as they are streamed (SSE): numbered, kept for a while, so that a client that comes back misses none.
//!
//! Ids grow with time, also across restarts: a client of the process before gets everything the ring still holds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use engine::control::{Event, Happening};
use serde_json::{Value, json};
use store::rfc3339;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::routes::bans;
use crate::status::{Call, WrongPassword};

/// One event as it is streamed; its text is made when the first client wants it.
#[derive(Debug)]
pub(crate) struct Streamed {
    pub(crate) id: u64,
    event: Arc<Event>,
    text: OnceLock<String>,
}

impl Streamed {
    /// What kind of event.
    pub(crate) fn kind(&self) -> &'static str {
        kind(&self.event.what)
    }

    /// Whose it is.
    pub(crate) fn account(&self) -> &str {
        &self.event.account
    }

    /// The event in JSON.
    pub(crate) fn json(&self) -> &str {
        self.text.get_or_init(|| document(&self.event, self.id).to_string())
    }
}

/// The last events.
pub(crate) struct Ring {
    shared: Arc<Shared>,
}

struct Shared {
    kept: Mutex<Kept>,
}

struct Kept {
    events: VecDeque<Arc<Streamed>>,
    last: u64,
    /// Whether an event has been dropped from the ring.
    dropped: u64,
    /// Gone once the shards have stopped, so that streams end.
    live: Option<broadcast::Sender<Arc<Streamed>>>,
}

/// Where a client begins.
pub(crate) struct Joined {
    /// What it missed.
    pub(crate) missed: Vec<Arc<Streamed>>,
    /// Whether some of that is gone.
    pub(crate) gap: bool,
    /// What comes.
    pub(crate) live: broadcast::Receiver<Arc<Streamed>>,
}

impl Ring {
    /// A ring filled from the shards' announcements, as long as there are any.
    pub(crate) fn fed_by(mut source: broadcast::Receiver<Arc<Event>>) -> Self {
        let (live, _) = broadcast::channel(LIVE);
        let kept = Kept { events: VecDeque::new(), last: 0, dropped: 0, live: Some(live) };
        let shared = Arc::new(Shared { kept: Mutex::new(kept) });
        let ring = Arc::clone(&shared);
        tokio::spawn(async move {
            loop {
                match source.recv().await {
                    Ok(event) => ring.push(event),
                    Err(RecvError::Lagged(events)) => {
                        tracing::warn!(events, "events came faster than they are read")
                    }
                    Err(RecvError::Closed) => return ring.close(),
                }
            }
        });
        Self { shared }
    }

    /// Joins, after the event `last` if given.
    pub(crate) fn join(&self, last: Option<u64>) -> Joined {
        let kept = self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let live = kept.live.as_ref().map_or_else(|| broadcast::channel(1).1, broadcast::Sender::subscribe);
        let Some(last) = last else { return Joined { missed: Vec::new(), gap: false, live } };
        let missed = kept.events.iter().filter(|event| event.id > last).cloned().collect();
        Joined { missed, gap: last < kept.dropped, live }
    }
}

impl Shared {
    fn push(&self, event: Arc<Event>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let id = event.at.as_micros().max(kept.last + 1);
        kept.last = id;
        let streamed = Arc::new(Streamed { id, event, text: OnceLock::new() });
        kept.events.push_back(Arc::clone(&streamed));
        if kept.events.len() > KEPT {
            kept.dropped = kept.events.pop_front().map_or(0, |event| event.id);
        }
        if let Some(live) = &kept.live {
            // Nobody listening is fine.
            let _ = live.send(streamed);
        }
    }

    fn close(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).live = None;
    }
}

pub(crate) fn kind(what: &Happening) -> &'static str {
    match what {
        Happening::BanAdded(_) => "ban.added",
        Happening::BanLapsed(_) => "ban.lapsed",
        Happening::BanRemoved(_) => "ban.removed",
        Happening::BanWithheld { .. } => "ban.withheld",
        Happening::WrongPassword { .. } => "device.wrong_password",
        Happening::WebhookDisabled { .. } => "webhook.disabled",
        Happening::VoicemailStored(_) => "voicemail.stored",
        Happening::RecordingStored(_) => "recording.stored",
        Happening::RecordingFailed(_) => "recording.failed",
        Happening::CallStarted(_) => "call.started",
        Happening::CallRinging(_) => "call.ringing",
        Happening::CallAnswered(_) => "call.answered",
        Happening::CallTransferred { .. } => "call.transferred",
        Happening::CallUnheard { .. } => "call.unheard",
        Happening::CallEnded { .. } => "call.ended",
        Happening::CallRefused(_) => "call.refused",
        Happening::CallEmergency(_) => "call.emergency",
        Happening::ConferenceStarted(_) => "conference.started",
        Happening::ConferenceJoined(_) => "conference.joined",
        Happening::ConferenceLeft(_) => "conference.left",
        Happening::ConferenceEnded(_) => "conference.ended",
        Happening::QueueJoined(_) => "queue.joined",
        Happening::QueueAnswered(_) => "queue.answered",
        Happening::QueueLeft(_) => "queue.left",
        Happening::LimitWarning(_) => "limit.warning",
        Happening::RegistrationAdded { .. } => "registration.added",
        Happening::RegistrationRemoved { .. } => "registration.removed",
        Happening::RegistrationFailed { .. } => "registration.failed",
        Happening::RegistrationRecovered { .. } => "registration.recovered",
        Happening::RehearsalStarted { .. } => "rehearsal.started",
        Happening::RehearsalEnded { .. } => "rehearsal.ended",
        Happening::ConnectionDown { .. } => "connection.down",
        Happening::ConnectionUp { .. } => "connection.up",
    }
}

fn document(event: &Event, id: u64) -> Value {
    let (kind, at) = (kind(&event.what), rfc3339(event.at));
    json!({"id": id.to_string(), "type": kind, "at": at, "account": event.account, "data": what(event)})
}

/// What an event says beside its type, its time and whose it is.
pub(crate) fn what(event: &Event) -> Value {
    match &event.what {
        Happening::CallStarted(call) | Happening::CallRinging(call) | Happening::CallAnswered(call) => {
            json!(Call::from(call))
        }
        Happening::CallTransferred { call, by, to } => {
            let mut what = json!(Call::from(call));
            what["by"] = json!(by);
            what["to"] = json!(to);
            what
        }
        Happening::CallUnheard { call, mute } => {
            let mut what = json!(Call::from(call));
            what["leg"] = json!(mute.role);
            what["connection"] = json!(mute.connection);
            what["reason_code"] = json!(mute.reason.code());
            what["reason_text"] = json!(mute.reason.text());
            what
        }
        Happening::CallEnded { call, sip_code, reason_code } => {
            let mut what = json!(Call::from(call));
            what["sip_code"] = json!(sip_code);
            what["reason_code"] = json!(reason_code);
            what
        }
        Happening::QueueJoined(event) | Happening::QueueAnswered(event) | Happening::QueueLeft(event) => {
            json!(event)
        }
        Happening::BanAdded(ban) | Happening::BanLapsed(ban) | Happening::BanRemoved(ban) => {
            json!(bans::Entry::of(ban, &std::collections::HashMap::new()))
        }
        Happening::ConferenceStarted(news)
        | Happening::ConferenceJoined(news)
        | Happening::ConferenceLeft(news)
        | Happening::ConferenceEnded(news) => json!(news),
        Happening::BanWithheld { network, evidence } => {
            json!({"network": network, "evidence": bans::evidence(evidence)})
        }
        Happening::WebhookDisabled { webhook, url, reason } => {
            json!({"webhook": webhook, "url": url, "reason": reason})
        }
        Happening::WrongPassword { connection, what } => {
            let mut shown = json!(WrongPassword::from(what));
            shown["connection"] = json!(connection);
            shown
        }
        Happening::RegistrationAdded { connection, contact, source } => {
            json!({"connection": connection, "contact": contact, "source": source})
        }
        Happening::CallRefused(refusal) => json!({
            "source": refusal.source.to_string(), "transport": refusal.transport, "method": refusal.method,
            "from": refusal.from, "to": refusal.to, "user_agent": refusal.user_agent,
            "sip_code": refusal.sip_code, "reason_code": refusal.reason.code(),
            "reason_text": refusal.reason.text(), "near_misses": refusal.near_misses,
        }),
        Happening::CallEmergency(call) => json!({
            "connection": call.connection, "from": call.from, "dialled": call.dialled, "ways": call.ways,
        }),
        Happening::LimitWarning(warning) => json!(warning),
        Happening::RecordingStored(stored) | Happening::RecordingFailed(stored) => json!(stored),
        Happening::VoicemailStored(stored) => json!(stored),
        Happening::RegistrationRemoved { connection, contact, expired } => {
            json!({"connection": connection, "contact": contact, "expired": expired})
        }
        Happening::RegistrationFailed { connection, code, reason, next_attempt_at } => {
            let next_attempt_at = next_attempt_at.map(rfc3339);
            json!({"connection": connection, "code": code, "reason": reason, "next_attempt_at": next_attempt_at})
        }
        Happening::RehearsalStarted { connection, until } => {
            json!({"connection": connection, "until": rfc3339(*until)})
        }
        Happening::RegistrationRecovered { connection }
        | Happening::RehearsalEnded { connection }
        | Happening::ConnectionDown { connection }
        | Happening::ConnectionUp { connection } => json!({"connection": connection}),
    }
}

const KEPT: usize = 10_000;
const LIVE: usize = 4_096;
