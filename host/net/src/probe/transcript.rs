//! Messages as people may see them: without what would let them try passwords or hear a call.
//!
//! The digest of a proof (RFC 7616 §3.4.1) can be attacked offline, the key of RFC 4568 §6.1 decrypts the media.

/// The message as text, secrets as `***`.
pub(crate) fn masked(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            "authorization" | "proxy-authorization" => shown.push_str(&without(line, "response=\"", "\"")),
            "a=crypto" => shown.push_str(&without(line, "inline:", "|\r\n ")),
            _ => shown.push_str(line),
        }
    }
    shown
}

/// `line` with `***` from `begin` to the first of `ends`.
fn without(line: &str, begin: &str, ends: &str) -> String {
    let Some((before, after)) = line.split_once(begin) else {
        return line.to_owned();
    };
    let end = after.find(|c| ends.contains(c)).unwrap_or(after.len());
    format!("{before}{begin}***{}", after.get(end..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn what_could_be_attacked_is_not_shown() {
        let message = b"REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"u\", response=\"0123abcd\", opaque=\"x\"\r\n\r\na=crypto:1 AES inline:secret|2^20\r\n";
        assert_eq!(
            masked(message),
            "REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"u\", response=\"***\", opaque=\"x\"\r\n\r\na=crypto:1 AES inline:***|2^20\r\n"
        );
    }
}
