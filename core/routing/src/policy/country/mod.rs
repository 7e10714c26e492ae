//! The country that a number belongs to, by the longest prefix (ITU-T E.164).
//!
//! Not whether the number exists, and not whose a ported number is: mobile numbers of small countries that share a code
//! and a range with a larger one count as the larger one's.

mod table;

use serde::{Deserialize, Serialize};

use table::{NAMES, PREFIXES};

/// A country, or a service without one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// The country of a number in E.164, with `+`.
    pub fn of(number: &str) -> Option<Self> {
        Self::with_prefix(number).map(|(country, _)| country)
    }

    /// The same with the length of the prefix that tells so, with its plus.
    pub fn with_prefix(number: &str) -> Option<(Self, usize)> {
        let digits = number.strip_prefix('+')?;
        let longest = digits.len().min(LONGEST);
        (1..=longest).rev().find_map(|length| {
            let prefix = digits.get(..length)?;
            let place = PREFIXES.binary_search_by(|(known, _)| (*known).cmp(prefix)).ok()?;
            PREFIXES.get(place).map(|(_, code)| (Self(**code), length + 1))
        })
    }

    /// The country of an ISO 3166 code, in either case.
    pub fn by_code(code: &str) -> Option<Self> {
        let mut code: [u8; 2] = code.as_bytes().try_into().ok()?;
        code.make_ascii_uppercase();
        NAMES.binary_search_by(|(known, _)| (*known).cmp(&code)).ok().map(|_| Self(code))
    }

    /// Its ISO 3166 code.
    pub fn code(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Its English name.
    pub fn name(self) -> &'static str {
        let place = NAMES.binary_search_by(|(known, _)| (*known).cmp(&self.0));
        place.ok().and_then(|place| NAMES.get(place)).map_or("", |(_, name)| name)
    }
}

impl core::fmt::Display for Country {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} ({})", self.name(), self.code())
    }
}

impl core::fmt::Debug for Country {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Country {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::by_code(&code).ok_or_else(|| serde::de::Error::custom("a country code of two letters"))
    }
}

/// Digits of the longest prefix in the table.
const LONGEST: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_belong_together() {
        assert!(PREFIXES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(PREFIXES.iter().all(|(prefix, _)| prefix.len() <= LONGEST));
        for (_, code) in PREFIXES {
            assert!(!Country(**code).name().is_empty(), "{code:?}");
        }
    }

    #[test]
    fn shared_codes_are_told_apart_by_longer_prefixes() {
        let table = [
            ("+37120000000", "LV", "Latvia"),
            ("+12125550123", "US", "United States"),
            ("+14165550123", "CA", "Canada"),
            ("+18765550123", "JM", "Jamaica"),
            ("+74951234567", "RU", "Russia"),
            ("+77271234567", "KZ", "Kazakhstan"),
            ("+442071234567", "GB", "United Kingdom"),
            ("+441534123456", "JE", "Jersey"),
            ("+447624123456", "IM", "Isle of Man"),
            ("+393312345678", "IT", "Italy"),
            ("+390669712345", "IT", "Italy"),
            ("+390669812345", "VA", "Vatican City"),
            ("+881612345678", "XS", "satellites"),
            ("+9791234567", "XP", "international premium rate"),
        ];
        for (number, code, name) in table {
            let country = Country::of(number).expect(number);
            assert_eq!((country.code(), country.name()), (code, name), "{number}");
        }
        for nothing in ["", "+", "+0", "371200", "alice"] {
            assert!(Country::of(nothing).is_none(), "{nothing}");
        }
        assert_eq!(Country::by_code("lv").map(|c| c.code().to_owned()).as_deref(), Some("LV"));
        assert_eq!(Country::by_code("ZZ"), None);
    }
}
