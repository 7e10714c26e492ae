//! Keys in descriptions: which of the offered are taken, and ours (RFC 4568 §5.1).
//!
//! Every key of ours is made for one m-line of one leg. A line that asks for more than its suite says, or numbers its
//! keys (MKI), is passed over.

use sdp::{Crypto, Media};
use smallvec::SmallVec;
use srtp::{Keys, Profile};

use super::protection::Method;
use crate::random::Random;

/// Keys of ours by tag.
pub(crate) type Ours = SmallVec<[(u32, Keys); 1]>;

/// A fresh key for each suite, in the order in which we would have them taken: what everybody has stands first.
pub(crate) fn offered(random: &mut Random) -> Ours {
    (1..).zip(Profile::ALL).map(|(tag, profile)| (tag, fresh(profile, random))).collect()
}

/// The answer to the offer of a medium: the line agreed on before if it is there again, else the first that we can
/// take (§5.1.2). A key of ours for it stays.
pub(crate) fn choose(
    medium: &Media<'_>,
    agreed: Option<u32>,
    ours: &mut Ours,
    random: &mut Random,
) -> Option<Method> {
    let usable = || medium.cryptos().filter_map(|crypto| Some((crypto.tag, keys_of(&crypto)?)));
    let again = usable().find(|(tag, theirs)| agreed == Some(*tag) && ours_for(ours, *tag, theirs).is_some());
    let (tag, inbound) = again.or_else(|| usable().next())?;
    let outbound = ours_for(ours, tag, &inbound).unwrap_or_else(|| fresh(inbound.profile(), random));
    ours.clear();
    ours.push((tag, outbound));
    Some(Method::Sdes { tag, inbound, outbound })
}

/// Which of our keys the answer to our offer takes (§5.1.3).
pub(crate) fn taken(medium: &Media<'_>, ours: &Ours) -> Option<Method> {
    medium.cryptos().find_map(|crypto| {
        let inbound = keys_of(&crypto)?;
        let outbound = ours_for(ours, crypto.tag, &inbound)?;
        Some(Method::Sdes { tag: crypto.tag, inbound, outbound })
    })
}

fn ours_for(ours: &Ours, tag: u32, theirs: &Keys) -> Option<Keys> {
    let fits = |(number, keys): &&(u32, Keys)| *number == tag && keys.profile() == theirs.profile();
    ours.iter().find(fits).map(|(_, keys)| *keys)
}

fn keys_of(crypto: &Crypto<'_>) -> Option<Keys> {
    let profile = Profile::from_bytes(crypto.suite).filter(|_| !crypto.is_special())?;
    Keys::new(profile, crypto.key(&mut [0; 48])?)
}

fn fresh(profile: Profile, random: &mut Random) -> Keys {
    let mut material = [0; 48];
    for part in material.as_chunks_mut().0 {
        *part = random.wide().to_be_bytes();
    }
    let material = material.get(..profile.key_len() + profile.salt_len());
    material.and_then(|material| Keys::new(profile, material)).expect("no profile has more than 46 octets")
}
