//! The two checks of a message: CRC-32 (ITU-T V.42) for FINGERPRINT, HMAC-SHA1 (RFC 2104) for MESSAGE-INTEGRITY.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// HMAC-SHA1 of the parts in a row.
pub(crate) fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

/// The value of FINGERPRINT for what stands before it (RFC 8489 §14.7).
pub(crate) fn fingerprint(before: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in before {
        let [low, ..] = crc.to_le_bytes();
        crc = TABLE[usize::from(low ^ byte)] ^ (crc >> 8);
    }
    !crc ^ FINGERPRINT_XOR
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut crc = n as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
}

static TABLE: [u32; 256] = table();

/// "STUN" in ASCII.
const FINGERPRINT_XOR: u32 = 0x5354_554e;
