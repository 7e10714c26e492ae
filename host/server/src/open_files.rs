//! How many files the process may have open: every leg of a call takes two sockets.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as an ordinary user may; what it is now, or none if there is no limit.
pub(crate) fn raise() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let wanted = limit.maximum;
        limit.current = wanted;
        if setrlimit(Resource::Nofile, limit).is_err() {
            return getrlimit(Resource::Nofile).current;
        }
        return wanted;
    }
    limit.current
}

/// How many relayed calls fit into so many files.
pub(crate) fn calls(files: u64) -> u64 {
    files.saturating_sub(FILES_BESIDES) / FILES_PER_CALL
}

/// RTP and RTCP on each of two legs.
const FILES_PER_CALL: u64 = 4;
/// Database, listeners, streams of phones, clients of the API.
const FILES_BESIDES: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_goes_up_to_the_hard_one() {
        raise();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
