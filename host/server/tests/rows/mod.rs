//! The refusals that are asked for: what is sent, and what is expected of it.

use crate::asking::{Ask, CALL, HOME, PASSWORD};

/// Cause, request, and what is expected: the reason code, the SIP code, the action of the fix or nothing.
pub(crate) type Row = (&'static str, Ask, &'static str, u16, &'static str);

pub(crate) const TABLE: &[Row] = &[
    (
        "a call to a trunk's host from an address outside of its list",
        Ask {
            to: ("+4930123", "north.trunk.localhost"),
            from: ("x", "there.example"),
            source: (1, 40),
            login: None,
            ..CALL
        },
        "R-01",
        403,
        "allow_source",
    ),
    (
        "a call without credentials from beside a trunk's network",
        Ask { to: ("+4930123", "us"), from: ("x", "there.example"), source: (1, 41), login: None, ..CALL },
        "R-01",
        407,
        "allow_source",
    ),
    (
        "a password that is right, from an address outside of the device's list",
        Ask { from: ("office", HOME), login: Some(("office", PASSWORD)), source: (9, 2), ..CALL },
        "R-01",
        403,
        "allow_source",
    ),
    ("a wrong password", Ask { login: Some(("alice", "mistyped")), source: (9, 3), ..CALL }, "A-01", 407, ""),
    (
        "a wrong password in REGISTER",
        Ask {
            method: "REGISTER",
            to: ("alice", HOME),
            login: Some(("alice", "mistyped")),
            source: (9, 4),
            ..CALL
        },
        "A-01",
        401,
        "",
    ),
    (
        "a user that is spelled wrong",
        Ask { from: ("alcie", HOME), login: Some(("alcie", PASSWORD)), source: (9, 5), ..CALL },
        "A-02",
        407,
        "",
    ),
    (
        "a transport that the device may not use",
        Ask { from: ("secure", HOME), login: Some(("secure", PASSWORD)), source: (9, 6), ..CALL },
        "A-04",
        403,
        "allow_transport",
    ),
    (
        "a call from a connection that is disabled",
        Ask { from: ("dave", HOME), login: Some(("dave", PASSWORD)), source: (9, 7), ..CALL },
        "R-05",
        403,
        "enable_connection",
    ),
    (
        "a call to a connection that is disabled",
        Ask { to: ("erin", HOME), source: (9, 8), ..CALL },
        "R-15",
        480,
        "enable_connection",
    ),
    (
        "a host that is not ours",
        Ask { to: ("bob", "sip.locahost"), login: None, source: (9, 9), ..CALL },
        "R-06",
        404,
        "",
    ),
    (
        "an address that two trunks have, and a number that tells nothing",
        Ask { to: ("+4999", "us"), from: ("x", "there.example"), source: (2, 1), login: None, ..CALL },
        "R-13",
        403,
        "",
    ),
    (
        "a number from a trunk, in a form that is not accepted",
        Ask { to: ("4930123", "us"), from: ("x", "there.example"), source: (1, 1), login: None, ..CALL },
        "R-03",
        484,
        "accept_number",
    ),
    (
        "a number that no way out takes",
        Ask { to: ("+33123456789", HOME), source: (9, 10), ..CALL },
        "R-04",
        404,
        "",
    ),
    (
        "a number whose way out is for others",
        Ask { to: ("+4420123456", HOME), source: (9, 11), ..CALL },
        "R-04",
        404,
        "let_use",
    ),
    (
        "a user that is spelled wrong, called",
        Ask { to: ("bbo", HOME), source: (9, 12), ..CALL },
        "R-07",
        404,
        "",
    ),
    (
        "a caller that may not call out",
        Ask {
            to: ("+4989123456", HOME),
            from: ("guest", HOME),
            login: Some(("guest", PASSWORD)),
            source: (9, 13),
            ..CALL
        },
        "R-10",
        404,
        "allow_calling_out",
    ),
    (
        "a caller id that is not allowed",
        Ask {
            to: ("+4989123456", HOME),
            from: ("desk", HOME),
            login: Some(("desk", PASSWORD)),
            source: (9, 14),
            more: "P-Asserted-Identity: <sip:+49301111@there.example>\r\n",
            ..CALL
        },
        "L-06",
        403,
        "allow_caller_id",
    ),
    (
        "a call more at once than the limit has",
        Ask {
            to: ("bob", HOME),
            from: ("single", HOME),
            login: Some(("single", PASSWORD)),
            source: (9, 30),
            first: Some("echo"),
            ..CALL
        },
        "L-01",
        503,
        "",
    ),
    (
        "a call more in a second than the limit has",
        Ask {
            to: ("bob", HOME),
            from: ("slow", HOME),
            login: Some(("slow", PASSWORD)),
            source: (9, 31),
            first: Some("echo"),
            ..CALL
        },
        "L-02",
        503,
        "",
    ),
    (
        "a country that is not allowed",
        Ask {
            to: ("+37120000000", HOME),
            from: ("home", HOME),
            login: Some(("home", PASSWORD)),
            source: (9, 32),
            ..CALL
        },
        "L-03",
        403,
        "allow_country",
    ),
    (
        "a prefix that is not allowed",
        Ask {
            to: ("+4990012345", HOME),
            from: ("dear", HOME),
            login: Some(("dear", PASSWORD)),
            source: (9, 33),
            ..CALL
        },
        "L-05",
        403,
        "allow_prefix",
    ),
    (
        "a call more in an hour than the limit has",
        Ask {
            to: ("+4989123456", HOME),
            from: ("hourly", HOME),
            login: Some(("hourly", PASSWORD)),
            source: (9, 34),
            first: Some("+4989123456"),
            ..CALL
        },
        "L-07",
        403,
        "",
    ),
    (
        "a call more in a day than the limit has",
        Ask {
            to: ("+4989123456", HOME),
            from: ("daily", HOME),
            login: Some(("daily", PASSWORD)),
            source: (9, 35),
            first: Some("+4989123456"),
            ..CALL
        },
        "L-08",
        403,
        "",
    ),
    (
        "a call more in a week than the limit has",
        Ask {
            to: ("+4989123456", HOME),
            from: ("weekly", HOME),
            login: Some(("weekly", PASSWORD)),
            source: (9, 36),
            first: Some("+4989123456"),
            ..CALL
        },
        "L-09",
        403,
        "",
    ),
    (
        "the first call to a country, which waits for approval",
        Ask {
            to: ("+37120000000", HOME),
            from: ("new", HOME),
            login: Some(("new", PASSWORD)),
            source: (9, 37),
            ..CALL
        },
        "L-10",
        403,
        "approve_country",
    ),
    ("a sips: address over UDP", Ask { scheme: "sips", source: (9, 15), ..CALL }, "R-17", 403, ""),
    (
        "a trunk that has to show a certificate, and does not",
        Ask { to: ("bob", "us"), from: ("x", "there.example"), source: (3, 1), login: None, ..CALL },
        "R-16",
        403,
        "",
    ),
    (
        "a call that is not signed, from a trunk whose calls have to be",
        signed(1, ""),
        "R-19",
        428,
        "note_signatures",
    ),
    (
        "a signed call, before any authority is trusted",
        signed(2, "Identity: rubbish\r\n"),
        "R-21",
        437,
        "note_signatures",
    ),
    ("a request that came too far", Ask { hops: 0, source: (9, 16), ..CALL }, "R-12", 483, ""),
    (
        "a user of another account, watched",
        Ask {
            method: "SUBSCRIBE",
            to: ("ann", "other.example"),
            source: (9, 18),
            more: "Event: dialog\r\nExpires: 60\r\n",
            ..CALL
        },
        "A-06",
        403,
        "",
    ),
    (
        "somebody else's messages, watched",
        Ask {
            method: "SUBSCRIBE",
            to: ("bob", HOME),
            source: (9, 17),
            more: "Event: message-summary\r\nExpires: 60\r\n",
            ..CALL
        },
        "A-07",
        403,
        "",
    ),
];

/// Signatures that are not good, once an authority is trusted.
pub(crate) const SIGNED: &[Row] = &[
    ("a signature of long ago", signed(3, OLD), "R-20", 403, "note_signatures"),
    (
        "a signature whose certificate is at no https:// address",
        signed(4, NOT_HTTPS),
        "R-22",
        436,
        "note_signatures",
    ),
    ("a signature that cannot be read", signed(5, "Identity: rubbish\r\n"), "R-23", 438, "note_signatures"),
];

/// A call from the trunk at this address whose calls have to be signed.
const fn signed(last: u8, more: &'static str) -> Ask {
    let (to, from) = (("+4930123", "us"), ("+4989111", "there.example"));
    Ask { to, from, source: (6, last), login: None, more, ..CALL }
}

/// From +4989111 to +4930123, said in 1970.
const OLD: &str = "Identity: eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9zcC5leGFtcGxlL2EifQ.eyJhdHRlc3QiOiJBIiwiZGVzdCI6eyJ0biI6WyI0OTMwMTIzIl19LCJpYXQiOjEsIm9yaWciOnsidG4iOiI0OTg5MTExIn0sIm9yaWdpZCI6IjAifQ.AAAA;info=<https://sp.example/a>\r\n";
const NOT_HTTPS: &str = "Identity: eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cDovL3NwLmV4YW1wbGUvYSJ9.eyJhdHRlc3QiOiJBIiwiZGVzdCI6eyJ0biI6WyI0OTMwMTIzIl19LCJpYXQiOjEsIm9yaWciOnsidG4iOiI0OTg5MTExIn0sIm9yaWdpZCI6IjAifQ.AAAA;info=<http://sp.example/a>\r\n";

/// What is no business of policy, and so not kept in the inbox.
pub(crate) const UNFILED: &[(&str, Ask, &str, u16)] = &[
    (
        "a number that nobody has, from a trunk",
        Ask { to: ("+4930999", "us"), from: ("x", "there.example"), source: (5, 1), login: None, ..CALL },
        "R-02",
        404,
    ),
    ("somebody who has no device", Ask { source: (9, 40), ..CALL }, "R-08", 480),
    (
        "a connection that nothing is attached to",
        Ask { to: ("menu", HOME), source: (9, 41), ..CALL },
        "R-14",
        480,
    ),
];
