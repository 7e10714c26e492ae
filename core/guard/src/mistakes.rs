//! Devices of ours that carry a wrong password, for their owners: by connection, and forgotten when one comes in.

use core::time::Duration;
use std::net::SocketAddr;

use hashbrown::HashMap;
use timestamp::Timestamp;

use crate::attempt::Attempt;

/// What was tried in vain as one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// From where, last.
    pub source: SocketAddr,
    /// What the device calls itself.
    pub user_agent: Box<str>,
    /// How often.
    pub tries: u32,
    /// Whether all of them were from one device: the same address, the same name.
    pub same_device: bool,
    /// The first try.
    pub first_at: Timestamp,
    /// The last one.
    pub last_at: Timestamp,
    told_at: Option<Timestamp>,
    request: u64,
}

/// Mistakes by connection.
#[derive(Debug, Default)]
pub struct Mistakes {
    by_connection: HashMap<Box<str>, Mistake>,
}

impl Mistakes {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_connection.is_empty()
    }

    /// The mistake of a connection.
    pub fn of(&self, connection: &str, now: Timestamp) -> Option<&Mistake> {
        self.by_connection.get(connection).filter(|mistake| now.since(mistake.last_at) <= KEPT)
    }

    /// A wrong password for a connection. The mistake, if its owner is to be told now.
    pub fn on_attempt(&mut self, connection: &str, attempt: &Attempt) -> Option<&Mistake> {
        let now = attempt.at;
        if !self.by_connection.contains_key(connection) {
            if self.by_connection.len() >= MOST {
                self.by_connection.retain(|_, mistake| now.since(mistake.last_at) <= KEPT);
            }
            if self.by_connection.len() >= MOST {
                return None;
            }
        }
        let fresh = || Mistake {
            source: attempt.source,
            user_agent: attempt.user_agent.clone(),
            tries: 0,
            same_device: true,
            first_at: now,
            last_at: now,
            told_at: None,
            request: !attempt.request,
        };
        let mistake = self.by_connection.entry(connection.into()).or_insert_with(fresh);
        if now.since(mistake.last_at) > KEPT {
            *mistake = fresh();
        }
        if mistake.request == attempt.request {
            return None;
        }
        let same = mistake.source.ip() == attempt.source.ip() && mistake.user_agent == attempt.user_agent;
        mistake.same_device &= same;
        (mistake.source, mistake.user_agent) = (attempt.source, attempt.user_agent.clone());
        (mistake.last_at, mistake.request) = (now, attempt.request);
        mistake.tries = mistake.tries.saturating_add(1);
        let due = mistake.told_at.is_none_or(|told| now.since(told) >= TOLD_EVERY);
        if mistake.tries < TOLD_AFTER || !due {
            return None;
        }
        mistake.told_at = Some(now);
        Some(mistake)
    }

    /// The connection showed the right password; whether there was a mistake.
    pub fn on_right(&mut self, connection: &str) -> bool {
        !self.by_connection.is_empty() && self.by_connection.remove(connection).is_some()
    }
}

/// Connections remembered.
const MOST: usize = 4096;
/// A mistake that nobody makes any more is forgotten.
const KEPT: Duration = Duration::from_secs(3600);
/// Typing errors are not news.
const TOLD_AFTER: u32 = 3;
const TOLD_EVERY: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(at: u64, agent: &str) -> Attempt {
        Attempt {
            at: Timestamp::from_secs(at),
            source: "203.0.113.7:5060".parse().expect("an address"),
            user: "alice".into(),
            known: true,
            request: at,
            user_agent: agent.into(),
        }
    }

    #[test]
    fn the_owner_is_told_once_an_hour_and_not_of_typing_errors() {
        let mut mistakes = Mistakes::default();
        let told: Vec<u64> = (0..250)
            .map(|i| 1000 + 30 * i)
            .filter(|at| mistakes.on_attempt("con_1", &attempt(*at, "phone")).is_some())
            .collect();
        assert_eq!(told, [1060, 4660, 8260]);
        let mistake = mistakes.of("con_1", Timestamp::from_secs(8500)).expect("a mistake");
        assert_eq!((mistake.tries, mistake.same_device), (250, true));
        assert!(mistakes.on_attempt("con_1", &attempt(8470, "phone")).is_none(), "a retransmission");
        mistakes.on_attempt("con_1", &attempt(8501, "another"));
        assert!(!mistakes.of("con_1", Timestamp::from_secs(8501)).expect("a mistake").same_device);
        assert!(mistakes.of("con_1", Timestamp::from_secs(12_200)).is_none(), "long ago");
        assert!(mistakes.on_right("con_1"));
        assert!(!mistakes.on_right("con_1"));
    }
}
