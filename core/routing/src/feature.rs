//! Star codes: what a phone dials to set something or to reach a call, instead of somebody.
//!
//! Those of GSM for forwarding (3GPP TS 22.030 §6.5.2) with the codes that desk phones know, and the usual ones of PBXs.

use crate::config::Condition;

/// What a star code asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Calls of the person who dials go there under this condition, or not any more.
    Forward(Condition, Option<String>),
    /// Nothing of the person who dials rings, or it does again.
    Undisturbed(bool),
}

impl Feature {
    /// The feature that this means, if it means one.
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
