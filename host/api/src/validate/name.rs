//! Names: DNS labels and hosts (RFC 1123), numbers in E.164 form, slugs.

use std::net::IpAddr;

/// Whether it is one DNS label in lower case.
pub(crate) fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A host in lower case without a closing dot, or an IP address without brackets.
pub(crate) fn host(text: &str) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    // RFC 3696 §2: the last label is never all digits, so that a name cannot be taken for an address.
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    let underscored = |label: &str| is_label(label.strip_prefix('_').unwrap_or(label));
    (name.len() <= 253 && !numeric && name.split('.').all(underscored)).then_some(name)
}

/// Whether it is `+` and 4 to 15 digits, the first of which is not 0.
pub(crate) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (4..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

/// What somebody may have meant by a number.
pub(crate) fn e164_suggestion(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let international = digits.strip_prefix("00").unwrap_or(&digits);
    let number = format!("+{international}");
    (is_e164(&number) && (text.trim_start().starts_with('+') || digits.starts_with("00"))).then_some(number)
}

/// A DNS label made from a name for people.
pub(crate) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            'à' | 'á' | 'â' | 'ã' | 'å' => slug.push('a'),
            'è' | 'é' | 'ê' | 'ë' => slug.push('e'),
            'ì' | 'í' | 'î' | 'ï' => slug.push('i'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ø' => slug.push('o'),
            'ù' | 'ú' | 'û' => slug.push('u'),
            'ç' => slug.push('c'),
            'ñ' => slug.push('n'),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(55);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "trunk".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{e164_suggestion, host, is_e164, is_label, slug};

    #[test]
    fn labels_and_hosts() {
        assert!(is_label("north-1") && !is_label("-north") && !is_label("North") && !is_label(""));
        assert!(!is_label(&"x".repeat(64)));
        for (text, expected) in [
            ("SIP.Example.com.", Some("sip.example.com")),
            ("localhost", Some("localhost")),
            ("[::1]", Some("::1")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("_sip._udp.example.com", Some("_sip._udp.example.com")),
            ("1.2.3.4.5", None),
            ("256.1.1.1", None),
            ("a b", None),
            ("a..b", None),
            ("sip:x", None),
            ("", None),
        ] {
            assert_eq!(host(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn numbers() {
        assert!(is_e164("+493012345") && is_e164("+1234") && is_e164("+123456789012345"));
        assert!(
            !is_e164("493012345") && !is_e164("+123") && !is_e164("+1234567890123456") && !is_e164("+0491")
        );
        assert_eq!(e164_suggestion("0049 30 123-45").as_deref(), Some("+493012345"));
        assert_eq!(e164_suggestion("+49 (30) 12345").as_deref(), Some("+493012345"));
        assert_eq!(e164_suggestion("030 12345"), None);
    }

    #[test]
    fn slugs() {
        assert_eq!(slug("Carrier North, 2nd"), "carrier-north-2nd");
        assert_eq!(slug("  Büro Köln "), "buero-koeln");
        assert_eq!(slug("東京"), "trunk");
    }
}
