//! Where calls to numbers outside may lead: the longest match among countries and prefixes decides, and deny goes before
//! allow.
//!
//! A country matches as long as the prefix by which its numbers are known, so a prefix makes exceptions from a country.
//! Numbers that are not known to be international count as the account's own country's.

use std::sync::Arc;

use super::country::Country;
use super::limits_of;
use crate::config::{Account, Connection, InForce, NumberFormat};
use crate::number::to_e164;
use crate::reason::Reason;
use crate::tables::Tables;

/// Whose limits do not let a call go there.
#[derive(Clone, Debug)]
pub enum Whose {
    /// Those of the connection that calls.
    Connection,
    /// Those of its account.
    Account,
    /// Those of the installation.
    Installation,
}

/// A destination that is not allowed.
#[derive(Clone, Debug)]
pub struct NotAllowed {
    /// Why: country or prefix.
    pub reason: Reason,
    /// Whose limits say so.
    pub whose: Whose,
    /// The country, if it is known.
    pub country: Option<Country>,
    /// The entry that denies it; none if nothing allows it.
    pub denied_by: Option<String>,
    /// What is allowed.
    pub allowed: Vec<String>,
}

/// The country of a number in E.164, if these limits alone let calls go there. `home` is the country of a connection's
/// account.
pub fn permits(limits: &InForce<'_>, home: Option<&str>, number: &str) -> Result<Option<Country>, Reason> {
    let number = Number::new(number, home);
    number.check(limits, home).map(|()| number.country).map_err(|(reason, _)| reason)
}

/// The country that a call to this number leads to, if the caller may make it.
pub fn destination(
    tables: &Tables,
    caller: &Connection,
    number: &str,
) -> Result<Option<Country>, Box<NotAllowed>> {
    let account = tables.account(&caller.account);
    let home = account.and_then(|account| account.country.as_deref());
    let international = to_e164(number, &NumberFormat::Auto, home);
    let international = international.as_deref().unwrap_or(number);
    let number = Number::new(international, home);
    let country = number.country;
    let of_all = tables.limits().map(|limits| InForce::new(limits, None));
    let levels = [
        (Whose::Connection, Some(limits_of(tables, caller)), home),
        (Whose::Account, account.map(of_account), None),
        (Whose::Installation, of_all, None),
    ];
    for (whose, limits, home) in levels {
        let Some(limits) = limits else { continue };
        number.check(&limits, home).map_err(|(reason, denied_by)| {
            let allowed = allowed(&limits, home, reason);
            Box::new(NotAllowed { reason, whose, country, denied_by, allowed })
        })?;
    }
    Ok(country)
}

fn of_account(account: &Arc<Account>) -> InForce<'_> {
    InForce::new(&account.limits, None)
}

/// Countries that may be called.
struct Allowed<'l> {
    listed: Option<&'l [String]>,
    /// The account's own, where nothing is listed for a connection.
    home: Option<&'l str>,
}

impl<'l> Allowed<'l> {
    fn new(limits: &InForce<'l>, home: Option<&'l str>) -> Self {
        let listed = limits.countries().0;
        // Prefixes that are allowed say what is, without countries.
        let home = home.filter(|_| listed.is_none() && limits.prefixes().0.is_none());
        Self { listed, home }
    }

    fn is_rule(&self) -> bool {
        self.listed.is_some() || self.home.is_some()
    }

    fn entries(&self) -> impl Iterator<Item = &'l str> {
        self.listed.unwrap_or_default().iter().map(String::as_str).chain(self.home)
    }
}

fn allowed(limits: &InForce<'_>, home: Option<&str>, reason: Reason) -> Vec<String> {
    match reason {
        Reason::Prefix => limits.prefixes().0.unwrap_or_default().to_vec(),
        _ => Allowed::new(limits, home).entries().map(str::to_owned).collect(),
    }
}

/// A called number.
struct Number<'n> {
    digits: &'n str,
    country: Option<Country>,
    /// Digits that make it its country's, with the plus.
    length: usize,
}

/// Why a number is not allowed, and the entry that denies it.
type Denied = (Reason, Option<String>);

impl<'n> Number<'n> {
    fn new(digits: &'n str, home: Option<&str>) -> Self {
        match Country::with_prefix(digits) {
            Some((country, length)) => Self { digits, country: Some(country), length },
            None => Self { digits, country: home.and_then(Country::by_code), length: 0 },
        }
    }

