//! What was found out about hosts, for as long as its records say (RFC 1035 §7.3, RFC 2308, RFC 8767), and who waits.
//!
//! Time is an argument. One question for each query is out at a time; those who ask meanwhile wait for its answer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sip_stack::transport::{Query, Ways};

/// What asking the name servers brought.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Where the host is.
    pub(super) ways: Ways,
    /// How long that is true.
    pub(super) ttl: Duration,
    /// Some name server did not answer and nothing is sure.
    pub(super) failed: bool,
}

/// What is known of a query.
#[derive(Debug)]
pub(super) enum Known {
    /// Where it leads.
    Fresh(Ways),
    /// The name servers have to be asked, by the `first` who comes; `stale` if there is something for the impatient.
    Awaited {
        /// Nobody has asked them yet.
        first: bool,
        /// A former answer may be used.
        stale: bool,
    },
    /// Too many questions are out.
    Full,
}

/// Answers and those who wait for them.
#[derive(Debug)]
pub(super) struct Cache<W> {
    answers: HashMap<Query, Answer>,
    waiting: HashMap<Query, Vec<W>>,
}

#[derive(Debug)]
struct Answer {
    ways: Ways,
    fresh_until: Instant,
    stale_until: Instant,
}

impl<W> Default for Cache<W> {
    fn default() -> Self {
        Self { answers: HashMap::new(), waiting: HashMap::new() }
    }
}

impl<W> Cache<W> {
    /// What is known now.
    pub(super) fn ask(&self, query: &Query, now: Instant) -> Known {
        let answer = self.answers.get(query).filter(|answer| now < answer.stale_until);
        match answer {
            Some(answer) if now < answer.fresh_until => Known::Fresh(answer.ways.clone()),
            _ => {
                let first = !self.waiting.contains_key(query);
                if first && self.waiting.len() >= MOST_QUESTIONS {
                    return Known::Full;
                }
                Known::Awaited { first, stale: answer.is_some_and(|answer| !answer.ways.is_empty()) }
            }
        }
    }

    /// Somebody waits for an answer.
    pub(super) fn wait(&mut self, query: &Query, waiter: W) {
        self.waiting.entry(query.clone()).or_default().push(waiter);
    }

    /// The name servers were asked; who waits gets these ways.
    pub(super) fn learn(&mut self, query: Query, found: Found, now: Instant) -> (Ways, Vec<W>) {
        let waiting = self.waiting.remove(&query).unwrap_or_default();
        let former = self.answers.get_mut(&query).filter(|answer| now < answer.stale_until);
        match former {
            Some(former) if found.failed && !former.ways.is_empty() => {
                // RFC 8767 §5: the former answer, until it is worth asking again.
                former.fresh_until = now + RECHECK;
                (former.ways.clone(), waiting)
            }
            Some(_) | None => {
                let ways = found.ways.clone();
                self.keep(query, found, now);
                (ways, waiting)
            }
        }
    }

    /// The former answer for those who waited long enough; the question stays out.
    pub(super) fn stale(&mut self, query: &Query, now: Instant) -> (Ways, Vec<W>) {
        let former = self.answers.get(query).filter(|answer| now < answer.stale_until);
        match (former, self.waiting.get_mut(query)) {
            (Some(former), Some(waiting)) => (former.ways.clone(), core::mem::take(waiting)),
            (Some(_), None) | (None, _) => (Ways::default(), Vec::new()),
        }
    }

    /// Other name servers are in force: what is known is asked for again when it is needed.
    pub(super) fn distrust(&mut self) {
        self.answers.clear();
    }

    fn keep(&mut self, query: Query, found: Found, now: Instant) {
        if self.answers.len() >= MOST_ANSWERS && !self.answers.contains_key(&query) {
            self.answers.retain(|_, answer| now < answer.fresh_until);
        }
        if self.answers.len() >= MOST_ANSWERS {
            let soonest = self.answers.iter().min_by_key(|(_, answer)| answer.fresh_until);
            let soonest = soonest.map(|(query, _)| query.clone());
            soonest.and_then(|query| self.answers.remove(&query));
        }
        let (longest, stale) = match (found.ways.is_empty(), found.failed) {
            (_, true) => (AFTER_FAILURE, Duration::ZERO),
            (true, false) => (NEGATIVE, Duration::ZERO),
            (false, false) => (LONGEST, STALE),
        };
        let fresh_until = now + found.ttl.clamp(SHORTEST, longest);
        self.answers
            .insert(query, Answer { ways: found.ways, fresh_until, stale_until: fresh_until + stale });
    }
}

