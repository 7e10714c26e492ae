//! Publications of event state (RFC 3903): made, refreshed, changed and removed by their entity-tag.
//!
//! The caller hands in new entity-tags; who may publish is its matter, too.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use hashbrown::HashMap;
use smallvec::SmallVec;
use timestamp::Timestamp;

use crate::package::granted;
use crate::pidf::{Said, read};

/// All publications of a shard's users.
#[derive(Debug, Default)]
pub struct Publications {
    users: HashMap<Box<str>, Record>,
    expiring: BinaryHeap<Reverse<(Timestamp, Box<str>)>>,
}

#[derive(Debug, Default)]
struct Record {
    /// In the order of news.
    publications: SmallVec<[Publication; 1]>,
    /// The entry in the heap: one for each user, however often it refreshes.
    armed: Option<Timestamp>,
}

#[derive(Debug)]
struct Publication {
    etag: Box<str>,
    expires_at: Timestamp,
    said: Said,
}

/// What a PUBLISH says.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// SIP-If-Match.
    pub matching: Option<&'a [u8]>,
    /// Expires.
    pub expires: Option<u32>,
    /// The document; empty if there is none.
    pub document: &'a [u8],
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The lifetime granted; zero if it was removed.
    pub lifetime: Duration,
    /// Whether watchers have something to hear.
    pub changed: bool,
}

/// Why nothing came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// 400.
    Malformed(&'static str),
    /// 412: there is no publication with this entity-tag.
    NoMatch,
    /// 423 with Min-Expires.
    TooBrief(u32),
}

impl Publications {
    /// A PUBLISH for a user; `etag` names the state from now on (RFC 3903 §6).
    pub fn publish(
        &mut self,
        user: &str,
        request: &Request<'_>,
        etag: &str,
        now: Timestamp,
    ) -> Result<Published, Refused> {
        let lifetime = granted(request.expires).map_err(Refused::TooBrief)?;
        let record = self.users.entry(user.into()).or_default();
        let of = &mut record.publications;
        of.retain(|publication| publication.expires_at > now);
        let at = request.matching.map(|tag| of.iter().position(|known| known.etag.as_bytes() == tag));
        let outcome = match at {
            Some(None) => Err(Refused::NoMatch),
            Some(Some(at)) if lifetime.is_zero() => {
                of.remove(at);
                Ok(true)
            }
            Some(Some(at)) => said(request.document).map(|said| {
                let mut publication = of.remove(at);
                let changed = said.as_ref().is_some_and(|said| *said != publication.said);
                publication.said = said.unwrap_or(publication.said);
                publication.etag = etag.into();
                publication.expires_at = now + lifetime;
                // What is only refreshed keeps its place in the order of news.
                of.insert(if changed { of.len() } else { at }, publication);
                changed
            }),
            None => match said(request.document) {
                Ok(None) => Err(Refused::Malformed("A first publication needs a document")),
                Ok(Some(_)) if lifetime.is_zero() => Ok(false),
                Ok(Some(said)) => {
                    if of.len() >= MOST {
                        of.remove(0);
                    }
                    of.push(Publication { etag: etag.into(), expires_at: now + lifetime, said });
                    Ok(true)
                }
                Err(refused) => Err(refused),
            },
        };
        if of.is_empty() {
            self.users.remove(user);
        } else {
            self.arm(user);
        }
        outcome.map(|changed| Published { lifetime, changed })
    }

    /// What a user has published, newest first.
    pub fn of(&self, user: &str) -> SmallVec<[&Said; 2]> {
        let record = self.users.get(user);
        record.into_iter().flat_map(|r| r.publications.iter().rev()).map(|p| &p.said).collect()
    }

    /// The user is gone.
    pub fn forget(&mut self, user: &str) {
        self.users.remove(user);
    }

