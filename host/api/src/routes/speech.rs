//! `/system/speech`: what speaks and what listens here, and how long the queue of transcriptions is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use speech::{EngineReport, EngineState};
use store::TranscriptionCounts;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::edge::{Caller, Scope};
use crate::problem::Problem;
use crate::{Api, openapi};

/// What speaks and what listens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Speech)]
struct Shown {
    /// What turns words into audio, for `say`.
    synthesizer: Engine,
    /// What turns recordings into text.
    transcriber: Engine,
    /// Transcriptions by state.
    transcriptions: Counts,
    /// Octets of what was spoken before and is kept.
    cache_bytes: u64,
}

/// An engine.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SpeechEngine)]
struct Engine {
    /// `found` or `missing`.
    state: &'static str,
    /// What it is called; null if there is none.
    engine: Option<String>,
    /// Languages that it knows; empty if only it can tell.
    languages: Vec<String>,
    /// Why there is none, and what to do.
    why: Option<String>,
}

/// How many transcriptions are in each state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TranscriptionCounts)]
struct Counts {
    /// They wait for their turn.
    queued: u64,
    /// One at a time.
    running: u64,
    /// There is text.
    done: u64,
    /// There will be none.
    failed: u64,
    /// They wait for an engine.
    no_engine: u64,
}

/// What speaks and what listens, what is missing and why, and how long the queue is.
#[utoipa::path(get, path = "/system/speech", tag = "system", operation_id = "get_speech",
    responses((status = 200, description = "What speaks and what listens", body = Shown), openapi::Reading))]
async fn speech(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<Shown>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let report = api.about.speech.report().await;
    let TranscriptionCounts { queued, running, done, failed, no_engine } = report.transcriptions;
    Ok(Json(Shown {
        synthesizer: report.synthesizer.into(),
        transcriber: report.transcriber.into(),
        transcriptions: Counts { queued, running, done, failed, no_engine },
        cache_bytes: report.cache_bytes,
    }))
}

impl From<EngineReport> for Engine {
    fn from(report: EngineReport) -> Self {
        let EngineReport { state, engine, languages, why } = report;
        let state = match state {
            EngineState::Found => "found",
            EngineState::Missing => "missing",
        };
        Self { state, engine, languages, why }
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(speech))
}