    fn check(&self, limits: &InForce<'_>, home: Option<&str>) -> Result<(), Denied> {
        let allow = Allowed::new(limits, home);
        let (_, deny) = limits.countries();
        let (allow_prefixes, deny_prefixes) = limits.prefixes();
        let denied = self.of_countries(deny.iter().map(String::as_str)).map(|found| (found, Reason::Country));
        let denied_prefix = self.of_prefixes(deny_prefixes).map(|found| (found, Reason::Prefix));
        let denied = denied.into_iter().chain(denied_prefix).max_by_key(|((length, _), _)| *length);
        let country = self.of_countries(allow.entries());
        let permitted = country.into_iter().chain(self.of_prefixes(allow_prefixes.unwrap_or_default()));
        let permitted = permitted.map(|(length, _)| length).max();
        match (denied, permitted) {
            (Some(((length, entry), reason)), permitted) if permitted.is_none_or(|allow| allow <= length) => {
                Err((reason, Some(entry.to_owned())))
            }
            (_, Some(_)) => Ok(()),
            (_, None) if allow.is_rule() => Err((Reason::Country, None)),
            (_, None) if allow_prefixes.is_some() => Err((Reason::Prefix, None)),
            (_, None) => Ok(()),
        }
    }

    /// The longest match among countries: 0 for all of them.
    fn of_countries<'e>(&self, entries: impl Iterator<Item = &'e str>) -> Option<(usize, &'e str)> {
        let length = |entry: &str| match entry {
            "*" => Some(0),
            code => self.country.filter(|country| country.code() == code).map(|_| self.length.max(1)),
        };
        entries.filter_map(|entry| Some((length(entry)?, entry))).max_by_key(|(length, _)| *length)
    }

    /// The longest match among prefixes.
    fn of_prefixes<'e>(&self, entries: &'e [String]) -> Option<(usize, &'e str)> {
        let matching = entries.iter().filter(|prefix| self.digits.starts_with(prefix.as_str()));
        matching.map(|prefix| (prefix.len(), prefix.as_str())).max_by_key(|(length, _)| *length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    fn limits(json: &str) -> Limits {
        serde_json::from_str(json).expect("limits")
    }

    #[test]
    fn the_longest_match_decides_and_deny_goes_before_allow() {
        let table: &[(&str, &str, Option<Reason>)] = &[
            // Nothing is said: the account's country, and what is not international.
            ("{}", "+49301234567", None),
            ("{}", "030123", None),
            ("{}", "+37120000000", Some(Reason::Country)),
            (r#"{"countries":{"allow":["*"]}}"#, "+37120000000", None),
            (r#"{"countries":{"allow":[]}}"#, "+49301234567", Some(Reason::Country)),
            (r#"{"countries":{"allow":["DE","LV"]}}"#, "+37120000000", None),
            (r#"{"countries":{"allow":["*"],"deny":["LV"]}}"#, "+37120000000", Some(Reason::Country)),
            (r#"{"countries":{"allow":["LV"],"deny":["*"]}}"#, "+37120000000", None),
            (r#"{"countries":{"allow":["LV"],"deny":["LV"]}}"#, "+37120000000", Some(Reason::Country)),
            // A shared code: Jamaica is not the United States.
            (r#"{"countries":{"allow":["US"]}}"#, "+18765550123", Some(Reason::Country)),
            (r#"{"countries":{"allow":["US"]}}"#, "+12125550123", None),
            // Prefixes make exceptions from countries, and countries from shorter prefixes.
            (
                r#"{"countries":{"allow":["LV"]},"prefixes":{"deny":["+3719"]}}"#,
                "+37190000000",
                Some(Reason::Prefix),
            ),
            (r#"{"countries":{"allow":["LV"]},"prefixes":{"deny":["+3719"]}}"#, "+37120000000", None),
            (r#"{"countries":{"allow":["DE"]},"prefixes":{"allow":["+3712"]}}"#, "+37120000000", None),
            (
                r#"{"countries":{"allow":["*"],"deny":["JM"]},"prefixes":{"allow":["+1"]}}"#,
                "+18765550123",
                Some(Reason::Country),
            ),
            // Prefixes alone say all.
            (r#"{"prefixes":{"allow":["+4930"]}}"#, "+49301234567", None),
            (r#"{"prefixes":{"allow":["+4930"]}}"#, "+49891234567", Some(Reason::Prefix)),
            (r#"{"prefixes":{"allow":["+49"],"deny":["+49"]}}"#, "+49301234567", Some(Reason::Prefix)),
            (r#"{"prefixes":{"deny":["+49900"]}}"#, "+499001234567", Some(Reason::Prefix)),
        ];
        for (json, number, expected) in table {
            let limits = limits(json);
            let (country, length) = match Country::with_prefix(number) {
                Some((country, length)) => (Some(country), length),
                None => (Country::by_code("DE"), 0),
            };
            let number = Number { digits: number, country, length };
            let found =
                number.check(&InForce::new(&limits, None), Some("DE")).err().map(|(reason, _)| reason);
            assert_eq!(found, *expected, "{json} {}", number.digits);
        }
    }

    #[test]
    fn without_a_country_there_is_no_rule() {
        assert!(permits(&InForce::new(&limits("{}"), None), None, "+37120000000").is_ok());
    }
}
