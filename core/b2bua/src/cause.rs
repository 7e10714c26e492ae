//! Q.850 causes and SIP codes, each derived from the other where a peer gives only one (RFC 3398 §7.2.4.1, §8.2.6.1).
//!
//! What a peer says is never replaced, only completed: a final answer has its code and gets a cause, a BYE or CANCEL
//! may have either in its Reason (RFC 3326) and gets the other. Where carriers differ from RFC 3398 (27, 29, 38, 58),
//! what they do is in the table.

use sip_msg::{Message, Name, ReasonValue};

use routing::reason::Reason;

/// SIP code of a cause.
const TO_SIP: &[(u16, u16)] = &[
    (1, 404),
    (2, 404),
    (3, 404),
    (17, 486),
    (18, 408),
    (19, 480),
    (20, 480),
    (21, 403),
    (22, 410),
    (23, 410),
    (26, 404),
    (27, 502),
    (28, 484),
    (29, 501),
    (31, 480),
    (34, 503),
    (38, 500),
    (41, 503),
    (42, 503),
    (47, 503),
    (55, 403),
    (57, 403),
    (58, 488),
    (65, 488),
    (70, 488),
    (79, 501),
    (87, 403),
    (88, 503),
    (102, 504),
    (111, 500),
    (127, 500),
];

/// Cause of a SIP code. 487, 488 and 606 have none in RFC 3398: they are normal clearing and lack of a codec.
const TO_Q850: &[(u16, u16)] = &[
    (400, 41),
    (401, 21),
    (402, 21),
    (403, 21),
    (404, 1),
    (405, 63),
    (406, 79),
    (407, 21),
    (408, 102),
    (410, 22),
    (413, 127),
    (414, 127),
    (415, 79),
    (416, 127),
    (420, 127),
    (421, 127),
    (423, 127),
    (480, 18),
    (481, 41),
    (482, 25),
    (483, 25),
    (484, 28),
    (485, 1),
    (486, 17),
    (487, 16),
    (488, 88),
    (500, 41),
    (501, 79),
    (502, 38),
    (503, 41),
    (504, 102),
    (505, 127),
    (513, 127),
    (600, 17),
    (603, 21),
    (604, 1),
    (606, 88),
];

/// The SIP code that a cause stands for.
pub(crate) fn sip_of(cause: u16) -> Option<u16> {
    TO_SIP.iter().find(|(q850, _)| *q850 == cause).map(|(_, code)| *code)
}

/// The cause that a SIP code stands for.
pub(crate) fn q850_of(code: u16) -> Option<u16> {
    TO_Q850.iter().find(|(sip, _)| *sip == code).map(|(_, cause)| *cause)
}

/// The Reason values of a message, as one list.
pub(crate) fn given(message: &Message<'_>) -> Vec<u8> {
    let mut values = Vec::new();
    for value in message.values(Name::Reason).filter(|value| !value.is_empty()).take(MOST_VALUES) {
        append(&mut values, value);
    }
    values
}

/// The Q.850 cause among Reason values.
pub(crate) fn q850_in(values: &[u8]) -> Option<u16> {
    cause_in(values, b"Q.850")
}

/// Reason values for a final answer with this code.
pub(crate) fn beside(code: u16, given: &[u8]) -> Vec<u8> {
    let mut values = given.to_vec();
    if q850_in(given).is_none()
        && let Some(cause) = q850_of(code)
    {
        append(&mut values, format!("Q.850;cause={cause}").as_bytes());
    }
    values
}

/// Reason values for a BYE or CANCEL, with both forms if one is there.
pub(crate) fn both(given: &[u8]) -> Vec<u8> {
    let mut values = given.to_vec();
    match (q850_in(given), cause_in(given, b"SIP")) {
        (Some(cause), None) => {
            if let Some(code) = sip_of(cause) {
                append(&mut values, format!("SIP;cause={code}").as_bytes());
            }
        }
        (None, Some(code)) => {
            if let Some(cause) = q850_of(code) {
                append(&mut values, format!("Q.850;cause={cause}").as_bytes());
            }
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    values
}

/// Reason value for a reason of ours (RFC 6432).
pub(crate) fn ours(reason: Reason) -> Vec<u8> {
    format!("Q.850;cause={};text=\"{} {}\"", reason.q850(), reason.code(), reason.text()).into_bytes()
}

fn cause_in(values: &[u8], protocol: &[u8]) -> Option<u16> {
    sip_msg::header::list(values)
        .filter_map(ReasonValue::parse)
        .find(|value| value.protocol.eq_ignore_ascii_case(protocol))?
        .cause
}

fn append(values: &mut Vec<u8>, value: &[u8]) {
    if !values.is_empty() {
        values.extend_from_slice(b", ");
    }
    values.extend_from_slice(value);
}

/// Reason values that cross.
const MOST_VALUES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// What carriers relay for a cause.
    #[test]
    fn causes_as_carriers_map_them() {
        let table: &[(&[u16], u16)] = &[
            (&[1, 2, 3], 404),
            (&[17], 486),
            (&[18], 408),
            (&[19, 20], 480),
            (&[21], 403),
            (&[22], 410),
            (&[27], 502),
            (&[28], 484),
            (&[29], 501),
            (&[31], 480),
            (&[34, 42], 503),
            (&[38], 500),
            (&[58], 488),
        ];
        for (causes, code) in table {
            for cause in *causes {
                assert_eq!(sip_of(*cause), Some(*code), "{cause}");
            }
        }
        assert_eq!((sip_of(16), sip_of(41), sip_of(127), sip_of(200)), (None, Some(503), Some(500), None));
    }

    /// RFC 3398 §7.2.4.1.
    #[test]
    fn codes_as_rfc_3398_maps_them() {
        let table: &[(u16, u16)] = &[
            (400, 41),
            (403, 21),
            (404, 1),
            (408, 102),
            (410, 22),
            (480, 18),
            (484, 28),
            (486, 17),
            (500, 41),
            (503, 41),
            (504, 102),
            (600, 17),
            (603, 21),
        ];
        for (code, cause) in table {
            assert_eq!(q850_of(*code), Some(*cause), "{code}");
        }
        assert_eq!((q850_of(200), q850_of(491)), (None, None));
    }

    #[test]
    fn what_is_missing_is_added_and_what_is_there_stays() {
        let table = [
            ("", ""),
            ("Q.850;cause=17;text=\"busy, really\"", "Q.850;cause=17;text=\"busy, really\", SIP;cause=486"),
            ("Q.850;cause=16", "Q.850;cause=16"),
            ("SIP;cause=486", "SIP;cause=486, Q.850;cause=17"),
            ("SIP;cause=200;text=\"x\"", "SIP;cause=200;text=\"x\""),
            ("SIP ;cause=600 , q.850;cause=21", "SIP ;cause=600 , q.850;cause=21"),
            ("preemption;cause=1", "preemption;cause=1"),
        ];
        for (given, wanted) in table {
            assert_eq!(String::from_utf8_lossy(&both(given.as_bytes())), wanted);
        }
        let table = [
            (486, "", "Q.850;cause=17"),
            (486, "Q.850;cause=34", "Q.850;cause=34"),
            (603, "SIP;cause=603", "SIP;cause=603, Q.850;cause=21"),
            (499, "", ""),
        ];
        for (code, given, wanted) in table {
            assert_eq!(String::from_utf8_lossy(&beside(code, given.as_bytes())), wanted);
        }
    }
}
