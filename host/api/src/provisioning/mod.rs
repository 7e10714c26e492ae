//! Everything a phone needs to sign in, made when it asks: where to connect, who it is, a pass for a while, ICE servers
//! ([`settings`], [`turn`]); the same as a file that a softphone fetches ([`linphone`]), and as a picture to point a camera at ([`qr`]).
//!
//! A device is let in by its link: a key of the API whose only scope is that phone.

pub(crate) mod linphone;
pub(crate) mod qr;
pub(crate) mod settings;
mod turn;

use axum::http::HeaderMap;
use axum::http::header::HOST;

use crate::About;

/// The scope of a key that is the link of one connection.
pub(crate) fn scope(connection: &str) -> String {
    format!("{SCOPE}{connection}")
}

/// The connection that a scope is the link of.
pub(crate) fn linked(scope: &str) -> Option<&str> {
    scope.strip_prefix(SCOPE)
}

/// Where the caller reached us, as an origin: `https://pbx.example:8443`.
pub(crate) fn origin(about: &About, headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let first = || about.http.last().cloned().unwrap_or_default();
    let Some(host) = text(HOST.as_str()).filter(|host| is_host(host)) else { return first() };
    let listens = |scheme: &str| {
        about
            .http
            .iter()
            .any(|url| url.starts_with(scheme) && port(url) == port(&format!("{scheme}//{host}")))
    };
    let scheme = match text("x-forwarded-proto") {
        Some(told @ ("http" | "https")) => told,
        _ if listens("http:") => "http",
        _ => "https",
    };
    format!("{scheme}://{host}")
}

/// The same for a WebSocket that carries SIP.
pub(crate) fn web_socket(origin: &str) -> String {
    origin.replacen("http", "ws", 1) + "/sip"
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]_".contains(&b))
}

fn port(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://").or_else(|| url.split_once("//"))?;
    let usual = if scheme.starts_with("https") { "443" } else { "80" };
    let after = rest.rsplit_once(']').map_or(rest, |(_, after)| after);
    Some(after.rsplit_once(':').map_or(usual, |(_, port)| port))
}

const SCOPE: &str = "phone:";
