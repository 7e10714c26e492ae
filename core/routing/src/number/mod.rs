//! Telephone numbers: from what people dial to E.164 and back to what a peer wants (ITU-T E.164, E.123).

mod plan;

pub use plan::{Plan, plan_of, plans};

use crate::config::{NumberFormat, Rewrite};

/// A number in international form, if it can be told from what was dialled.
///
/// `country` is the account's; digits that are neither international nor clearly national stay what they are, so
/// that short internal numbers pass untouched.
pub fn to_e164(dialled: &str, format: &NumberFormat, country: Option<&str>) -> Option<String> {
    let digits = bare(dialled)?;
    match format {
        NumberFormat::Raw => None,
        NumberFormat::E164Plus => digits.strip_prefix('+').and_then(international),
        NumberFormat::E164 => international(digits.strip_prefix('+').unwrap_or(&digits)),
        NumberFormat::National(country) => match digits.strip_prefix('+') {
            Some(rest) => international(rest),
            None => national(&digits, plan_of(country)?),
        },
        NumberFormat::Auto => auto(&digits, country),
    }
}

/// A number in the form that a peer wants; what is not E.164 goes out as it is.
pub fn for_peer(number: &str, format: &NumberFormat) -> String {
    let Some(digits) = number.strip_prefix('+') else { return number.to_owned() };
    match format {
        NumberFormat::Auto | NumberFormat::E164Plus | NumberFormat::Raw => number.to_owned(),
        NumberFormat::E164 => digits.to_owned(),
        NumberFormat::National(country) => match plan_of(country) {
            Some(plan) => match digits.strip_prefix(plan.calling_code) {
                Some(rest) => format!("{}{rest}", plan.trunk_prefix),
                None => format!("{}{digits}", plan.international_prefix),
            },
            None => number.to_owned(),
        },
    }
}

/// Takes leading digits off and puts others in front.
pub fn rewrite(number: &str, rule: &Rewrite) -> String {
    let rest = number.strip_prefix(rule.strip.as_str()).unwrap_or(number);
    format!("{}{rest}", rule.prefix)
}

/// Without the marks that people write between digits; `None` if it is no number at all.
pub(crate) fn bare(dialled: &str) -> Option<String> {
    let kept: String = dialled.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/')).collect();
    let rest = kept.strip_prefix('+').unwrap_or(&kept);
    (!rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())).then_some(kept)
}

fn international(digits: &str) -> Option<String> {
    let plausible = (4..=15).contains(&digits.len()) && !digits.starts_with('0');
    plausible.then(|| format!("+{digits}"))
}

fn national(digits: &str, plan: &Plan) -> Option<String> {
    let (shortest, longest) = plan.national_length;
    // In the North American plan the trunk prefix and the calling code are the same digit, and optional.
    let rest = match plan.calling_code {
        "1" => digits.strip_prefix('1').filter(|rest| rest.len() == longest).unwrap_or(digits),
        _ => digits.strip_prefix(plan.trunk_prefix)?,
    };
    (shortest..=longest).contains(&rest.len()).then(|| format!("+{}{rest}", plan.calling_code))
}

fn auto(digits: &str, country: Option<&str>) -> Option<String> {
    if let Some(rest) = digits.strip_prefix('+') {
        return international(rest);
    }
    let plan = country.and_then(plan_of);
    let prefixes = [plan.map(|p| p.international_prefix), Some("00"), Some("011")];
    for prefix in prefixes.into_iter().flatten() {
        if let Some(rest) = digits.strip_prefix(prefix).filter(|rest| rest.len() >= 7) {
            return international(rest);
        }
    }
    if let Some(number) = plan.and_then(|plan| national(digits, plan)) {
        return Some(number);
    }
    // E.164 without its plus: long, and beginning with a calling code that exists.
    (digits.len() >= 10 && plan::starts_with_calling_code(digits)).then(|| international(digits)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialled_numbers_become_international() {
        let table: &[(&str, Option<&str>, Option<&str>)] = &[
            ("+49 30 1234567", None, Some("+49301234567")),
            ("0049301234567", None, Some("+49301234567")),
            ("011442071234567", Some("US"), Some("+442071234567")),
            ("0301234567", Some("DE"), Some("+49301234567")),
            ("2125550123", Some("US"), Some("+12125550123")),
            ("12125550123", Some("US"), Some("+12125550123")),
            ("612345678", Some("ES"), Some("+34612345678")),
            ("49301234567", None, Some("+49301234567")),
            ("601", Some("DE"), None),
            ("601", None, None),
            ("alice", None, None),
            ("+0123456", None, None),
            ("*97", Some("DE"), None),
        ];
        for (dialled, country, expected) in table {
            assert_eq!(to_e164(dialled, &NumberFormat::Auto, *country).as_deref(), *expected, "{dialled}");
        }
    }

    #[test]
    fn peers_get_the_form_they_want() {
        let national = NumberFormat::National("DE".to_owned());
        assert_eq!(for_peer("+49301234567", &NumberFormat::Auto), "+49301234567");
        assert_eq!(for_peer("+49301234567", &NumberFormat::E164), "49301234567");
        assert_eq!(for_peer("+49301234567", &national), "0301234567");
        assert_eq!(for_peer("+442071234567", &national), "00442071234567");
        assert_eq!(for_peer("601", &NumberFormat::E164), "601");
    }
}
