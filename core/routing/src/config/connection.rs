//! A connection: the one noun. Anything that can be dialled and can make calls.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{AccountId, ConnectionId, Credential, DomainId, FlowId, Limits, MailboxId, OutwardSecret, Stir};

/// A phone, a PBX, a carrier, or a user without a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Identifier, `con_…`; sorts by age.
    pub id: ConnectionId,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Disabled: 403 from it, 480 to it.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Owner.
    pub account: AccountId,
    /// The registrar domain its user lives in.
    #[serde(default)]
    pub domain: Option<DomainId>,
    /// Free labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Free text.
    #[serde(default)]
    pub notes: String,
    /// SIP user name, unique in its domain.
    #[serde(default)]
    pub user: Option<String>,
    /// User name in the digest, when it differs from `user`.
    #[serde(default)]
    pub auth_user: Option<String>,
    /// DNS label of the trunk's own host.
    #[serde(default)]
    pub trunk_name: Option<String>,
    /// Former trunk names that still lead here.
    #[serde(default)]
    pub trunk_aliases: Vec<String>,
    /// Where a trunk is reached.
    #[serde(default)]
    pub peers: Vec<Peer>,
    /// How we register there, when we do.
    #[serde(default)]
    pub register: Register,
    /// Transports a device may register over; empty means all.
    #[serde(default)]
    pub transports: Vec<Transport>,
    /// Addresses it may call from.
    #[serde(default)]
    pub allowed_sources: Vec<IpNet>,
    /// What those addresses prove.
    pub ip_policy: IpPolicy,
    /// Where calls from it go that match neither a number nor a user.
    #[serde(default)]
    pub default_target: Option<Target>,
    /// Whether its calls may leave by a dial pattern.
    pub may_call_out: bool,
    /// Called numbers that may leave by it; absent means none.
    #[serde(default)]
    pub dial_pattern: Option<String>,
    /// Rank among ways out, lowest first.
    #[serde(default = "hundred")]
    pub order: i32,
    /// Who may leave by it; empty means all of the account that may call out.
    #[serde(default)]
    pub used_by: Vec<ConnectionId>,
    /// Accounts that may use it besides its own; `*` means all.
    #[serde(default)]
    pub offered_to: Vec<String>,
    /// What happens when it fails.
    #[serde(default)]
    pub on_failure: FailurePolicy,
    /// Further final codes after which the next target is tried.
    #[serde(default)]
    pub hunt_on: Vec<u16>,
    /// Where the called number stands in its requests.
    #[serde(default)]
    pub did_in: DidIn,
    /// Whether its identity headers are believed.
    pub trust_identity: bool,
    /// Number formats in each direction.
    #[serde(default)]
    pub number_format: NumberFormats,
    /// Rewriting of called numbers that come from it.
    #[serde(default)]
    pub rewrite_from: Rewrite,
    /// Rewriting of called numbers that go to it.
    #[serde(default)]
    pub rewrite_to: Rewrite,
    /// Caller ids it may present; empty means the numbers that target it.
    #[serde(default)]
    pub caller_ids: Vec<String>,
    /// Caller id used when another is not allowed.
    #[serde(default)]
    pub default_caller_id: Option<String>,
    /// What happens to a caller id that is not allowed.
    pub on_bad_caller_id: CallerIdFault,
    /// Its limits.
    #[serde(default)]
    pub limits: Limits,
    /// What happens when it is dialled.
    #[serde(default)]
    pub dialled: Dialled,
    /// Media settings.
    #[serde(default)]
    pub media: MediaProfile,
    /// Signalling timers.
    #[serde(default)]
    pub timers: Timers,
    /// Probing by OPTIONS.
    #[serde(default)]
    pub probe: Probe,
    /// TLS with its peers.
    #[serde(default)]
    pub tls: TlsSettings,
    /// What happens to headers that pass through.
    #[serde(default)]
    pub headers: HeaderRules,
    /// Signed caller ids.
    #[serde(default)]
    pub stir: Stir,
    /// Which members of number_format, media and timers it sets itself, by path; absent: from before there
    /// was anything to inherit.
    #[serde(default)]
    pub own: Option<Vec<String>>,
    /// Which of them it has from its account, by path.
    #[serde(default)]
    pub inherited: Vec<String>,
    /// Proofs that it is who it says; never serialised.
    #[serde(skip)]
    pub credentials: Vec<Credential>,
    /// What we answer its challenges with; never serialised.
    #[serde(skip)]
    pub outward: Option<OutwardSecret>,
}

