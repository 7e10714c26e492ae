//! The binary `trunkline`: reads the command line and does what it says.

mod assemble;
mod banner;
mod call_path;
mod cli;
mod client;
mod config;
mod desk;
mod errands;
mod failure;
mod http;
mod https;
mod local;
mod mailroom;
mod open_files;
mod out;
mod port_holder;
mod recordings;
#[cfg(test)]
mod reference;
mod serve;
mod shutdown;
mod step_tester;
mod telemetry;
mod tls;
mod token_key;
mod vouching;
mod waking;
mod web_socket;

use std::process::ExitCode;

use clap::Parser;

/// Records and events are made on shard threads and freed in the office, which the system's allocator pays for
/// with locks; measured in docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let words = failure.to_string();
            if !words.is_empty() {
                out::note(&format!("trunkline: {words}"));
            }
            failure.exit_code()
        }
    }
}
