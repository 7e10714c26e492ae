//! The six requests that every collection of configuration takes, written once.

/// Query parameters of requests that change something.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Rehearsal {
    /// Answers what would happen, and does nothing.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// Defines the query of a list: the parameters that cut it, and filters.
macro_rules! list_query {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $filter:ident: $of:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Deserialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        struct $name {
            /// Rows at most, 1 to 1000; 50 if absent.
            limit: Option<u32>,
            /// Continue with what is older: `next` of the page before, or an id.
            after: Option<String>,
            /// Continue with what is newer.
            before: Option<String>,
            $($(#[$about])* $filter: Option<$of>,)*
        }
    };
}

/// Defines handlers and router of one collection.
macro_rules! collection {
    (
        $row:ty, $tag:tt, $all:tt, $one:tt, $many:tt,
        $shown:ident $new:ident $change:ident $page:ident $batch:ident,
        read $read:expr, write $write:expr, create $create:expr,
        list $query:ident $keep:expr
    ) => {
        /// Rows, newest first.
        #[utoipa::path(get, path = $all, tag = $tag, operation_id = concat!("list_", $tag), params($query),
            responses((status = 200, description = "One page", body = openapi::$page), openapi::Reading))]
        async fn list(
            axum::extract::State(api): axum::extract::State<std::sync::Arc<crate::Api>>,
            caller: crate::edge::Caller,
            crate::body::Asked(query): crate::body::Asked<$query>,
        ) -> Result<axum::Json<serde_json::Value>, crate::problem::Problem> {
            caller.may($read)?;
            let cut = crate::collection::Cut {
                limit: query.limit,
                after: query.after.clone(),
                before: query.before.clone(),
            };
            crate::collection::list::<$row>(&api, &caller, &cut, |rows, row| ($keep)(rows, row, &query)).await
        }

        /// One row, with its ETag.
        #[utoipa::path(get, path = $one, tag = $tag, operation_id = concat!("get_", $tag), params(("id" = String, Path, description = "Its id")),
            responses((status = 200, description = "The resource", body = openapi::$shown), openapi::Reading))]
        async fn get(
            axum::extract::State(api): axum::extract::State<std::sync::Arc<crate::Api>>,
            caller: crate::edge::Caller,
            axum::extract::Path(id): axum::extract::Path<String>,
        ) -> Result<axum::response::Response, crate::problem::Problem> {
            caller.may($read)?;
            crate::collection::get::<$row>(&api, &caller, &id).await
        }

        /// Creates one. It is live before the reply is sent.
        #[utoipa::path(post, path = $all, tag = $tag, operation_id = concat!("create_", $tag), request_body = openapi::$new,
            params(Rehearsal, ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request harmless for 24 hours")),
            responses(
                (status = 200, description = "What would happen (dry_run)", body = openapi::DryRun),
                (status = 201, description = "The whole resource", body = openapi::$shown), openapi::Writing))]
        async fn create(
            axum::extract::State(api): axum::extract::State<std::sync::Arc<crate::Api>>,
            caller: crate::edge::Caller,
            crate::body::Asked(query): crate::body::Asked<Rehearsal>,
            crate::body::Document(body): crate::body::Document,
        ) -> Result<axum::response::Response, crate::problem::Problem> {
            caller.may($write)?;
            ($create)(&caller)?;
            crate::collection::create::<$row>(&api, caller, body, query.dry_run).await
        }

        /// Changes one by a merge patch (RFC 7396): null takes a field away.
        #[utoipa::path(patch, path = $one, tag = $tag, operation_id = concat!("change_", $tag), request_body = openapi::$change,
            params(Rehearsal, ("id" = String, Path, description = "Its id"),
                ("If-Match" = Option<String>, Header, description = "ETag it must still have")),
            responses((status = 200, description = "The resource", body = openapi::$shown), openapi::Writing))]
        async fn patch(
            axum::extract::State(api): axum::extract::State<std::sync::Arc<crate::Api>>,
            caller: crate::edge::Caller,
            axum::extract::Path(id): axum::extract::Path<String>,
            crate::body::Asked(query): crate::body::Asked<Rehearsal>,
            expected: crate::body::Expected,
            crate::body::Document(body): crate::body::Document,
        ) -> Result<axum::response::Response, crate::problem::Problem> {
            caller.may($write)?;
            crate::collection::patch::<$row>(&api, caller, &id, &expected, body, query.dry_run).await
        }

        /// Deletes one, unless something refers to it.
        #[utoipa::path(delete, path = $one, tag = $tag, operation_id = concat!("delete_", $tag),
            params(Rehearsal, ("id" = String, Path, description = "Its id"),
                ("If-Match" = Option<String>, Header, description = "ETag it must still have")),
            responses((status = 204, description = "Gone"), openapi::Writing))]
        async fn delete(
            axum::extract::State(api): axum::extract::State<std::sync::Arc<crate::Api>>,
            caller: crate::edge::Caller,
            axum::extract::Path(id): axum::extract::Path<String>,
            crate::body::Asked(query): crate::body::Asked<Rehearsal>,
            expected: crate::body::Expected,
        ) -> Result<axum::response::Response, crate::problem::Problem> {
            caller.may($write)?;
            ($create)(&caller)?;
            crate::collection::delete::<$row>(&api, caller, &id, &expected, query.dry_run).await
        }

        /// Creates up to 10,000, each on its own.
        #[utoipa::path(post, path = $many, tag = $tag, operation_id = concat!("create_many_", $tag), request_body = openapi::$batch, params(Rehearsal),
            responses((status = 200, description = "What came of each", body = openapi::BatchResults), openapi::Writing))]
        async fn batch(
            axum::extract::State(api): axum::extract::State<std::sync::Arc<crate::Api>>,
            caller: crate::edge::Caller,
            crate::body::Asked(query): crate::body::Asked<Rehearsal>,
            crate::body::Document(body): crate::body::Document,
        ) -> Result<axum::Json<serde_json::Value>, crate::problem::Problem> {
            caller.may($write)?;
            ($create)(&caller)?;
            crate::collection::batch::<$row>(&api, caller, body, query.dry_run).await
        }

        /// The six requests.
        fn collection() -> utoipa_axum::router::OpenApiRouter<std::sync::Arc<crate::Api>> {
            utoipa_axum::router::OpenApiRouter::new()
                .routes(utoipa_axum::routes!(list, create))
                .routes(utoipa_axum::routes!(get, patch, delete))
                .routes(utoipa_axum::routes!(batch))
        }
    };
}

pub(super) use {collection, list_query};
