//! Dial patterns: unanchored, linear-time regular expressions, with the common shapes kept simpler and faster.

use regex_lite::Regex;

/// A compiled dial pattern.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// `.` and friends: everything.
    Any,
    /// `^literal`.
    Prefix(Box<str>),
    /// `^literal$`.
    Exact(Box<str>),
    /// Anything else.
    Regex(Box<Regex>),
}

impl Pattern {
    /// Compiles; the error says what is wrong, for the API.
    pub fn compile(text: &str) -> Result<Self, String> {
        if matches!(text, "." | ".*" | ".+" | "^.*$" | "^.+$") {
            return Ok(Self::Any);
        }
        if let Some(rest) = text.strip_prefix('^') {
            let unescaped = rest.replace("\\+", "+");
            let (literal, exact) = match unescaped.strip_suffix('$') {
                Some(literal) => (literal, true),
                None => (unescaped.as_str(), false),
            };
            let plain = rest.matches('+').count() == rest.matches("\\+").count();
            if plain && literal.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'#') {
                return Ok(if exact { Self::Exact(literal.into()) } else { Self::Prefix(literal.into()) });
            }
        }
        Regex::new(text).map(|regex| Self::Regex(Box::new(regex))).map_err(|error| error.to_string())
    }

    /// Whether a number matches.
    pub fn matches(&self, number: &str) -> bool {
        match self {
            Self::Any => !number.is_empty(),
            Self::Prefix(prefix) => number.starts_with(&**prefix),
            Self::Exact(exact) => number == &**exact,
            Self::Regex(regex) => regex.is_match(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn shapes_and_matches() {
        let table: &[(&str, &str, bool)] = &[
            (".", "601", true),
            (".", "", false),
            ("^\\+49", "+4930123", true),
            ("^\\+49", "+4830123", false),
            ("^112$", "112", true),
            ("^112$", "1121", false),
            ("^\\+?[0-9]+$", "+123", true),
            ("5$", "15", true),
            ("(?:12){2}", "1212", true),
        ];
        for (pattern, number, expected) in table {
            match Pattern::compile(pattern) {
                Ok(compiled) => assert_eq!(compiled.matches(number), *expected, "{pattern} {number}"),
                Err(_) => assert!(!expected, "{pattern}"),
            }
        }
    }
}
