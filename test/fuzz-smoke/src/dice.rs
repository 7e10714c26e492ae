//! Decisions read from octets, so that a fuzzer which changes octets changes decisions; and mutations made of them.

/// Octets that decide; when they are used up every decision is zero.
#[derive(Clone, Debug)]
pub struct Dice<'a> {
    rest: &'a [u8],
}

impl<'a> Dice<'a> {
    /// Decides by these octets.
    pub fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// Whether the octets are used up.
    pub fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next octet.
    pub fn octet(&mut self) -> u8 {
        let Some((&first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        first
    }

    /// A number below `end`, or 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let mut number = usize::from(self.octet());
        if end > 0x100 {
            number = number << 8 | usize::from(self.octet());
        }
        number % end.max(1)
    }

    /// One of these.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        from.get(self.below(from.len()))
    }
}

/// Changes a message in up to eight places, mostly few; never longer than [`LONGEST`].
pub fn mutate(message: &mut Vec<u8>, others: &[Vec<u8>], dice: &mut Dice<'_>) {
    let most = 1 + dice.below(8);
    for _ in 0..1 + dice.below(most) {
        mutate_once(message, others, dice);
        message.truncate(LONGEST);
    }
}

fn mutate_once(message: &mut Vec<u8>, others: &[Vec<u8>], dice: &mut Dice<'_>) {
    let at = dice.below(message.len() + 1);
    let end = (at + dice.below(64)).min(message.len());
    match dice.below(9) {
        0 => {
            if let Some(octet) = message.get_mut(at) {
                *octet ^= 1 << dice.below(8);
            }
        }
        1 => {
            let telling = dice.pick(TELLING).copied().unwrap_or_default();
            drop(message.splice(at..end, telling.iter().copied()));
        }
        2 => drop(message.drain(at..end)),
        3 => {
            let part = message.get(at..end).unwrap_or_default().repeat(1 + dice.below(200));
            drop(message.splice(at..at, part));
        }
        4 => {
            let other = dice.pick(others).map_or(&[][..], Vec::as_slice);
            let from = dice.below(other.len() + 1);
            let until = (from + dice.below(256)).min(other.len());
            let part = other.get(from..until).unwrap_or_default();
            drop(message.splice(at..end, part.iter().copied()));
        }
        5 => message.truncate(at),
        6 => swap_lines(message, dice),
        7 => {
            let octet = dice.octet();
            message.insert(at, octet);
        }
        _ => {
            let number = dice.pick(NUMBERS).copied().unwrap_or_default();
            let digits = |octet: &u8| octet.is_ascii_digit();
            let Some(first) = message.iter().skip(at).position(digits).map(|offset| at + offset) else {
                return;
            };
            let past = message.iter().skip(first).position(|octet| !digits(octet));
            let past = past.map_or(message.len(), |offset| first + offset);
            drop(message.splice(first..past, number.bytes()));
        }
    }
}

/// Lines are taken out here and put back there: header fields doubled, missing and out of order.
fn swap_lines(message: &mut Vec<u8>, dice: &mut Dice<'_>) {
    let mut lines: Vec<&[u8]> = message.split_inclusive(|octet| *octet == b'\n').collect();
    let (from, to) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(3) {
        0 if !lines.is_empty() => lines.swap(from, to),
        1 if !lines.is_empty() => lines.insert(to, lines[from]),
        2 if lines.len() > 1 => drop(lines.remove(from)),
        _ => {}
    }
    *message = lines.concat();
}

/// Messages are cut off here.
pub const LONGEST: usize = 70_000;

/// Octets that mean something to a reader of SIP or SDP.
const TELLING: &[&[u8]] = &[
    b"",
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n ",
    b"\0",
    b"\xff",
    b"\"",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"@",
    b"%00",
    b"%",
    b"=",
    b"*",
    b";tag=",
    b";branch=z9hG4bK",
    b"sip:",
    b"tel:+49",
    b"[::1]",
    b"a=",
    b"m=audio 0 RTP/AVP",
    b"\xe2\x82\xac",
];

/// Numbers at edges.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decision_leads_somewhere_and_stays_within_the_longest() {
        let others = vec![b"OPTIONS sip:a SIP/2.0\r\n\r\n".to_vec(), Vec::new()];
        for seed in 0..=255_u8 {
            for message in [&b""[..], b"INVITE sip:b SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n"] {
                let octets: Vec<u8> = (0..64).map(|n: u8| n.wrapping_mul(31) ^ seed).collect();
                let mut message = message.to_vec();
                mutate(&mut message, &others, &mut Dice::new(&octets));
                assert!(message.len() <= LONGEST);
            }
        }
    }
}
