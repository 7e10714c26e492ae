//! Everything that a request carries of its origin: what was said of it first, and where it was diverted since
//! (RFC 8946 §6). The order of the header fields tells nothing; that of the called numbers does.

use std::time::Duration;

use routing::attest::Attestation;
use timestamp::Timestamp;

use crate::claims::Said;
use crate::identity::{Malformed, Presented};
use crate::verdict::{Expected, FRESH, Failure};

/// A `shaken` PASSporT and the `div` PASSporTs that lead from its destination to that of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    attest: Attestation,
    /// In the order in which they were said.
    passports: Vec<Presented>,
}

impl Trail {
    /// Reads the Identity header fields of a request. What does not belong to its trail is left aside.
    pub fn read<'v>(
        fields: impl IntoIterator<Item = &'v str>,
        expected: &Expected,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let (mut first, mut diversions, mut malformed) = (None, Vec::new(), None);
        for field in fields.into_iter().take(MOST_FIELDS) {
            match Presented::read(field) {
                Ok(presented) => match presented.claims.said {
                    Said::Shaken { attest, .. } if first.is_none() => first = Some((attest, presented)),
                    Said::Shaken { .. } => {}
                    Said::Diverted { .. } => diversions.push(presented),
                },
                Err(why) => malformed = malformed.or(Some(why)),
            }
        }
        let (attest, first) = first.ok_or_else(|| malformed.unwrap_or(Malformed::Kind))?;
        let mut trail = Self { attest, passports: vec![first] };
        while let Some(next) = trail.next(&mut diversions, expected) {
            trail.passports.push(next);
        }
        trail.fits(expected, now).map(|()| trail)
    }

    /// How far the first signer vouches for the calling number.
    pub fn attest(&self) -> Attestation {
        self.attest
    }

    /// Whose signatures have to be good.
    pub fn passports(&self) -> &[Presented] {
        &self.passports
    }

    fn reached(&self) -> &str {
        self.passports.last().map_or("", |last| &last.claims.dest)
    }

    /// The diversion that leads on, if it is not there yet.
    fn next(&self, left: &mut Vec<Presented>, expected: &Expected) -> Option<Presented> {
        let reached = self.reached();
        let leads_on = |presented: &Presented| matches!(&presented.claims.said, Said::Diverted { from } if from == reached);
        let index = left.iter().position(leads_on).filter(|_| reached != expected.dest)?;
        Some(left.swap_remove(index))
    }

    fn fits(&self, expected: &Expected, now: Timestamp) -> Result<(), Failure> {
        if self.passports.iter().any(|presented| presented.claims.orig != expected.orig) {
            return Err(Failure::OtherOrigin);
        }
        let (last, before) = self.passports.split_last().ok_or(Failure::Malformed(Malformed::Token))?;
        let fresh = last.is_younger_than(FRESH, now)
            && before.iter().all(|presented| presented.is_younger_than(RANG, now));
        if !fresh {
            return Err(Failure::Stale);
        }
        if self.reached() != expected.dest { Err(Failure::OtherDestination) } else { Ok(()) }
    }
}

/// How old a claim may be if the call was diverted since: it may have rung before (RFC 3261 §16.6 step 11, Timer C).
const RANG: Duration = Duration::from_secs(180);
/// Header fields of one request that are looked at.
const MOST_FIELDS: usize = 8;
