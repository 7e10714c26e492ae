//! Wall-clock time of the office, and how it is written for people (RFC 3339, UTC).
//!
//! The call path never asks this clock: its times come with its records.

use timestamp::Timestamp;

/// Now, by the wall clock.
pub fn now() -> Timestamp {
    let micros = jiff::Timestamp::now().as_microsecond();
    Timestamp::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// RFC 3339 in UTC with as many decimals as needed: `2026-03-01T12:00:00.25Z`.
pub fn rfc3339(at: Timestamp) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// The opposite of [`rfc3339`]; any offset is understood.
pub fn from_rfc3339(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_microsecond()).ok().map(Timestamp::from_micros)
}

/// As SQLite stores it: integer microseconds.
pub(crate) fn stored(at: Timestamp) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}

/// From SQLite.
pub(crate) fn loaded(micros: i64) -> Timestamp {
    Timestamp::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Serde of a [`Timestamp`] as RFC 3339.
pub(crate) mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use timestamp::Timestamp;

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::rfc3339(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::from_rfc3339(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 time"))
    }
}

/// Serde of an optional [`Timestamp`] as RFC 3339 or null.
pub(crate) mod optional_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use timestamp::Timestamp;

    pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::text::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        super::from_rfc3339(&text).map(Some).ok_or_else(|| D::Error::custom("not an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::{from_rfc3339, rfc3339};
    use timestamp::Timestamp;

    #[test]
    fn times_read_back_as_written() {
        let at = Timestamp::from_micros(1_772_366_400_250_000);
        assert_eq!(rfc3339(at), "2026-03-01T12:00:00.25Z");
        assert_eq!(from_rfc3339("2026-03-01T13:00:00.25+01:00"), Some(at));
        assert_eq!(from_rfc3339("yesterday"), None);
    }
}
