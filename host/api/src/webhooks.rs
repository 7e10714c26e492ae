//! Events on their way into the queues of webhooks: each endpoint gets what it wants and may see, at once on disk.

use std::sync::Arc;

use engine::control::Event;
use serde_json::json;
use store::{NewDelivery, Store, WebhookRow, rfc3339};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;

use crate::events;

/// Puts events into the queues, as long as there are any.
pub(crate) fn record(store: Store, mut source: broadcast::Receiver<Arc<Event>>) {
    let (sender, queue) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        loop {
            match source.recv().await {
                Ok(event) => {
                    // Whoever wrote is gone, and so is the server.
                    if sender.send(event).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(events)) => {
                    tracing::warn!(events, "events came faster than they can be queued for webhooks")
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
    tokio::spawn(write(store, queue));
}

async fn write(store: Store, mut queue: mpsc::Receiver<Arc<Event>>) {
    let mut events = Vec::new();
    while queue.recv_many(&mut events, MOST_AT_ONCE).await > 0 {
        let outcome = match store.webhooks().await {
            Ok(webhooks) => queued(&store, &webhooks, &events).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::error!(%error, events = events.len(), "events are lost to webhooks");
        }
        events.clear();
    }
}

async fn queued(
    store: &Store,
    webhooks: &[WebhookRow],
    events: &[Arc<Event>],
) -> Result<(), store::StoreError> {
    let mut deliveries = Vec::new();
    for event in events {
        let kind = events::kind(&event.what);
        let sees = |row: &&WebhookRow| row.account.as_ref().is_none_or(|own| *own.as_str() == *event.account);
        let mut body = None;
        for row in webhooks.iter().filter(sees).filter(|row| row.wants(kind)) {
            let body = body.get_or_insert_with(|| document(event));
            deliveries.push(NewDelivery {
                webhook: row.id.clone(),
                event: kind.to_owned(),
                body: body.clone(),
            });
        }
    }
    if deliveries.is_empty() { Ok(()) } else { store.queue_deliveries(&deliveries).await.map(drop) }
}

/// The body of a delivery: what `/events` has, in the words of Standard Webhooks.
fn document(event: &Event) -> String {
    let (kind, at) = (events::kind(&event.what), rfc3339(event.at));
    let data = events::what(event);
    json!({"type": kind, "timestamp": at, "account": event.account, "data": data}).to_string()
}

const QUEUE: usize = 65_536;
const MOST_AT_ONCE: usize = 500;
