//! `/numbers`: what is dialled from the telephone network, and who rings.

use std::sync::Arc;

use routing::config::{NumberRow, Target};
use utoipa_axum::router::OpenApiRouter;

use super::collections::{Rehearsal, collection, list_query};
use crate::edge::{Caller, Scope};
use crate::problem::Problem;
use crate::{Api, openapi};

list_query! {
    /// Which numbers.
    Numbers {
        /// Of this account: id or name.
        account: String,
        /// This number.
        e164: String,
        /// That come in by this connection.
        via: String,
        /// That ring this connection.
        target: String,
    }
}

collection! {
    NumberRow, "numbers", "/numbers", "/numbers/{id}", "/numbers/batch",
    Number NewNumber NumberChange NumberPage NumberBatch,
    read Scope::ConnectionsRead, write Scope::ConfigWrite, create |_: &Caller| Ok::<_, Problem>(()),
    list Numbers wanted
}

fn wanted(rows: &crate::Rows, row: &NumberRow, query: &Numbers) -> bool {
    let rings = |id: &String| matches!(&row.target, Target::Connection(c) if c.as_str() == id);
    query.account.as_ref().is_none_or(|a| rows.account(a).is_some_and(|a| a.id == row.account))
        // A + that was not escaped arrives as a space.
        && query.e164.as_ref().is_none_or(|e| row.e164 == e.replacen(' ', "+", 1))
        && query.via.as_ref().is_none_or(|v| row.via.as_ref().is_some_and(|via| via.as_str() == v))
        && query.target.as_ref().is_none_or(rings)
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    collection()
}