    /// When the next one may lapse.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.expiring.peek().map(|Reverse((at, _))| *at)
    }

    /// Drops what has lapsed; the users whose state changed by that.
    pub fn on_timer(&mut self, now: Timestamp) -> Vec<Box<str>> {
        let mut changed = Vec::new();
        while let Some(Reverse((at, _))) = self.expiring.peek().filter(|Reverse((at, _))| *at <= now) {
            let at = *at;
            let Some(Reverse((_, user))) = self.expiring.pop() else { break };
            let Some(record) = self.users.get_mut(&user).filter(|r| r.armed == Some(at)) else { continue };
            record.armed = None;
            let before = record.publications.len();
            record.publications.retain(|publication| publication.expires_at > now);
            let left = record.publications.len();
            if left == 0 {
                self.users.remove(&user);
            } else {
                self.arm(&user);
            }
            if left < before {
                changed.push(user);
            }
        }
        changed
    }

    fn arm(&mut self, user: &str) {
        let Some(record) = self.users.get_mut(user) else { return };
        let Some(at) = record.publications.iter().map(|p| p.expires_at).min() else { return };
        if record.armed.is_none_or(|armed| at < armed) {
            record.armed = Some(at);
            self.expiring.push(Reverse((at, user.into())));
        }
    }
}

fn said(document: &[u8]) -> Result<Option<Said>, Refused> {
    match document {
        [] => Ok(None),
        document => read(document).map(Some).ok_or(Refused::Malformed("This is no presence document")),
    }
}

/// Publications of one user; one more takes the place of the oldest.
const MOST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &[u8] = b"<presence><tuple><status><basic>open</basic></status></tuple></presence>";
    const CLOSED: &[u8] = b"<presence><tuple><status><basic>closed</basic></status></tuple></presence>";

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn by_entity_tag() {
        type Row<'a> = (u64, Option<&'a str>, Option<u32>, &'a [u8], &'a str, Result<(u64, bool), Refused>);
        let rows: &[Row<'_>] = &[
            (0, None, Some(600), b"", "a", Err(Refused::Malformed("A first publication needs a document"))),
            (0, None, Some(600), b"nonsense", "a", Err(Refused::Malformed("This is no presence document"))),
            (0, None, Some(30), OPEN, "a", Err(Refused::TooBrief(60))),
            (0, Some("x"), None, OPEN, "a", Err(Refused::NoMatch)),
            (0, None, Some(600), OPEN, "a", Ok((600, true))),
            (10, Some("a"), Some(600), b"", "b", Ok((600, false))),
            (20, Some("a"), Some(600), b"", "c", Err(Refused::NoMatch)),
            (20, Some("b"), Some(9999), CLOSED, "c", Ok((3600, true))),
            (30, Some("c"), Some(0), b"", "d", Ok((0, true))),
            (40, Some("c"), Some(600), b"", "e", Err(Refused::NoMatch)),
        ];
        let mut publications = Publications::default();
        for (index, (when, matching, expires, document, etag, wanted)) in rows.iter().enumerate() {
            let matching = matching.map(str::as_bytes);
            let request = Request { matching, expires: *expires, document };
            let got = publications.publish("con_bob", &request, etag, at(*when));
            let got = got.map(|published| (published.lifetime.as_secs(), published.changed));
            assert_eq!(got, *wanted, "row {index}");
        }
        assert!(publications.of("con_bob").is_empty());
    }

    #[test]
    fn the_newest_first_and_no_more_than_a_few() {
        let mut publications = Publications::default();
        for index in 0..20 {
            let note = format!("<presence><note>{index}</note></presence>");
            let request = Request { matching: None, expires: None, document: note.as_bytes() };
            publications.publish("con_bob", &request, &index.to_string(), at(index)).expect("published");
        }
        let notes: Vec<_> = publications.of("con_bob").iter().map(|said| said.note.to_string()).collect();
        assert_eq!(notes, ["19", "18", "17", "16", "15", "14", "13", "12"]);
    }

    #[test]
    fn they_lapse() {
        let mut publications = Publications::default();
        let request = |matching| Request { matching, expires: Some(60), document: OPEN };
        publications.publish("con_bob", &request(None), "a", at(0)).expect("published");
        publications.publish("con_bob", &request(Some(b"a")), "b", at(30)).expect("refreshed");
        assert_eq!(publications.next_timeout(), Some(at(60)));
        assert!(publications.on_timer(at(60)).is_empty(), "it was refreshed");
        assert_eq!(publications.on_timer(at(90)), ["con_bob".into()]);
        assert_eq!(publications.next_timeout(), None);
        assert_eq!(publications.publish("con_bob", &request(Some(b"b")), "c", at(91)), Err(Refused::NoMatch));
    }
}
