//! What the requests about the past share: their account, their times, their cursor.

use store::{PageQuery, from_rfc3339};
use timestamp::Timestamp;

use crate::Api;
use crate::edge::Caller;
use crate::problem::{Code, Problem};

/// The part of a list.
pub(super) fn page(
    limit: Option<u32>,
    after: Option<String>,
    before: Option<String>,
) -> Result<PageQuery, Problem> {
    match limit {
        Some(0 | 1_001..) => Err(Problem::new(Code::InvalidParameter, "limit is from 1 to 1000")),
        limit => Ok(PageQuery { limit: limit.unwrap_or(0), after, before }),
    }
}

/// The account asked about: a key of an account asks about its own.
pub(super) fn account(api: &Api, caller: &Caller, asked: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(reference) = asked else { return Ok(caller.account.as_ref().map(ToString::to_string)) };
    let found = api.rows().account(reference).filter(|a| caller.sees(&a.id)).map(|a| a.id.to_string());
    let message = || Problem::new(Code::InvalidParameter, format!("there is no account {reference}"));
    found.map(Some).ok_or_else(message)
}

/// A time in a query.
pub(super) fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    // A + that was not escaped arrives as a space.
    let at = from_rfc3339(text).or_else(|| from_rfc3339(&text.replacen(' ', "+", 1)));
    let message =
        || Problem::new(Code::InvalidParameter, format!("{name} is a time like 2030-01-31T12:00:00Z"));
    at.map(Some).ok_or_else(message)
}

/// Whether what belongs to `owner` exists for the caller; what belongs to nobody is for who runs the installation.
pub(super) fn sees(caller: &Caller, owner: Option<&str>) -> bool {
    caller.account.as_ref().is_none_or(|own| owner == Some(own.as_str()))
}
