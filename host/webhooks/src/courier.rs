//! Takes what is due out of the store and delivers it, a few at a time to each endpoint.
//!
//! An endpoint that is slow keeps its own two places busy and nobody else's. What is on its way when the process
//! dies is delivered again: receivers know it by its id.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use outside::{Answer, Fault, Outside, Request};
use store::{Delivery, DeliveryAttempt, Store, StoreError, WebhookRow, now};
use timestamp::Timestamp;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use crate::{schedule, signature};

/// Delivers, until it is dropped.
#[expect(missing_debug_implementations, reason = "holds tasks and a callback")]
pub struct Courier {
    store: Store,
    outside: Outside,
    tell: Box<dyn Fn(Disabled) + Send + Sync>,
    /// Deliveries on their way, by endpoint.
    busy: HashMap<String, HashSet<String>>,
    on_the_way: JoinSet<Done>,
}

/// An endpoint that was given up.
#[derive(Clone, Debug)]
pub struct Disabled {
    /// The endpoint.
    pub webhook: WebhookRow,
    /// Why.
    pub reason: String,
}

struct Done {
    delivery: Delivery,
    attempt: DeliveryAttempt,
    wish: Option<Duration>,
    gone: bool,
}

impl Courier {
    /// Starts delivering; `tell` hears of endpoints that are given up.
    pub fn start(
        store: Store,
        outside: Outside,
        tell: impl Fn(Disabled) + Send + Sync + 'static,
    ) -> JoinHandle<()> {
        let courier =
            Self { store, outside, tell: Box::new(tell), busy: HashMap::new(), on_the_way: JoinSet::new() };
        tokio::spawn(courier.run())
    }

    async fn run(mut self) {
        let news = self.store.webhook_news();
        loop {
            if let Err(error) = self.send_out().await {
                tracing::error!(%error, "deliveries to webhooks could not be read");
            }
            tokio::select! {
                () = news.notified() => {}
                Some(done) = self.on_the_way.join_next() => match done {
                    Ok(done) => {
                        if let Err(error) = self.finish(done).await {
                            tracing::error!(%error, "a delivery to a webhook could not be written down");
                        }
                    }
                    // Its places are freed by the next round of a new process; a panic is a fault of ours.
                    Err(error) => tracing::error!(%error, "a delivery to a webhook failed in itself"),
                },
                () = sleep(ROUND) => {}
            }
        }
    }

    /// Sends what is due, as far as there are places.
    async fn send_out(&mut self) -> Result<(), StoreError> {
        let waiting = self.store.webhooks_waiting(now()).await?;
        for id in waiting {
            let busy = self.busy.entry(id.clone()).or_default();
            let free = PLACES.saturating_sub(busy.len());
            if free == 0 || self.on_the_way.len() >= ALL_PLACES {
                continue;
            }
            let Some((webhook, secrets)) = self.store.webhook_secrets(&id).await? else { continue };
            let due = self.store.due_deliveries(&id, now(), PLACES + busy.len()).await?;
            let due: Vec<_> =
                due.into_iter().filter(|delivery| !busy.contains(&delivery.id)).take(free).collect();
            for delivery in due {
                busy.insert(delivery.id.clone());
                let (outside, webhook, secrets) = (self.outside.clone(), webhook.clone(), secrets.clone());
                self.on_the_way.spawn(deliver(outside, webhook, secrets, delivery));
            }
        }
        Ok(())
    }

    async fn finish(&mut self, done: Done) -> Result<(), StoreError> {
        let Done { mut delivery, attempt, wish, gone } = done;
        if let Some(busy) = self.busy.get_mut(&delivery.webhook) {
            busy.remove(&delivery.id);
            if busy.is_empty() {
                self.busy.remove(&delivery.webhook);
            }
        }
        let (at, delivered) = (attempt.at, attempt.delivered());
        delivery.attempts.push(attempt);
        let mut share = [0];
        // Without randomness they are tried at the same moment, which is only less polite.
        let _ = getrandom::fill(&mut share);
        let rest = schedule::rest(delivery.attempts.len(), wish, share[0]);
        let next = rest.filter(|_| !delivered && !gone).map(|rest| at + rest);
        let known = self.store.finish_delivery(delivery, delivered, next).await?;
        let Some(webhook) = known else { return Ok(()) };
        if let Some(reason) = given_up(&webhook, gone, at)
            && let Some(webhook) = self.store.disable_webhook(&webhook.id, &reason).await?
        {
            (self.tell)(Disabled { webhook, reason });
        }
        Ok(())
    }
}

/// Why an endpoint is given up, if it is.
fn given_up(webhook: &WebhookRow, gone: bool, at: Timestamp) -> Option<String> {
    if gone {
        return Some("the endpoint says that it is gone (410)".to_owned());
    }
    let since = webhook.failing_since.filter(|since| at.since(*since) >= GIVEN_UP_AFTER)?;
    let days = at.since(since).as_secs() / 86_400;
    Some(format!("every delivery of {days} days failed"))
}

async fn deliver(outside: Outside, webhook: WebhookRow, secrets: Vec<Vec<u8>>, delivery: Delivery) -> Done {
    let (at, began) = (now(), Instant::now());
    let signature = signature::header(&secrets, &delivery.id, at.as_secs(), &delivery.body);
    let mut fields = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    for (name, value) in [
        ("webhook-id", delivery.id.clone()),
        ("webhook-timestamp", at.as_secs().to_string()),
        ("webhook-signature", signature),
    ] {
        fields.extend(HeaderValue::try_from(value).map(|value| (HeaderName::from_static(name), value)));
    }
    let outcome = outside
        .ask(Request {
            method: Method::POST,
            url: webhook.url.clone(),
            fields,
            body: delivery.body.clone().into_bytes(),
            patience: PATIENCE,
            longest: MOST_KEPT,
            cut: true,
        })
        .await;
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (status, response, error, wish) = told(outcome);
    let attempt = DeliveryAttempt { at, status, response, error, elapsed_ms };
    Done { delivery, gone: attempt.status == Some(410), attempt, wish }
}

/// An outcome as it is kept.
fn told(outcome: Result<Answer, Fault>) -> (Option<u16>, String, Option<String>, Option<Duration>) {
    match outcome {
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or_default();
            let error = match () {
                () if status.is_success() => None,
                () if status.is_redirection() => Some(format!("{status}: redirects are not followed")),
                () => Some(status.to_string()),
            };
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            (Some(answer.status), text, error, answer.retry_after.map(Duration::from_secs))
        }
        Err(fault) => (None, String::new(), Some(fault.to_string()), None),
    }
}

/// How long an endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Of an answer, what is kept.
const MOST_KEPT: usize = 1024;
/// Deliveries at once to one endpoint, and in all.
const PLACES: usize = 2;
const ALL_PLACES: usize = 256;
/// Between two looks at what has become due.
const ROUND: Duration = Duration::from_secs(1);
/// An endpoint that took nothing for so long is disabled.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(3 * 86_400);
