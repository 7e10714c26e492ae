//! Keys in a description: the `a=crypto` lines of RFC 4568.
//!
//! Read as they stand; which suite to take, and whether a line is fit for use, is decided elsewhere. Keys of several
//! masters in one line are not read.

use base64ct::{Base64, Base64Unpadded, Encoding};

use crate::lines::{decimal, first_word, words};
use crate::media::Media;
use crate::rewrite::write;

/// One `a=crypto` line (§9.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Crypto<'a> {
    /// Its number; an answer repeats that of the line it takes.
    pub tag: u32,
    /// The crypto suite.
    pub suite: &'a [u8],
    keys: &'a [u8],
    parameters: &'a [u8],
}

/// Shows no key.
impl core::fmt::Debug for Crypto<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let suite = String::from_utf8_lossy(self.suite);
        f.debug_struct("Crypto").field("tag", &self.tag).field("suite", &suite).finish_non_exhaustive()
    }
}

impl<'a> Crypto<'a> {
    fn parse(value: &'a [u8]) -> Option<Self> {
        let (tag, rest) = first_word(value);
        let (suite, rest) = first_word(rest);
        let (keys, parameters) = first_word(rest);
        let tag = decimal(tag).filter(|tag| *tag <= MOST_TAG)?;
        (!suite.is_empty() && !keys.is_empty()).then_some(Self {
            tag: u32::try_from(tag).ok()?,
            suite,
            keys,
            parameters,
        })
    }

    /// Writes master key and salt into `out` and returns them, if the line has one key in line, without a number of
    /// its own (MKI). Its lifetime (§6.1) is not looked at: none is shorter than a call.
    pub fn key<'o>(&self, out: &'o mut [u8]) -> Option<&'o [u8]> {
        let [b'i' | b'I', b'n' | b'N', b'l' | b'L', b'i' | b'I', b'n' | b'N', b'e' | b'E', b':', key @ ..] =
            self.keys
        else {
            return None;
        };
        let mut parts = key.split(|octet| *octet == b'|');
        let key = parts.next().filter(|key| !key.contains(&b';'))?;
        if parts.any(|part| part.contains(&b':') || part.contains(&b';')) {
            return None;
        }
        // Some leave the padding out.
        let end = key.iter().rposition(|octet| *octet != b'=')? + 1;
        Base64Unpadded::decode(key.get(..end)?, out).ok()
    }

    /// Whether it asks for something that changes what packets look like (§6.3); a hint about windows does not, nor does
    /// what is marked as optional.
    pub fn is_special(&self) -> bool {
        words(self.parameters).any(|word| !word.starts_with(b"-") && !word.starts_with(b"WSH="))
    }
}

impl<'a> Media<'a> {
    /// What the `a=crypto` lines say, in order; lines that make no sense are skipped.
    pub fn cryptos(&self) -> impl Iterator<Item = Crypto<'a>> {
        let section = self.section();
        crate::description::attributes(section, b"crypto").filter_map(Crypto::parse)
    }
}

/// Appends an `a=crypto` line with this master key and salt, of 48 octets at most.
pub fn write_crypto(out: &mut Vec<u8>, tag: u32, suite: &str, key: &[u8]) {
    let mut encoded = [0; 64];
    if let Ok(key) = Base64::encode(key, &mut encoded) {
        write(out, format_args!("a=crypto:{tag} {suite} inline:{key}\r\n"));
    }
}

/// A tag has nine digits at most (§9.1).
const MOST_TAG: u64 = 999_999_999;

#[cfg(test)]
mod tests {
    use crate::Description;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    /// What is read of a line: tag, suite, octets of its key, whether it is special.
    fn read(line: &str) -> Option<(u32, String, Option<usize>, bool)> {
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:{line}\r\n"
        );
        let description = Description::parse(body.as_bytes()).unwrap();
        let crypto = description.media().first()?.cryptos().next()?;
        let suite = String::from_utf8_lossy(crypto.suite).into_owned();
        Some((crypto.tag, suite, crypto.key(&mut [0; 48]).map(<[u8]>::len), crypto.is_special()))
    }

    #[test]
    fn lines_as_peers_write_them() {
        let suite = "AES_CM_128_HMAC_SHA1_80";
        let table = [
            (format!("1 {suite} inline:{KEY}"), Some((1, Some(30), false))),
            (format!("1 {suite} inline:{KEY}|2^20"), Some((1, Some(30), false))),
            (format!("999999999 {suite} inline:{KEY}|281474976710656"), Some((999_999_999, Some(30), false))),
            (format!("2 {suite} INLINE:{KEY} WSH=64"), Some((2, Some(30), false))),
            (format!("2 {suite} inline:{KEY} -X"), Some((2, Some(30), false))),
            (format!("3 {suite} inline:{KEY}|2^20|1:4"), Some((3, None, false))),
            (format!("3 {suite} inline:{KEY}|1:4"), Some((3, None, false))),
            (format!("3 {suite} inline:{KEY};inline:{KEY}"), Some((3, None, false))),
            (format!("4 {suite} inline:{KEY} UNENCRYPTED_SRTCP"), Some((4, Some(30), true))),
            (format!("4 {suite} inline:{KEY} KDR=1"), Some((4, Some(30), true))),
            (format!("5 {suite} inline:AAAA=="), Some((5, Some(3), false))),
            (format!("5 {suite} inline:AAA"), Some((5, Some(2), false))),
            (format!("5 {suite} inline:!!!!"), Some((5, None, false))),
            (format!("5 {suite} inline:{}", KEY.repeat(9)), Some((5, None, false))),
            (format!("5 {suite} sesame:{KEY}"), Some((5, None, false))),
            (format!("1000000000 {suite} inline:{KEY}"), None),
            (format!("x {suite} inline:{KEY}"), None),
            (format!("1 {suite}"), None),
            (String::new(), None),
        ];
        for (line, wanted) in table {
            let wanted = wanted.map(|(tag, len, special)| (tag, suite.to_owned(), len, special));
            assert_eq!(read(&line), wanted, "{line}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for len in [28, 30, 44, 46] {
            let key: Vec<u8> = (0..len).collect();
            let mut line = Vec::new();
            super::write_crypto(&mut line, 7, "AEAD_AES_256_GCM", &key);
            let line = String::from_utf8(line).unwrap();
            let value = line.trim_end().strip_prefix("a=crypto:").unwrap();
            assert_eq!(read(value), Some((7, "AEAD_AES_256_GCM".to_owned(), Some(key.len()), false)));
        }
    }

    #[test]
    fn no_key_is_shown() {
        let line = format!("1 X inline:{KEY}");
        let crypto = super::Crypto::parse(line.as_bytes()).unwrap();
        assert_eq!(format!("{crypto:?}"), "Crypto { tag: 1, suite: \"X\", .. }");
    }
}
