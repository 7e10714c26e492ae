//! Times as people type them: `15m`, `12h`, `30d`, or a whole timestamp.

/// `90s`, `15m`, `12h`, `30d`, `2w`.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let fault = || format!("`{text}` is no duration such as 12h or 30d");
    let unit = text.chars().next_back().ok_or_else(fault)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(fault()),
    };
    let count: u64 = text.trim_end_matches(unit).parse().map_err(|_| fault())?;
    count
        .checked_mul(factor)
        .filter(|&seconds| seconds > 0 && seconds <= 100 * 365 * 86_400)
        .ok_or_else(fault)
}

/// A moment in the past, as RFC 3339: so long ago, or as it is given.
pub(super) fn past(text: &str) -> Result<String, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at.to_string());
    }
    let ago = seconds(text).map_err(|_| format!("`{text}` is neither a duration such as 1h nor a time"))?;
    let at = jiff::Timestamp::now() - std::time::Duration::from_secs(ago);
    Ok(at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(seconds("12h"), Ok(43_200));
        assert_eq!(seconds("30d"), Ok(2_592_000));
        for wrong in ["", "12", "h", "1y", "0d", "-1d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_past_is_so_long_ago_or_a_time() {
        assert_eq!(past("2026-01-31T12:00:00+01:00"), Ok("2026-01-31T11:00:00Z".to_owned()));
        assert!(past("1h").is_ok_and(|at| at.ends_with('Z')));
        assert!(past("yesterday").is_err());
    }
}
