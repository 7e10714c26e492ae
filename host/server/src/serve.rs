//! `trunkline serve`: configuration, assembly, banner, and the wait for a signal.

use crate::assemble::Assembled;
use crate::cli::{Globals, Serve};
use crate::failure::Failure;
use crate::{assemble, config, open_files, out, shutdown, telemetry};

/// Our version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the server until a signal ends it.
pub(crate) fn run(globals: &Globals, serve: &Serve) -> Result<(), Failure> {
    for name in config::unknown_variables() {
        out::note(&format!("note: {name} is not a known variable"));
    }
    let found = config::find(&globals.data, serve.config.as_deref(), &serve.options)?;
    let config = found.resolve()?;
    telemetry::start(&config.log).map_err(Failure::Failed)?;
    let open_files = open_files::raise();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(OFFICE_THREADS)
        .thread_name("office")
        .enable_all()
        .build()
        .map_err(|fault| Failure::Failed(format!("no event loop: {fault}")))?;
    runtime.block_on(async {
        let signals = shutdown::Signals::listen()?;
        let assembled: Assembled = assemble::assemble(&config).await?;
        let banner = assembled.banner(&config, &found, open_files).await?;
        tracing::info!(version = VERSION, "ready");
        banner.print();
        shutdown::wait(assembled, signals, config.drain_s).await
    })
}

/// The office: API, storage, DNS. Calls have threads of their own.
const OFFICE_THREADS: usize = 2;
