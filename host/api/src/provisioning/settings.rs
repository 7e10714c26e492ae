//! What a phone is told: where to connect, who it is, a pass for a while, ICE servers.

use core::time::Duration;

use engine::PassKey;
use routing::config::{Connection, Domain};
use serde::Serialize;
use store::{Store, now, rfc3339};
use timestamp::Timestamp;
use utoipa::ToSchema;

use super::turn;
use crate::About;

/// How a phone signs in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sign {
    /// What people call it.
    pub(crate) name: String,
    /// SIP user.
    pub(crate) user: String,
    /// Host of its address.
    pub(crate) domain: String,
    /// Its address, `sip:USER@DOMAIN`.
    #[schema(example = "sip:alice@sip.example.com")]
    pub(crate) uri: String,
    /// User name in the digest.
    pub(crate) auth_user: String,
    /// A password made for this reply. A new password of the connection ends it at once.
    pub(crate) password: String,
    /// Realm of the digest.
    pub(crate) realm: String,
    /// Until when the password is good.
    pub(crate) expires_at: String,
    #[serde(skip)]
    until: Timestamp,
    /// Seconds after which to ask again. The registration and calls go on with the new password.
    pub(crate) renew_after_s: u64,
    /// Seconds to register for.
    pub(crate) register_expires_s: u32,
}

/// Everything a phone in a browser needs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PhoneSettings)]
pub(crate) struct Settings {
    /// Its connection.
    pub(crate) connection: String,
    #[serde(flatten)]
    pub(crate) sign: Sign,
    /// Where SIP goes, subprotocol `sip` (RFC 7118).
    #[schema(example = "wss://pbx.example.com:8443/sip")]
    pub(crate) websocket_url: String,
    /// What to give to RTCPeerConnection.
    pub(crate) ice: IceSettings,
    /// How a page that is closed is woken.
    pub(crate) push: PushSettings,
    /// Codecs in order of preference.
    pub(crate) codecs: Vec<String>,
    /// How digits travel.
    #[schema(example = "auto")]
    pub(crate) dtmf: String,
}

/// How a page that is closed is woken (RFC 8599): its Contact has `pn-provider` and, as `pn-prid`, the address that its
/// browser subscribed at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PushSettings {
    /// For `pn-provider`.
    #[schema(example = "webpush")]
    provider: &'static str,
    /// The `applicationServerKey` to subscribe with (RFC 8292), in base64url.
    vapid: String,
}

/// ICE servers, in the words of RTCPeerConnection.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IceSettings {
    /// STUN and TURN servers.
    #[serde(rename = "iceServers")]
    ice_servers: Vec<IceServerSettings>,
}

/// One ICE server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IceServerSettings)]
struct IceServerSettings {
    /// `stun:HOST:PORT`, `turn:HOST:PORT?transport=udp`, …
    urls: Vec<String>,
    /// User at a TURN server; where a secret is shared with it, good as long as the password of SIP.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Password there.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

impl Sign {
    /// A pass for this connection, good for so long.
    pub(crate) fn of(row: &Connection, domain: &Domain, key: &PassKey, lifetime: Duration) -> Self {
        let until = now() + lifetime;
        let salt = store::random_text(SALT).bytes().fold(0, |salt, byte| salt << 5 | u32::from(byte & 31));
        let pass = key.make(row, until, salt);
        let user = row.user.clone().unwrap_or_default();
        Self {
            name: row.name.clone(),
            uri: format!("sip:{}@{}", engine::escape_user(&user), domain.host),
            user,
            domain: domain.host.clone(),
            auth_user: pass.auth_user,
            password: pass.password,
            realm: domain.realm.clone(),
            expires_at: rfc3339(until),
            until,
            renew_after_s: lifetime.as_secs() / 2,
            register_expires_s: REGISTER_EXPIRES_S,
        }
    }
}

impl Settings {
    /// For a browser that reaches us at this WebSocket.
    pub(crate) fn of(
        row: &Connection,
        sign: Sign,
        websocket_url: String,
        (about, store): (&About, &Store),
    ) -> Self {
        let servers = row.media.ice.servers.iter().map(|server| {
            let secret = server.secret.as_ref().and_then(|text| store.open_text(row.account.as_str(), text));
            let (username, credential) =
                match secret.map(|secret| turn::login(&secret, &sign.user, sign.until)) {
                    Some((username, credential)) => (Some(username), Some(credential)),
                    None => (server.username.clone(), server.credential.clone()),
                };
            IceServerSettings { urls: server.urls.clone(), username, credential }
        });
        let dtmf = serde_json::to_value(row.media.dtmf).ok();
        Self {
            connection: row.id.to_string(),
            ice: IceSettings { ice_servers: servers.collect() },
            push: PushSettings { provider: engine::WEB_PUSH, vapid: about.push_key.clone() },
            sign,
            websocket_url,
            codecs: row.media.codecs.clone(),
            dtmf: dtmf.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default(),
        }
    }
}

/// A browser comes back soon after its network has changed, whatever this is.
const REGISTER_EXPIRES_S: u32 = 300;
/// Symbols of five bits, 32 of them.
const SALT: usize = 7;
