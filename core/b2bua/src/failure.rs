//! Final codes of a callee: which make us try the next target, and what the caller gets to see.

use routing::config::Connection;
use routing::reason::Reason;

/// What a target's failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The peer could not be reached: transport error, or nothing provisional in time.
    Unreachable,
    /// It named others of ours, who are next in line.
    Redirected,
    /// It answered with this code; `rang` if a 18x came before.
    Answered {
        /// The final code.
        code: u16,
        /// Whether a 18x came before.
        rang: bool,
    },
}

/// Whether the next target is tried ("try the next target" of the interface): never to a callee who declined.
pub fn hunts(failure: Failure, connection: &Connection) -> bool {
    match failure {
        Failure::Unreachable | Failure::Redirected => true,
        Failure::Answered { code: 408, rang } => !rang,
        Failure::Answered { code: 486 | 600 | 603 | 487 | 401 | 407, .. } => false,
        Failure::Answered { code, .. } => (500..600).contains(&code) || connection.hunt_on.contains(&code),
    }
}

/// The code that the caller gets for a callee's code, with a reason of ours where it changes.
pub fn relayed(code: u16) -> (u16, Option<Reason>) {
    match code {
        401 | 407 => (500, Some(Reason::PeerWantsCredentials)),
        503 => (500, Some(Reason::PeerOverloaded)),
        300..=399 => (480, Some(Reason::PeerFailed)),
        420..=422 | 491 | 494 => (500, Some(Reason::PeerFailed)),
        other => (other, None),
    }
}

/// The better of two final codes to relay after forking (RFC 3261 §16.7 step 6).
pub fn better(a: u16, b: u16) -> u16 {
    if rank(b) < rank(a) { b } else { a }
}

/// 6xx first, then the lowest class; within 4xx what tells the caller most.
fn rank(code: u16) -> (u16, u16) {
    let class = if code >= 600 { 0 } else { code / 100 };
    let within = match code {
        486 | 484 | 488 | 403 | 404 => 0,
        408 | 487 => 2,
        480 => 1,
        _ => 1,
    };
    (class, within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_a_fork() {
        let table: &[(u16, u16, u16)] = &[
            (486, 404, 486),
            (486, 603, 603),
            (408, 486, 486),
            (500, 480, 480),
            (487, 480, 480),
            (480, 500, 480),
        ];
        for &(a, b, best) in table {
            assert_eq!(better(a, b), best, "{a} {b}");
        }
    }

    #[test]
    fn codes_that_cross_unchanged_and_codes_that_do_not() {
        for code in [403, 404, 408, 480, 484, 486, 487, 488, 500, 504, 600, 603, 604, 606] {
            assert_eq!(relayed(code), (code, None));
        }
        for code in [401, 407, 503, 420, 421, 422, 491] {
            assert_eq!(relayed(code).0, 500, "{code}");
        }
    }
}
