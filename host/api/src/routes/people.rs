//! `/people`: whose connections ring for them, and what they want of calls to these.

use std::sync::Arc;

use routing::config::Person;
use utoipa_axum::router::OpenApiRouter;

use super::collections::{Rehearsal, collection, list_query};
use crate::edge::{Caller, Scope};
use crate::problem::Problem;
use crate::{Api, openapi};

list_query! {
    /// Which people.
    People {
        /// Of this account: id or name.
        account: String,
        /// Of this name.
        name: String,
        /// Whose connection this is.
        connection: String,
    }
}

collection! {
    Person, "people", "/people", "/people/{id}", "/people/batch",
    Person NewPerson PersonChange PersonPage PersonBatch,
    read Scope::ConnectionsRead, write Scope::ConfigWrite, create |_: &Caller| Ok::<_, Problem>(()),
    list People wanted
}

fn wanted(rows: &crate::Rows, row: &Person, query: &People) -> bool {
    let owns = |id: &String| row.connections.iter().any(|connection| connection.as_str() == id);
    query.account.as_ref().is_none_or(|a| rows.account(a).is_some_and(|a| a.id == row.account))
        && query.name.as_ref().is_none_or(|name| row.name == *name)
        && query.connection.as_ref().is_none_or(owns)
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    collection()
}
