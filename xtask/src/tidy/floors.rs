//! The floors: which crate may depend on which, read from `cargo metadata`.
//!
//! `wire → proto → core → host`, with `test` and `xtask` beside. Dependencies of tests are free;
//! so is what a borrowed crate depends on.

use serde_json::Value;

use super::Finding;

/// What a crate may import of the workspace, by its folder; a trailing `/` allows a whole floor.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("wire/", &[]),
    ("proto/sip-stack", &["wire/sip-msg"]),
    ("proto/codec", &["wire/rtp"]),
    ("proto/webrtc", &["wire/stun", "proto/srtp"]),
    ("proto/media", &["wire/rtp", "wire/sdp", "wire/stun", "proto/codec", "proto/srtp", "proto/webrtc"]),
    ("proto/srtp", &[]),
    ("core/registrar", &["wire/sip-msg", "proto/sip-stack"]),
    ("core/peering", &["wire/sip-msg", "proto/sip-stack"]),
    ("core/routing", &["wire/sip-msg", "core/registrar"]),
    ("core/callflow", &[]),
    ("core/guard", &[]),
    ("core/presence", &[]),
    ("core/b2bua", &["wire/", "proto/", "core/callflow", "core/registrar", "core/routing"]),
    ("core/engine", &["wire/", "proto/", "core/"]),
    ("host/certificates", &[]),
    (
        "host/net",
        &[
            "wire/",
            "proto/",
            "core/registrar",
            "core/routing",
            "core/engine",
            "host/certificates",
            "host/uring",
        ],
    ),
    ("host/uring", &[]),
    ("host/mail", &["core/routing", "host/store"]),
    ("host/outside", &[]),
    ("host/push", &["host/outside"]),
    ("host/speech", &["proto/codec", "host/outside", "host/store"]),
    ("host/stir", &["core/routing", "host/certificates"]),
    ("host/store", &["wire/", "core/registrar", "core/routing", "core/engine"]),
    ("host/webhooks", &["host/outside", "host/store"]),
    (
        "host/api",
        &[
            "wire/",
            "proto/codec",
            "core/callflow",
            "core/routing",
            "core/engine",
            "host/certificates",
            "host/outside",
            "host/speech",
            "host/stir",
            "host/store",
        ],
    ),
    ("host/server", &["wire/", "proto/", "core/", "host/"]),
    ("test/", &["wire/", "proto/", "core/", "host/", "test/"]),
    ("xtask", &[]),
];

/// A point in time as a value is everybody's.
const FOR_ALL: &str = "wire/timestamp";

/// Borrowed crates that bring a clock, a socket, a thread, a task or a random source.
const NOT_BELOW_HOST: &[&str] = &[
    "async-trait",
    "axum",
    "chrono",
    "crossbeam",
    "fastrand",
    "futures",
    "futures-util",
    "getrandom",
    "hickory-resolver",
    "hyper",
    "io-uring",
    "jiff",
    "libc",
    "mio",
    "nix",
    "parking_lot",
    "rand",
    "rayon",
    "reqwest",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "time",
    "tokio",
    "tokio-stream",
    "tower",
    "tower-http",
    "tracing-subscriber",
];

const RULE: &str = "floors";

/// Checks every crate that `metadata` (the output of `cargo metadata --no-deps`) lists.
pub(crate) fn check(metadata: &str) -> Result<Vec<Finding>, String> {
    let metadata: Value =
        serde_json::from_str(metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let root = metadata["workspace_root"].as_str().ok_or("cargo metadata names no root")?;
    let mut findings = Vec::new();
    for package in list(&metadata["packages"]) {
        let manifest = inside(root, &package["manifest_path"]).ok_or("a crate outside the workspace")?;
        check_package(root, &manifest, package, &mut findings);
    }
    Ok(findings)
}

fn check_package(root: &str, manifest: &str, package: &Value, findings: &mut Vec<Finding>) {
    let folder = manifest.trim_end_matches("/Cargo.toml");
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(of, _)| within(folder, of)) else {
        let fix = "give it a row in xtask/src/tidy/floors.rs";
        findings.push(Finding::new(manifest, 1, RULE, format!("{folder} stands on no floor"), fix));
        return;
    };
    let below_host = ["wire/", "proto/", "core/"].iter().any(|floor| folder.starts_with(floor));
    for dependency in list(&package["dependencies"]) {
        if dependency["kind"].as_str() == Some("dev") {
            continue;
        }
        let name = dependency["name"].as_str().unwrap_or_default();
        match inside(root, &dependency["path"]) {
            Some(path) if path != FOR_ALL && !allowed.iter().any(|a| within(&path, a)) => {
                let fix =
                    "see the table of floors in ARCHITECTURE.md; turn the dependency round or move the code";
                findings.push(Finding::new(
                    manifest,
                    1,
                    RULE,
                    format!("{folder} may not import {path}"),
                    fix,
                ));
            }
            None if below_host && NOT_BELOW_HOST.contains(&name) => {
                let fix = "pass in what it needs, or do it in host/";
                findings.push(Finding::new(manifest, 1, RULE, format!("{name} below host/"), fix));
            }
            _ => {}
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The path relative to the root, if it is inside.
fn inside(root: &str, path: &Value) -> Option<String> {
    Some(path.as_str()?.strip_prefix(root)?.trim_start_matches('/').to_owned())
}

fn within(folder: &str, allowed: &str) -> bool {
    if allowed.ends_with('/') { folder.starts_with(allowed) } else { folder == allowed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(folder: &str, dependencies: &str) -> Vec<String> {
        let metadata = format!(
            r#"{{"workspace_root":"/w","packages":[{{"manifest_path":"/w/{folder}/Cargo.toml","dependencies":[{dependencies}]}}]}}"#
        );
        check(&metadata).expect("well-formed").into_iter().map(|finding| finding.what).collect()
    }

    fn local(folder: &str) -> String {
        format!(r#"{{"name":"x","kind":null,"path":"/w/{folder}"}}"#)
    }

    fn borrowed(name: &str, kind: &str) -> String {
        format!(r#"{{"name":"{name}","kind":{kind}}}"#)
    }

    #[test]
    fn down_and_allowed_is_fine() {
        assert!(findings("core/registrar", &local("proto/sip-stack")).is_empty());
        assert!(findings("wire/rtp", &local("wire/timestamp")).is_empty());
        assert!(findings("host/net", &borrowed("tokio", "null")).is_empty());
    }

    #[test]
    fn upwards_and_sideways_is_found() {
        assert_eq!(findings("wire/rtp", &local("wire/sdp")), ["wire/rtp may not import wire/sdp"]);
        assert_eq!(
            findings("proto/media", &local("core/engine")),
            ["proto/media may not import core/engine"]
        );
        assert_eq!(
            findings("core/routing", &local("core/b2bua")),
            ["core/routing may not import core/b2bua"]
        );
    }

    #[test]
    fn a_runtime_below_host_is_found_but_not_in_tests() {
        assert_eq!(findings("core/engine", &borrowed("tokio", "null")), ["tokio below host/"]);
        assert_eq!(findings("core/engine", &borrowed("getrandom", "\"build\"")), ["getrandom below host/"]);
        assert!(findings("core/engine", &borrowed("tokio", "\"dev\"")).is_empty());
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(findings("core/novel", ""), ["core/novel stands on no floor"]);
    }
}
