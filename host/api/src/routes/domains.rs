//! `/domains`: host names of ours.

use std::sync::Arc;

use routing::config::Domain;
use utoipa_axum::router::OpenApiRouter;

use super::collections::{Rehearsal, collection, list_query};
use crate::edge::{Caller, Scope};
use crate::problem::Problem;
use crate::{Api, openapi};

list_query! {
    /// Which domains.
    Domains {
        /// Of this account: id or name.
        account: String,
        /// With this host or alias.
        host: String,
        /// `registrar`, `trunk` or `shared`.
        role: String,
    }
}

collection! {
    Domain, "domains", "/domains", "/domains/{id}", "/domains/batch",
    Domain NewDomain DomainChange DomainPage DomainBatch,
    read Scope::ConnectionsRead, write Scope::ConfigWrite, create |_: &Caller| Ok::<_, Problem>(()),
    list Domains wanted
}

fn wanted(rows: &crate::Rows, row: &Domain, query: &Domains) -> bool {
    let role = serde_json::to_value(row.role).unwrap_or_default();
    query.account.as_ref().is_none_or(|a| rows.account(a).is_some_and(|a| a.id == row.account))
        && query.host.as_ref().is_none_or(|h| row.host.eq_ignore_ascii_case(h) || row.aliases.contains(h))
        && query.role.as_ref().is_none_or(|r| role == *r.as_str())
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    collection()
}
