//! Numbering plans by country: calling code, trunk prefix, international prefix, length (ITU-T E.164 annexes).

/// How one country dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// ISO 3166 code.
    pub country: &'static str,
    /// Calling code, without plus.
    pub calling_code: &'static str,
    /// Digits put in front of a national number; empty where there is none.
    pub trunk_prefix: &'static str,
    /// Digits put in front of an international number.
    pub international_prefix: &'static str,
    /// Shortest and longest national significant number.
    pub national_length: (usize, usize),
}

/// The plan of a country, by ISO code in upper case.
pub fn plan_of(country: &str) -> Option<&'static Plan> {
    PLANS.iter().find(|plan| plan.country.eq_ignore_ascii_case(country))
}

/// Every plan.
pub fn plans() -> impl Iterator<Item = &'static Plan> {
    PLANS.iter()
}

/// Whether a number begins with a calling code that exists.
pub(super) fn starts_with_calling_code(digits: &str) -> bool {
    PLANS.iter().any(|plan| digits.starts_with(plan.calling_code))
}

const fn plan(
    country: &'static str,
    calling_code: &'static str,
    trunk_prefix: &'static str,
    international_prefix: &'static str,
    national_length: (usize, usize),
) -> Plan {
    Plan { country, calling_code, trunk_prefix, international_prefix, national_length }
}

const PLANS: &[Plan] = &[
    plan("US", "1", "", "011", (10, 10)),
    plan("CA", "1", "", "011", (10, 10)),
    plan("AT", "43", "0", "00", (6, 13)),
    plan("AU", "61", "0", "0011", (9, 9)),
    plan("BE", "32", "0", "00", (8, 9)),
    plan("BG", "359", "0", "00", (7, 9)),
    plan("BR", "55", "0", "00", (10, 11)),
    plan("CH", "41", "0", "00", (9, 9)),
    plan("CN", "86", "0", "00", (8, 11)),
    plan("CZ", "420", "", "00", (9, 9)),
    plan("DE", "49", "0", "00", (5, 12)),
    plan("DK", "45", "", "00", (8, 8)),
    plan("EE", "372", "", "00", (7, 8)),
    plan("ES", "34", "", "00", (9, 9)),
    plan("FI", "358", "0", "00", (6, 11)),
    plan("FR", "33", "0", "00", (9, 9)),
    plan("GB", "44", "0", "00", (9, 10)),
    plan("GR", "30", "", "00", (10, 10)),
    plan("HR", "385", "0", "00", (8, 9)),
    plan("HU", "36", "06", "00", (8, 9)),
    plan("IE", "353", "0", "00", (7, 9)),
    plan("IL", "972", "0", "00", (8, 9)),
    plan("IN", "91", "0", "00", (10, 10)),
    plan("IT", "39", "", "00", (8, 11)),
    plan("JP", "81", "0", "010", (9, 10)),
    plan("LT", "370", "0", "00", (8, 8)),
    plan("LU", "352", "", "00", (6, 11)),
    plan("LV", "371", "", "00", (8, 8)),
    plan("MX", "52", "", "00", (10, 10)),
    plan("NL", "31", "0", "00", (9, 9)),
    plan("NO", "47", "", "00", (8, 8)),
    plan("NZ", "64", "0", "00", (8, 10)),
    plan("PL", "48", "", "00", (9, 9)),
    plan("PT", "351", "", "00", (9, 9)),
    plan("RO", "40", "0", "00", (9, 9)),
    plan("RS", "381", "0", "00", (8, 9)),
    plan("RU", "7", "8", "810", (10, 10)),
    plan("SE", "46", "0", "00", (7, 9)),
    plan("SI", "386", "0", "00", (8, 8)),
    plan("SK", "421", "0", "00", (9, 9)),
    plan("TR", "90", "0", "00", (10, 10)),
    plan("UA", "380", "0", "00", (9, 9)),
    plan("ZA", "27", "0", "00", (9, 9)),
];
