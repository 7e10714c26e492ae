//! Identifiers of rows: a prefix and 26 characters of Crockford's base32 that sort by age.
//!
//! 48 bits of milliseconds and 80 random bits, as a ULID. Within a process every id is greater than the one before,
//! also when the wall clock steps back.

use std::sync::{Mutex, PoisonError};

/// A new id: `new_id("con")` gives `con_01J…`.
pub fn new_id(prefix: &str) -> String {
    let millis = u128::from(crate::clock::now().as_millis()) & ((1 << 48) - 1);
    let fresh = (millis << RANDOM_BITS) | random_bits();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    // A step far smaller than the random part keeps ids of one millisecond in order and still not guessable.
    let next = if fresh > *last { fresh } else { *last + 1 + (random_bits() >> 40) };
    *last = next;
    drop(last);
    written(prefix, next)
}

/// Random text of `length` characters over 32 symbols, five bits each.
pub fn random_text(length: usize) -> String {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    bytes.iter().map(|b| char::from(ALPHABET[usize::from(b & 31)].to_ascii_lowercase())).collect()
}

fn written(prefix: &str, value: u128) -> String {
    let mut text = String::with_capacity(prefix.len() + 27);
    text.push_str(prefix);
    text.push('_');
    for at in (0..26).rev() {
        let digit = (value >> (at * 5)) & 31;
        text.push(char::from(ALPHABET[usize::try_from(digit).unwrap_or(0)]));
    }
    text
}

fn random_bits() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    u128::from_le_bytes(bytes) >> (128 - RANDOM_BITS)
}

const RANDOM_BITS: u32 = 80;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static LAST: Mutex<u128> = Mutex::new(0);

#[cfg(test)]
mod tests {
    use super::new_id;

    #[test]
    fn ids_ascend() {
        let ids: Vec<_> = (0..10_000).map(|_| new_id("con")).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.len() == 30 && id.starts_with("con_0")));
    }
}
