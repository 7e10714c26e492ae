//! `/accounts`: who everything belongs to. Creating and deleting them is for who runs the installation.

use std::sync::Arc;

use routing::config::Account;
use utoipa_axum::router::OpenApiRouter;

use super::collections::{Rehearsal, collection, list_query};
use crate::edge::{Caller, Scope};
use crate::{Api, openapi};

list_query! {
    /// Which accounts.
    Accounts {
        /// With this name.
        name: String,
    }
}

collection! {
    Account, "accounts", "/accounts", "/accounts/{id}", "/accounts/batch",
    Account NewAccount AccountChange AccountPage AccountBatch,
    read Scope::ConnectionsRead, write Scope::ConfigWrite, create Caller::must_run_the_installation,
    list Accounts |_: &crate::Rows, row: &Account, query: &Accounts| query.name.as_ref().is_none_or(|name| row.name == *name)
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    collection()
}
