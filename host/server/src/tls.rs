//! Certificates while the server runs: what is presented, and reading the files again when they change.

use std::sync::Arc;
use std::time::Duration;

use certificates::{Entry, OwnNames, Shelf, Trust};
use net::shard_loop::TlsSetup;
use stir::Keyring;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::resolved::Config;
use crate::failure::Failure;

/// Reads the folder of certificates; makes our own when there is none.
pub(crate) fn open(config: &Config) -> Result<TlsSetup, Failure> {
    let shelf = Shelf::open(&config.data, own_names(config), config.certificate.clone());
    let shelf = Arc::new(shelf.map_err(|problem| {
        let place = if config.certificate.is_some() { "--tls-cert, --tls-key" } else { "certificates" };
        Failure::Failed(format!("{place}: {problem}"))
    })?);
    report(&shelf.entries());
    let trust = Arc::new(Trust::open(Arc::clone(&shelf)));
    Ok(TlsSetup { shelf, trust })
}

/// Looks every few seconds whether a file has changed, and reads all of them again on SIGHUP.
pub(crate) async fn watch(tls: TlsSetup, keyring: Arc<Keyring>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    loop {
        let all = tokio::select! {
            _ = ticks.tick() => false,
            _ = hangup.recv() => true,
        };
        let (tls, keyring) = (tls.clone(), Arc::clone(&keyring));
        let looked = tokio::task::spawn_blocking(move || {
            let found = if all { Some(tls.shelf.reload()) } else { tls.shelf.look() };
            if found.is_some() {
                tls.trust.reload();
                for problem in keyring.reload() {
                    tracing::warn!(%problem, "a key for caller ids cannot be used");
                }
            }
            found
        });
        if let Ok(Some(entries)) = looked.await {
            tracing::info!(certificates = entries.len(), "certificates were read again");
            report(&entries);
        }
    }
}

fn report(entries: &[Entry]) {
    for entry in entries {
        if let Some(problem) = &entry.problem {
            tracing::warn!(certificate = %entry.name, %problem, "a certificate needs a look");
        }
    }
}

/// What our own certificate is made for: names that phones and browsers reach us by.
fn own_names(config: &Config) -> OwnNames {
    let mut hosts = vec![config.base_domain.clone(), format!("sip.{}", config.base_domain)];
    hosts.push("localhost".to_owned());
    let host = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if !host.is_empty() && host.bytes().all(plain) {
        hosts.push(host);
    }
    let mut seen = std::collections::BTreeSet::new();
    hosts.retain(|host| seen.insert(host.clone()));
    let mut addresses = net::shard_loop::own_addresses(config.media.public_ip);
    addresses.sort_unstable();
    addresses.dedup();
    OwnNames { hosts, addresses }
}

const LOOK_EVERY: Duration = Duration::from_secs(5);
