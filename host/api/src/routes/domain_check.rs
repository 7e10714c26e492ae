//! `/domains/{id}/check`: do the names of a domain lead here (RFC 3263 §4)? What there should be, ready to be copied into a
//! zone, and what was found.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use futures_util::future::join_all;
use routing::config::Domain;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::collection::find;
use crate::edge::{Caller, Scope};
use crate::name_servers::Looked;
use crate::onboarding::addresses;
use crate::problem::Problem;
use crate::{About, Api, openapi};

/// What was looked at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DomainCheck)]
struct Checked {
    /// The domain.
    domain: String,
    /// The worst of what was found: `passed`, `warning`, `failed`.
    #[schema(example = "passed")]
    state: &'static str,
    /// In words.
    detail: String,
    /// Each record.
    records: Vec<Wanted>,
    /// All records that there should be, as lines of a zone file.
    #[schema(example = "_sip._udp.sip.example.com. 300 IN SRV 0 0 5060 sip.example.com.")]
    zone: String,
}

/// A record that there should be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DomainCheckRecord)]
struct Wanted {
    /// Its name.
    name: String,
    /// `A`, `AAAA`, `SRV` or `NAPTR`.
    kind: &'static str,
    /// Without it the name does not lead here; others are for those who look for them.
    needed: bool,
    /// What it should say.
    want: Vec<String>,
    /// What name servers say.
    found: Vec<String>,
    /// `passed`, `warning` or `failed`.
    state: &'static str,
    /// In words.
    detail: String,
}

/// Asks the name servers whether this domain leads here, and says which records there should be.
///
/// An address record for each host and alias is what is needed. SRV records are for other ports than 5060 and for
/// phones that look for them, NAPTR records for peers that are told nothing but the domain.
#[utoipa::path(get, path = "/domains/{id}/check", tag = "domains", operation_id = "check_domain",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "What was found", body = Checked), openapi::Reading))]
async fn check(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Checked>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let (row, _) = find::<Domain>(&api.rows(), &caller, &id)?;
    let asked = wanted(&row, &api.about).into_iter().map(|wanted| {
        let looked = api.names.look_up(wanted.name.clone(), wanted.kind);
        async move { wanted.judged(looked.await) }
    });
    let records = join_all(asked).await;
    let zone = records.iter().flat_map(Wanted::zone).collect();
    let worst = ["failed", "warning"].into_iter().find(|state| records.iter().any(|r| r.state == *state));
    let state = worst.unwrap_or("passed");
    let detail = match state {
        _ if addresses(&api.about).is_empty() => {
            "our public address is not known: start with --public-ip, then these records can be made"
        }
        "passed" => "every name leads here",
        "warning" => "every host leads here; some records for those who look for more are missing",
        _ => "some hosts do not lead here: put the lines of `zone` into the zone",
    };
    Ok(Json(Checked { domain: row.id.to_string(), state, detail: detail.to_owned(), records, zone }))
}

/// The records that there should be.
fn wanted(row: &Domain, about: &About) -> Vec<Wanted> {
    let ours = addresses(about);
    let texts = |v6: bool| -> Vec<String> {
        ours.iter().filter(|ip| ip.is_ipv6() == v6).map(ToString::to_string).collect()
    };
    let mut wanted = Vec::new();
    for host in core::iter::once(&row.host).chain(&row.aliases).take(MOST_HOSTS) {
        for (kind, v6) in [("A", false), ("AAAA", true)] {
            let want = texts(v6);
            if !want.is_empty() || (kind == "A" && ours.is_empty()) {
                wanted.push(Wanted::new(host.clone(), kind, true, want));
            }
        }
        let mut preference = 0;
        for (transport, label, service) in [
            ("tls", "_sips._tcp", "SIPS+D2T"),
            ("tcp", "_sip._tcp", "SIP+D2T"),
            ("udp", "_sip._udp", "SIP+D2U"),
        ] {
            let Some(listener) = about.sip.iter().find(|listener| listener.transport == transport) else {
                continue;
            };
            let usual = if transport == "tls" { 5061 } else { 5060 };
            let srv = vec![format!("0 0 {} {host}.", listener.port)];
            wanted.push(Wanted::new(format!("{label}.{host}"), "SRV", listener.port != usual, srv));
            preference += 10;
            let naptr = format!("10 {preference} \"s\" \"{service}\" \"\" {label}.{host}.");
            match wanted.iter_mut().find(|w| w.kind == "NAPTR" && w.name == *host) {
                Some(more) => more.want.push(naptr),
                None => wanted.push(Wanted::new(host.clone(), "NAPTR", false, vec![naptr])),
            }
        }
    }
    if row.host == format!("sip.{}", about.base_domain) {
        for (kind, v6) in [("A", false), ("AAAA", true)] {
            let want = texts(v6);
            if !want.is_empty() {
                wanted.push(Wanted::new(format!("*.trunk.{}", about.base_domain), kind, false, want));
            }
        }
    }
    wanted
}

