//! `/system/check`: what is amiss with this server, or will be soon, and what to do about it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use certificates::{Entry, Source, day};
use routing::config::Mailbox;
use serde::Serialize;
use store::now;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::edge::{Caller, Scope};
use crate::problem::Problem;
use crate::rows::Rows;
use crate::{Api, Part, openapi};

/// What was looked at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemCheck)]
struct Checked {
    /// The worst of them: `passed`, `warning`, `failed`.
    state: &'static str,
    /// One by one.
    checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemCheckItem)]
struct Check {
    /// What.
    name: String,
    /// `passed`, `warning` or `failed`.
    state: &'static str,
    /// In words.
    detail: String,
    /// What to do; empty where nothing is.
    fix: &'static str,
}

/// Looks at listeners, tables, certificates and accounts; one that ends within 30 days is a warning.
#[utoipa::path(get, path = "/system/check", tag = "system", operation_id = "check_system",
    responses((status = 200, description = "What was found", body = Checked), openapi::Reading))]
async fn check(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<Checked>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let seconds = i64::try_from(now().as_secs()).unwrap_or(i64::MAX);
    let parts = api.shards.readiness().parts.into_iter().map(Check::of_part);
    let certificates = api.about.shelf.entries();
    let certificates = certificates.iter().map(|entry| Check::of_certificate(entry, seconds));
    let mut checks: Vec<Check> = parts.chain(certificates).collect();
    let speech = &api.about.speech;
    checks.push(Check::of_engine("voice", speech.synthesizer().map(|engine| engine.name().to_owned())));
    checks.push(Check::of_engine("transcripts", speech.transcriber().map(|engine| engine.name().to_owned())));
    let rows = api.rows();
    let homeless = rows.accounts.all().filter(|kept| kept.row.country.is_none() && caller.sees(&kept.row.id));
    checks.extend(homeless.take(MOST_ACCOUNTS).map(|kept| Check::of_homeless(&kept.row.name)));
    checks.extend(Check::of_mail(&rows, &caller, api.about.sends_mail));
    let worst = [FAILED, WARNING].into_iter().find(|state| checks.iter().any(|check| check.state == *state));
    Ok(Json(Checked { state: worst.unwrap_or(PASSED), checks }))
}

impl Check {
    /// An account without a country: nothing is wrong with that, if it is meant.
    fn of_homeless(account: &str) -> Self {
        Self {
            name: format!("account {account}"),
            state: PASSED,
            detail: "without a country, every country may be called".to_owned(),
            fix: "Set the account's country, or limits.countries.allow of its connections.",
        }
    }

    /// Mailboxes whose messages are to be told of by e-mail; none where nobody wants that.
    fn of_mail(rows: &Rows, caller: &Caller, sends_mail: bool) -> Option<Self> {
        let wants = |row: &Mailbox| row.email.is_some() && caller.sees(&row.account);
        let names: Vec<_> = rows.mailboxes.all().map(|kept| &kept.row).filter(|row| wants(row)).collect();
        let first = names.first()?;
        let whose = match names.len() {
            1 => format!("mailbox {}", first.name),
            many => format!("mailbox {} and {} more", first.name, many - 1),
        };
        let (state, detail, fix) = match sends_mail {
            true => (PASSED, format!("messages are told of by e-mail: {whose}"), ""),
            false => (
                WARNING,
                format!("no mail server is set, so that no e-mail is sent: {whose}"),
                "Set --smtp smtp://HOST, or take the address out of the mailbox.",
            ),
        };
        Some(Self { name: "e-mail".to_owned(), state, detail, fix })
    }

    /// What speaks or listens: calls go on without.
    fn of_engine(name: &str, found: Result<String, speech::Fault>) -> Self {
        let (state, detail, fix) = match found {
            Ok(engine) => (PASSED, format!("by {engine}"), ""),
            Err(why) => {
                (WARNING, why.to_string(), "See docs/speech.md; GET /system/speech says what is found.")
            }
        };
        Self { name: name.to_owned(), state, detail, fix }
    }

    fn of_part(part: Part) -> Self {
        let state = if part.ok { PASSED } else { FAILED };
        Self { name: part.name, state, detail: part.detail, fix: "" }
    }

    fn of_certificate(entry: &Entry, now: i64) -> Self {
        let usable = !entry.fingerprint.is_empty();
        let ends = day(entry.not_after);
        let (state, detail) = match &entry.problem {
            Some(problem) if !usable => (FAILED, problem.clone()),
            _ if entry.not_after <= now => (FAILED, format!("expired since {ends}")),
            // It ends, and what should follow cannot be used.
            Some(problem) => (WARNING, problem.clone()),
            None if entry.not_after - now < SOON => (WARNING, format!("it expires on {ends}")),
            None => (PASSED, format!("for {}, until {ends}", entry.names.join(", "))),
        };
        let fix = match (state, entry.source) {
            (PASSED, _) => "",
            (_, Source::SelfSigned) => {
                "Check that the data folder can be written to; it is made anew by itself."
            }
            (_, Source::Folder | Source::Option) => {
                "Put a new chain and key in place of the files, or run trunkline certificate add."
            }
        };
        Self { name: format!("certificate {}", entry.name), state, detail, fix }
    }
}

const PASSED: &str = "passed";
const WARNING: &str = "warning";
const FAILED: &str = "failed";

/// How long before its end a certificate is a warning.
const SOON: i64 = 30 * 86_400;

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(check))
}

/// Accounts without a country that are named.
const MOST_ACCOUNTS: usize = 20;

#[cfg(test)]
mod tests {
    use certificates::{Entry, Source};

    use super::Check;

    #[test]
    fn what_is_said_of_certificates() {
        const DAY: i64 = 86_400;
        let now = 1_767_225_600; // 2026-01-01
        let table = [
            (Some("aa"), now + 31 * DAY, None, "passed", "for sip.example.com, until 2026-02-01"),
            (Some("aa"), now + 29 * DAY, None, "warning", "it expires on 2026-01-30"),
            (
                Some("aa"),
                now + 300 * DAY,
                Some("the new file is not used: x"),
                "warning",
                "the new file is not used: x",
            ),
            (Some("aa"), now - DAY, None, "failed", "expired since 2025-12-31"),
            (None, 0, Some("no key"), "failed", "no key"),
        ];
        for (fingerprint, not_after, problem, state, detail) in table {
            let entry = Entry {
                name: "x".to_owned(),
                source: Source::Folder,
                subject: String::new(),
                issuer: String::new(),
                names: vec!["sip.example.com".to_owned()],
                not_before: 0,
                not_after,
                fingerprint: fingerprint.unwrap_or_default().to_owned(),
                default: false,
                problem: problem.map(ToOwned::to_owned),
            };
            let check = Check::of_certificate(&entry, now);
            assert_eq!((check.state, check.detail.as_str()), (state, detail));
            assert_eq!(check.fix.is_empty(), state == "passed");
        }
    }
}