/// Hosts whose answers are kept.
const MOST_ANSWERS: usize = 4096;
/// Hosts that are asked for at the same time.
const MOST_QUESTIONS: usize = 1024;
/// Records with a lifetime of nothing still serve those who ask at the same moment.
const SHORTEST: Duration = Duration::from_secs(1);
/// However long a record may be kept, a host that moved is found within a day.
const LONGEST: Duration = Duration::from_secs(86_400);
/// RFC 2308 allows hours; somebody who adds a missing record wants to see it work.
const NEGATIVE: Duration = Duration::from_secs(30);
/// After no answer the next call does not wait for the same name servers again.
const AFTER_FAILURE: Duration = Duration::from_secs(3);
/// RFC 8767 §5: how long an answer outlives its records when no name server answers.
const STALE: Duration = Duration::from_secs(6 * 3600);
/// RFC 8767 §5, "failure recheck timer".
const RECHECK: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use sip_stack::transport::{Listeners, Locating};

    use super::*;

    #[test]
    fn answers_age_as_their_records_say() {
        let begin = Instant::now();
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        // What is learned at second 0, then the state at later seconds.
        let table: &[(&str, Found, &[(u64, &str)])] = &[
            (
                "a record of a minute",
                found(1, 60),
                &[(0, "fresh"), (59, "fresh"), (60, "stale"), (21_660, "gone")],
            ),
            ("a record of no time", found(1, 0), &[(0, "fresh"), (1, "stale")]),
            ("a record of a year", found(1, 31_536_000), &[(86_399, "fresh"), (86_400, "stale")]),
            ("no such name", found(0, 3600), &[(29, "fresh"), (30, "gone")]),
            ("no such name, for a while", found(0, 5), &[(4, "fresh"), (5, "gone")]),
            ("no answer", Found { failed: true, ..found(0, 60) }, &[(2, "fresh"), (3, "gone")]),
        ];
        for (name, learned, states) in table {
            let mut cache: Cache<()> = Cache::default();
            let learned = Found { ways: learned.ways.clone(), ..*learned };
            cache.learn(query("a.test"), learned, begin);
            for (second, state) in *states {
                assert_eq!(shown(&cache.ask(&query("a.test"), at(*second))), *state, "{name} at {second}");
            }
        }
    }

    #[test]
    fn an_answer_outlives_its_name_servers() {
        let begin = Instant::now();
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        let mut cache = Cache::default();
        cache.learn(query("a.test"), found(1, 60), begin);
        cache.wait(&query("a.test"), 'x');
        assert_eq!(cache.stale(&query("a.test"), at(70)), (found(1, 60).ways, vec!['x']));
        let silent = Found { failed: true, ..found(0, 0) };
        assert_eq!(cache.learn(query("a.test"), silent, at(74)), (found(1, 60).ways, vec![]));
        assert_eq!(shown(&cache.ask(&query("a.test"), at(103))), "fresh", "asked again half a minute later");
        assert_eq!(shown(&cache.ask(&query("a.test"), at(104))), "stale");
        // A name server that says no is believed.
        assert_eq!(cache.learn(query("a.test"), found(0, 30), at(110)).0, Ways::default());
        assert_eq!(shown(&cache.ask(&query("a.test"), at(140))), "gone");
    }

    #[test]
    fn one_question_for_all_who_ask() {
        let now = Instant::now();
        let mut cache = Cache::default();
        for (waiter, first) in [('a', true), ('b', false), ('c', false)] {
            assert!(
                matches!(cache.ask(&query("a.test"), now), Known::Awaited { first: f, .. } if f == first)
            );
            cache.wait(&query("a.test"), waiter);
        }
        assert_eq!(cache.learn(query("a.test"), found(1, 60), now), (found(1, 60).ways, vec!['a', 'b', 'c']));
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let now = Instant::now();
        let mut cache: Cache<()> = Cache::default();
        for number in 0..MOST_ANSWERS + 100 {
            cache.learn(query(&format!("{number}.test")), found(1, 60), now);
        }
        assert_eq!(cache.answers.len(), MOST_ANSWERS);
        for number in 0..MOST_QUESTIONS {
            cache.wait(&query(&format!("{number}.other.test")), ());
        }
        assert!(matches!(cache.ask(&query("one-more.test"), now), Known::Full));
    }

    fn shown(known: &Known) -> &'static str {
        match known {
            Known::Fresh(_) => "fresh",
            Known::Awaited { stale: true, .. } => "stale",
            Known::Awaited { stale: false, .. } => "gone",
            Known::Full => "full",
        }
    }

    fn query(host: &str) -> Query {
        Query { host: host.into(), port: None, transport: None, secure: false }
    }

    fn found(addresses: usize, ttl: u64) -> Found {
        let ways = match addresses {
            0 => Ways::default(),
            _ => Locating::new(query("192.0.2.1"), &Listeners::default()).ways(),
        };
        Found { ways, ttl: Duration::from_secs(ttl), failed: false }
    }
}