impl Connection {
    /// The users it goes by in its domain: its own, and of a PBX that registers here those of its credentials.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        let current = self.credentials.iter().filter(|c| self.kind == Kind::RegisterIn && c.until.is_none());
        self.user.as_deref().into_iter().chain(current.map(|c| c.user.as_str()))
    }
}

/// Rules for headers that pass through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderRules {
    /// Names that never pass, in either direction.
    pub strip: Vec<String>,
}

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A phone, softphone or browser registers here.
    Device,
    /// No device; its dialled action is all it is.
    Virtual,
    /// A PBX registers here.
    RegisterIn,
    /// We register there.
    RegisterOut,
    /// Fixed addresses, no registration.
    Trunk,
}

/// One address of a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Host name or address.
    pub host: String,
    /// Port; absent means by DNS, else the transport's default.
    #[serde(default)]
    pub port: Option<u16>,
    /// Transport.
    #[serde(default)]
    pub transport: Transport,
    /// Rank, lowest first.
    #[serde(default)]
    pub priority: u16,
    /// Share among equals.
    #[serde(default)]
    pub weight: u16,
}

/// How we register elsewhere (RFC 3261 §10.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Register {
    /// Where REGISTER and calls go instead of to the peers: host, `host:port` or a URI.
    pub outbound_proxy: Option<String>,
    /// User part of our Contact; absent means a generated one.
    pub contact_user: Option<String>,
    /// Seconds asked for.
    pub expires_s: u32,
    /// Seconds before the first new attempt after a failure.
    pub retry_min_s: u32,
    /// The longest wait between attempts, in seconds.
    pub retry_max_s: u32,
}

/// A SIP transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// Stream.
    Tcp,
    /// Stream under TLS.
    Tls,
    /// Of a peer only: as NAPTR and SRV say (RFC 3263 §4.1).
    Auto,
    /// WebSocket.
    Ws,
    /// WebSocket under TLS.
    Wss,
}

/// What a source address proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IpPolicy {
    /// A condition besides another proof.
    Filter,
    /// The address is the proof.
    Authenticate,
    /// Either the address or digest.
    Either,
}

/// Who rings: a connection or a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// Dial this connection.
    Connection(ConnectionId),
    /// Run this flow.
    Flow(FlowId),
}

/// What happens after a way out failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// Try the next.
    #[default]
    Next,
    /// Give up.
    Stop,
}

/// Where the called number stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DidIn {
    /// User part of the Request-URI.
    #[default]
    RequestUri,
    /// User part of To.
    To,
    /// User part of P-Called-Party-ID.
    PCalledParty,
    /// Contact that we registered.
    Contact,
}

/// Number formats of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NumberFormats {
    /// What numbers from it look like.
    pub from: NumberFormat,
    /// What numbers to it must look like; `auto` means `e164_plus`.
    pub to: NumberFormat,
}

/// One number format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NumberFormat {
    /// +E.164, 00 or 011, E.164 without +, or national of the account's country.
    #[default]
    Auto,
    /// `+4930…` and nothing else.
    E164Plus,
    /// `4930…`.
    E164,
    /// National of the given country.
    National(String),
    /// As it is.
    Raw,
}

/// Digits taken from and put in front of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rewrite {
    /// Leading digits to remove when present.
    pub strip: String,
    /// Digits to put in front.
    pub prefix: String,
}

/// What happens to a caller id that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerIdFault {
    /// 403.
    Refuse,
    /// The default caller id instead.
    Replace,
}

/// What happens when a connection is dialled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dialled {
    /// Ring it, or run a flow.
    pub action: DialAction,
    /// The flow, when the action says so.
    pub flow: Option<FlowId>,
    /// Seconds it rings.
    pub ring_s: u32,
    /// Whether calls that nobody takes leave a message; absent: those of devices and virtual connections do.
    pub voicemail: Option<bool>,
    /// Where they leave it; absent: in the mailbox that is made for it at the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<MailboxId>,
    /// Who answers when it cannot be reached.
    pub failover: Option<Target>,
}

/// Bridge to the device, or run a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialAction {
    /// Ring the registered device.
    #[default]
    Bridge,
    /// Run the attached flow.
    Flow,
}

/// Media settings of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaProfile {
    /// Codecs in order of preference.
    pub codecs: Vec<String>,
    /// Encryption.
    pub srtp: Srtp,
    /// How digits travel.
    pub dtmf: DtmfMode,
    /// Whether media passes through us.
    pub mode: MediaMode,
    /// Seconds without packets after which a call ends; 0 turns it off.
    pub inactivity_s: u32,
    /// Whether the source of packets is believed over the SDP, and of requests over the Contact.
    pub nat: Latching,
    /// Address put into SDP instead of ours.
    pub advertise: Option<std::net::IpAddr>,
    /// Whether codecs may be converted.
    pub transcode: Transcode,
    /// What whoever it puts on hold hears: `melody`, `none`, a sound or an address; absent for what its kind has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_music: Option<String>,
    /// What phones in browsers are told of servers that help to find a way.
    pub ice: Ice,
}

