//! Star codes: what a phone dials to set something or to reach a call, instead of somebody.
//!
//! Those of GSM for forwarding (3GPP TS 22.030 §6.5.2) with the codes that desk phones know, and the usual ones of PBXs.

use crate::config::{Condition, ConnectionId};

/// What a star code asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Calls of the person who dials go there under this condition, or not any more.
    Forward(Condition, Option<String>),
    /// Nothing of the person who dials rings, or it does again.
    Undisturbed(bool),
    /// Whoever calls, or is handed over, waits in this orbit, or in the first free one.
    Park(Option<String>),
    /// A call that rings at this connection is wanted, or any of the account.
    PickUp(Option<ConnectionId>),
    /// Whoever waits in this orbit is wanted.
    Retrieve(String),
}

impl Feature {
    /// Who waits where, and what rings at whom; `user` finds the connection of a user.
    pub fn of_calls(text: &str, user: impl FnOnce(&str) -> Option<ConnectionId>) -> Option<Self> {
        let plain = text.strip_suffix('#').unwrap_or(text);
        if let Some(orbit) = plain.strip_prefix("*68") {
            let one = orbit.bytes().all(|byte| byte.is_ascii_digit()) && orbit.len() <= 8;
            return one.then(|| Self::Park((!orbit.is_empty()).then(|| orbit.to_owned())));
        }
        if let Some(orbit) = plain.strip_prefix("*88").filter(|orbit| is_orbit(orbit)) {
            return Some(Self::Retrieve(orbit.to_owned()));
        }
        if plain == "*8" {
            return Some(Self::PickUp(None));
        }
        let named = plain.strip_prefix("**").or_else(|| plain.strip_prefix("*8"))?;
        user(named).map(|connection| Self::PickUp(Some(connection)))
    }

    /// Whether it is about calls, so that somebody may be handed over to it.
    pub const fn is_of_calls(&self) -> bool {
        match self {
            Self::Park(_) | Self::PickUp(_) | Self::Retrieve(_) => true,
            Self::Forward(..) | Self::Undisturbed(_) => false,
        }
    }

    /// The orbit that is dialled as it is.
    pub fn of_orbit(text: &str) -> Option<Self> {
        is_orbit(text).then(|| Self::Retrieve(text.to_owned()))
    }

    /// What it changes of a person, if it means that.
    pub fn dialled(text: &str) -> Option<Self> {
        let plain = text.strip_suffix('#').unwrap_or(text);
        match plain {
            "*78" => return Some(Self::Undisturbed(true)),
            "*79" => return Some(Self::Undisturbed(false)),
            _ => {}
        }
        let set = plain.strip_prefix("**").or_else(|| plain.strip_prefix('*'));
        if let Some((code, to)) = set.and_then(|set| set.split_once('*')) {
            let sensible = !to.is_empty() && to.len() <= 64;
            return condition(code)
                .filter(|_| sensible)
                .map(|condition| Self::Forward(condition, Some(to.to_owned())));
        }
        let off = plain.strip_prefix("##").or_else(|| plain.strip_prefix('#'))?;
        condition(off).map(|condition| Self::Forward(condition, None))
    }
}

/// Whether this is an orbit that phones dial as it is: 701 to 720.
fn is_orbit(text: &str) -> bool {
    text.len() == 3 && text.parse().is_ok_and(|number: u16| (701..=720).contains(&number))
}

fn condition(code: &str) -> Option<Condition> {
    match code {
        "21" => Some(Condition::Always),
        "67" => Some(Condition::Busy),
        "61" => Some(Condition::NoAnswer),
        "62" => Some(Condition::Offline),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_and_what_rings() {
        let user = |name: &str| (name == "102").then(|| ConnectionId::from("con_b"));
        let picks = |of: Option<&str>| Some(Feature::PickUp(of.map(ConnectionId::from)));
        let park = |orbit: Option<&str>| Some(Feature::Park(orbit.map(str::to_owned)));
        for (dialled, means) in [
            ("*68", park(None)),
            ("*68705", park(Some("705"))),
            ("*68705#", park(Some("705"))),
            ("*68x", None),
            ("*88705", Some(Feature::Retrieve("705".to_owned()))),
            ("*88721", None),
            ("*8", picks(None)),
            ("**102", picks(Some("con_b"))),
            ("*8102", picks(Some("con_b"))),
            ("**103", None),
            ("705", None),
        ] {
            assert_eq!(Feature::of_calls(dialled, user), means, "{dialled}");
        }
        assert_eq!(Feature::of_orbit("720"), Some(Feature::Retrieve("720".to_owned())));
        assert_eq!(Feature::of_orbit("721"), None);
    }

    #[test]
    fn what_phones_dial() {
        let to = |condition, to: &str| Some(Feature::Forward(condition, Some(to.to_owned())));
        let off = |condition| Some(Feature::Forward(condition, None));
        for (dialled, means) in [
            ("*21*102#", to(Condition::Always, "102")),
            ("*21*102", to(Condition::Always, "102")),
            ("**67*+4930123456#", to(Condition::Busy, "+4930123456")),
            ("*61*bob#", to(Condition::NoAnswer, "bob")),
            ("*62*102#", to(Condition::Offline, "102")),
            ("#21#", off(Condition::Always)),
            ("##62#", off(Condition::Offline)),
            ("*78", Some(Feature::Undisturbed(true))),
            ("*79", Some(Feature::Undisturbed(false))),
            ("*21*#", None),
            ("*99*102#", None),
            ("#31#102", None),
            ("102", None),
            ("", None),
        ] {
            assert_eq!(Feature::dialled(dialled), means, "{dialled}");
        }
    }
}