impl Wanted {
    fn new(name: String, kind: &'static str, needed: bool, want: Vec<String>) -> Self {
        Self { name, kind, needed, want, found: Vec::new(), state: "failed", detail: String::new() }
    }

    fn judged(mut self, looked: Looked) -> Self {
        let missing = if self.needed { "failed" } else { "warning" };
        let has = |want: &String| looked.records.iter().any(|found| same(want, found));
        let leads_here = self.want.iter().any(has);
        let elsewhere = looked.records.iter().filter(|found| !self.want.iter().any(|want| same(want, found)));
        let elsewhere: Vec<_> = elsewhere.cloned().collect();
        (self.state, self.detail) = match &looked.fault {
            Some(fault) => (missing, format!("no answer: {fault}")),
            None if self.want.is_empty() => ("warning", "our public address is not known".to_owned()),
            None if looked.records.is_empty() => (missing, "there is none".to_owned()),
            None if !leads_here => (missing, format!("it says {}, which is not us", elsewhere.join(", "))),
            None if !elsewhere.is_empty() && matches!(self.kind, "A" | "AAAA") => {
                ("warning", format!("{} besides us", elsewhere.join(", ")))
            }
            None => ("passed", "as it should be".to_owned()),
        };
        self.found = looked.records;
        self
    }

    /// Lines of a zone file.
    fn zone(&self) -> Vec<String> {
        self.want.iter().map(|data| format!("{}. 300 IN {} {data}\n", self.name, self.kind)).collect()
    }
}

/// Whether two records say the same; priorities and preferences are the zone's own.
fn same(want: &str, found: &str) -> bool {
    if let (Ok(want), Ok(found)) = (want.parse::<IpAddr>(), found.parse::<IpAddr>()) {
        return want == found;
    }
    let parts = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().skip(2).filter(|word| *word != "\"\"");
        words.map(|word| word.trim_end_matches('.').trim_matches('"').to_ascii_lowercase()).collect()
    };
    parts(want) == parts(found)
}

/// Hosts looked up at once.
const MOST_HOSTS: usize = 10;

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(check))
}

#[cfg(test)]
mod tests {
    use super::{Wanted, same};
    use crate::name_servers::Looked;

    #[test]
    fn records_are_judged() {
        let table = [
            (true, &["192.0.2.1"][..], &["192.0.2.1"][..], "passed"),
            (true, &["192.0.2.1", "192.0.2.2"], &["192.0.2.2"], "passed"),
            (true, &["192.0.2.1"], &["192.0.2.1", "198.51.100.1"], "warning"),
            (true, &["192.0.2.1"], &["198.51.100.1"], "failed"),
            (true, &["192.0.2.1"], &[], "failed"),
            (false, &["192.0.2.1"], &[], "warning"),
            (true, &[], &["198.51.100.1"], "warning"),
        ];
        for (needed, want, found, state) in table {
            let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let looked = Looked { records: texts(found), fault: None };
            let judged = Wanted::new("a.test".to_owned(), "A", needed, texts(want)).judged(looked);
            assert_eq!(judged.state, state, "{want:?} {found:?}: {}", judged.detail);
        }
        let silent = Looked { records: Vec::new(), fault: Some("no answer in time".to_owned()) };
        assert_eq!(Wanted::new("a.test".to_owned(), "A", true, Vec::new()).judged(silent).state, "failed");
    }

    #[test]
    fn records_say_the_same_whatever_their_rank() {
        for (want, found, expected) in [
            ("0 0 5060 sip.example.test.", "10 60 5060 SIP.example.test.", true),
            ("0 0 5060 sip.example.test.", "0 0 5070 sip.example.test.", false),
            (
                "10 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.test.",
                "50 50 \"s\" \"SIP+D2U\" _sip._udp.example.test.",
                true,
            ),
            ("2001:db8::1", "2001:db8:0::1", true),
        ] {
            assert_eq!(same(want, found), expected, "{want} {found}");
        }
    }
}