/// ICE as phones in browsers are to use it (RFC 8445); servers of others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ice {
    /// STUN and TURN servers.
    pub servers: Vec<IceServer>,
}

/// One STUN or TURN server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IceServer {
    /// Its addresses, RFC 7064 and RFC 7065.
    pub urls: Vec<String>,
    /// User at a TURN server.
    pub username: Option<String>,
    /// Password there, which every phone is told.
    pub credential: Option<String>,
    /// A secret shared with a TURN server, sealed: each phone is told a user and a password for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Media encryption of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Srtp {
    /// By contact and transport.
    #[default]
    Auto,
    /// Never.
    Off,
    /// Offered, not demanded (RFC 8643).
    SdesOptional,
    /// Demanded (RFC 4568).
    Sdes,
    /// Demanded (RFC 5763).
    Dtls,
}

/// How digits travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DtmfMode {
    /// As negotiated.
    #[default]
    Auto,
    /// telephone-event.
    Rfc4733,
    /// INFO requests.
    Info,
    /// Tones in the audio.
    Inband,
}

/// Whether media passes through us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaMode {
    /// Through us.
    #[default]
    Relay,
    /// Between the peers, when both legs say so.
    Bypass,
}

/// Whether the observed source is believed over what was declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latching {
    /// When the declaration looks wrong.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether codecs may be converted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transcode {
    /// When no codec is common.
    #[default]
    Auto,
    /// Never.
    Never,
}

/// Signalling timers of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timers {
    /// Session-Expires (RFC 4028).
    pub session_expires_s: u32,
    /// Min-SE (RFC 4028).
    pub min_se_s: u32,
    /// Seconds without any provisional answer after which the next target is tried.
    pub no_provisional_s: u32,
}

/// Probing of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// Seconds between OPTIONS; 0 turns it off.
    pub options_s: u32,
    /// Failures in a row after which it counts as down.
    pub fail_after: u32,
}

/// TLS with the peers of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// Whether a peer that we call must have a valid certificate with the host's name.
    pub verify: bool,
    /// Authorities in PEM that are believed for this connection, instead of those that everybody may rely on.
    pub ca: Option<std::sync::Arc<str>>,
    /// Whether requests from it must come over TLS with a certificate that names one of its peers.
    pub require_client_certificate: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { verify: true, ca: None, require_client_certificate: false }
    }
}

impl Default for Dialled {
    fn default() -> Self {
        Self {
            action: DialAction::Bridge,
            flow: None,
            ring_s: 30,
            voicemail: None,
            mailbox: None,
            failover: None,
        }
    }
}

impl Default for MediaProfile {
    fn default() -> Self {
        Self {
            codecs: ["opus", "g722", "pcma", "pcmu"].map(str::to_owned).to_vec(),
            srtp: Srtp::Auto,
            dtmf: DtmfMode::Auto,
            mode: MediaMode::Relay,
            inactivity_s: 60,
            nat: Latching::Auto,
            advertise: None,
            transcode: Transcode::Auto,
            hold_music: None,
            ice: Ice::default(),
        }
    }
}

impl Default for Register {
    fn default() -> Self {
        Self { outbound_proxy: None, contact_user: None, expires_s: 300, retry_min_s: 5, retry_max_s: 300 }
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self { session_expires_s: 1800, min_se_s: 90, no_provisional_s: 5 }
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self { options_s: 30, fail_after: 3 }
    }
}

impl Serialize for NumberFormat {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::E164Plus => serializer.serialize_str("e164_plus"),
            Self::E164 => serializer.serialize_str("e164"),
            Self::National(country) => serializer.collect_str(&format_args!("national:{country}")),
            Self::Raw => serializer.serialize_str("raw"),
        }
    }
}

impl<'de> Deserialize<'de> for NumberFormat {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "e164_plus" => Ok(Self::E164Plus),
            "e164" => Ok(Self::E164),
            "raw" => Ok(Self::Raw),
            other => match other.strip_prefix("national:") {
                Some(country) if country.len() == 2 => Ok(Self::National(country.to_ascii_uppercase())),
                _ => Err(serde::de::Error::custom("one of auto, e164_plus, e164, national:CC, raw")),
            },
        }
    }
}

fn yes() -> bool {
    true
}

fn hundred() -> i32 {
    100
}
