//! The fields of a connection: names, shapes, words and the kinds they belong to.

use routing::config::Kind;

use crate::shape::{Field, Shape};
use crate::validate::limits::LIMITS;

/// The bit of a kind in [`Field::kinds`].
pub(crate) const fn bit(kind: Kind) -> u8 {
    match kind {
        Kind::Device => 1,
        Kind::Virtual => 2,
        Kind::RegisterIn => 4,
        Kind::RegisterOut => 8,
        Kind::Trunk => 16,
    }
}

const DEVICE: u8 = bit(Kind::Device);
/// Kinds with a peer that calls arrive from and leave by.
const PEERS: u8 = bit(Kind::RegisterIn) | bit(Kind::RegisterOut) | bit(Kind::Trunk);
/// Kinds that we reach at addresses of theirs.
const REACHED: u8 = bit(Kind::RegisterOut) | bit(Kind::Trunk);
const NAMED: u8 = DEVICE | bit(Kind::Virtual) | REACHED;

/// Every kind of connection there is a word for.
pub(crate) const KINDS: &[&str] = &["device", "virtual", "register_in", "register_out", "trunk"];

/// Every field of a connection.
pub(crate) const FIELDS: &[Field] = &[
    Field::read_only("id", ID, "identifier, con_…; sorts by age"),
    Field::open("name", Shape::Text(1, 200), "what people call it"),
    Field::fixed(
        "kind",
        Shape::Choice(KINDS),
        "device: a phone registers here; virtual: a user without a device; register_in: a PBX registers here; \
         register_out: we register there; trunk: fixed addresses, no registration",
    ),
    Field::open("enabled", Shape::Boolean, "disabled: 403 from it, 480 to it [true]"),
    Field::fixed("account", ID, "owner: an id or a name [the key's account; main for an admin key]"),
    Field::open("domain", ID, "registrar domain of its user: an id or a host [the account's first]"),
    Field::open("tags", Shape::List(&Shape::Text(1, 100), 100), "free labels"),
    Field::open("notes", Shape::Prose(10_000), "free text"),
    Field::open(
        "user",
        Shape::Text(1, 128),
        "SIP user, unique in its domain; of a trunk: user name at the peer",
    )
    .of(NAMED),
    Field::open("auth_user", Shape::Text(1, 128), "user name in the digest, where it differs [user]")
        .of(NAMED),
    Field::secret(
        "password",
        Shape::Text(1, 256),
        "without one a device cannot register or call but can be dialled; never shown",
    )
    .of(NAMED),
    Field::read_only(
        "credentials",
        Shape::List(&Shape::Object(CREDENTIAL), 2),
        "users and generated passwords it registers with: primary and secondary",
    )
    .of(bit(Kind::RegisterIn)),
    Field::read_only(
        "peer_config_url",
        Shape::Text(1, 500),
        "in replies that make or set a password: the configuration of the other end with it, for 15 minutes and \
         without a key; add &for=asterisk or another",
    ),
    Field::open("trunk_name", Shape::Text(1, 63), "DNS label of its own host [made from name]").of(PEERS),
    Field::read_only("trunk_aliases", Shape::List(&ID, 1_000), "former trunk names that still lead here")
        .of(PEERS),
    Field::read_only("host", Shape::Text(1, 253), "its own host; address calls to this one").of(PEERS),
    Field::open("peers", Shape::List(&Shape::Object(PEER), 64), "where it is reached").of(REACHED),
    Field::open("register", Shape::Object(REGISTER), "how we register there").of(bit(Kind::RegisterOut)),
    Field::open("transports", Shape::List(&Shape::Choice(TRANSPORTS), 5), "where it may register [all]")
        .of(DEVICE),
    Field::open(
        "allowed_sources",
        Shape::List(&Shape::Network, 1_000),
        "addresses or networks it may call from",
    ),
    Field::open(
        "ip_policy",
        Shape::Choice(&["filter", "authenticate", "either"]),
        "filter: a condition besides another proof; authenticate: the address is the proof; either [trunk: authenticate, else filter]",
    ),
    Field::open(
        "default_target",
        Shape::Target,
        "who gets calls from it that match neither a number nor a user",
    )
    .of(PEERS),
    Field::open(
        "may_call_out",
        Shape::Boolean,
        "whether its calls may leave by a dial pattern [device: true]",
    ),
    Field::open(
        "dial_pattern",
        Shape::Text(1, 1_000),
        "called numbers that may leave by it: an unanchored regular expression; . is everything [none]",
    )
    .of(PEERS),
    Field::open("order", Shape::Integer(0, 1_000_000), "rank among ways out, lowest first [100]").of(PEERS),
    Field::open(
        "used_by",
        Shape::List(&ID, 10_000),
        "connections that may leave by it [all that may call out]",
    )
    .of(PEERS),
    Field::open(
        "offered_to",
        Shape::List(&ID, 10_000),
        "accounts that may leave by it, or *; instance admins only",
    )
    .of(PEERS),
    Field::open("on_failure", Shape::Choice(&["next", "stop"]), "what happens when it fails [next]")
        .of(PEERS),
    Field::open(
        "hunt_on",
        Shape::List(&Shape::Integer(300, 699), 100),
        "further codes after which the next way is tried",
    )
    .of(PEERS),
    Field::open(
        "did_in",
        Shape::Choice(&["request_uri", "to", "p_called_party", "contact"]),
        "where the called number stands [request_uri]",
    )
    .of(bit(Kind::RegisterIn) | bit(Kind::RegisterOut)),
    Field::open("trust_identity", Shape::Boolean, "whether its identity headers are believed [false]"),
    Field::open("number_format", Shape::Object(NUMBER_FORMAT), "forms of numbers in each direction"),
    Field::open("rewrite_from", Shape::Object(REWRITE), "digits changed in called numbers that come from it"),
    Field::open("rewrite_to", Shape::Object(REWRITE), "digits changed in called numbers that go to it"),
    Field::open(
        "caller_ids",
        Shape::List(&Shape::Text(1, 128), 10_000),
        "caller ids it may present [numbers that target it]",
    ),
    Field::open("default_caller_id", Shape::Text(1, 128), "caller id used when another is not allowed"),
    Field::open(
        "on_bad_caller_id",
        Shape::Choice(&["refuse", "replace"]),
        "refuse: 403 [device: replace, else refuse]",
    ),
    Field::open(
        "limits",
        Shape::Object(LIMITS),
        "its limits; null is unlimited [device: 8 at once; all: 4 hours]",
    ),
    Field::open("dialled", Shape::Object(DIALLED), "what happens when it is dialled"),
    Field::open("media", Shape::Object(MEDIA), "media settings"),
    Field::open("timers", Shape::Object(TIMERS), "signalling timers"),
    Field::open("probe", Shape::Object(PROBE), "probing by OPTIONS"),
    Field::open("tls", Shape::Object(TLS), "TLS with its peers").of(PEERS),
    Field::open("headers", Shape::Object(HEADERS), "headers that pass through"),
    Field::open("stir", Shape::Object(STIR), "signed caller ids, RFC 8224"),
    Field::read_only(
        "inherited",
        Shape::List(&Shape::Text(1, 128), 200),
        "members of number_format, media and timers that it has from its account",
    ),
    Field::read_only("status", Shape::Free, "what is known of it right now; see ConnectionStatus"),
    Field::read_only(
        "warnings",
        Shape::List(&Shape::Text(0, 1_000), 100),
        "what is allowed but deserves a look",
    ),
];

const ID: Shape = Shape::Text(1, 253);
const TRANSPORTS: &[&str] = &["udp", "tcp", "tls", "ws", "wss"];
const PEER_TRANSPORTS: &[&str] = &["auto", "udp", "tcp", "tls", "ws", "wss"];

const CREDENTIAL: &[Field] = &[
    Field::read_only("label", Shape::Choice(&["primary", "secondary"]), "which of the two"),
    Field::read_only("user", Shape::Text(1, 128), "SIP user, and user name in the digest"),
    Field::read_only(
        "password",
        Shape::Text(1, 256),
        "shown once: in the reply that made it, when it was created or rotated",
    ),
    Field::read_only(
        "previous_until",
        Shape::Text(1, 64),
        "until when the password before the last rotation is good",
    ),
];

const PEER: &[Field] = &[
    Field::open("host", Shape::Text(1, 253), "host name or address"),
    Field::open("port", Shape::Integer(1, 65_535), "port [by DNS, else of the transport]"),
    Field::open(
        "transport",
        Shape::Choice(PEER_TRANSPORTS),
        "transport; auto: as its NAPTR and SRV records say [udp]",
    ),
    Field::open("priority", Shape::Integer(0, 65_535), "rank, lowest first [0]"),
    Field::open("weight", Shape::Integer(0, 65_535), "share among equals [0]"),
];

pub(crate) const NUMBER_FORMAT: &[Field] = &[
    Field::open("from", Shape::NumberFormat, "what numbers from it look like [auto]"),
    Field::open("to", Shape::NumberFormat, "what numbers to it must look like [auto: e164_plus]"),
];

const REWRITE: &[Field] = &[
    Field::open("strip", Shape::Text(0, 32), "leading digits to remove when present"),
    Field::open("prefix", Shape::Text(0, 32), "digits to put in front"),
];

const DIALLED: &[Field] = &[
    Field::open("action", Shape::Choice(&["bridge", "flow"]), "ring it, or run a flow [bridge]"),
    Field::open("flow", ID, "the flow, when the action says so"),
    Field::open("ring_s", Shape::Integer(1, 600), "seconds it rings [30]"),
    Field::open(
        "voicemail",
        Shape::Boolean,
        "whether calls that nobody takes leave a message [true: device and virtual]",
    ),
    Field::open("mailbox", ID, "where they leave it [one of its own, made at the first message]"),
    Field::open("failover", Shape::Target, "who answers when it cannot be reached"),
];

pub(crate) const MEDIA: &[Field] = &[
    Field::open(
        "codecs",
        Shape::List(&Shape::Text(1, 32), 32),
        "codecs in order of preference [opus, g722, pcma, pcmu]",
    ),
    Field::open(
        "srtp",
        Shape::Choice(&["auto", "off", "sdes_optional", "sdes", "dtls"]),
        "encryption [auto]",
    ),
    Field::open("dtmf", Shape::Choice(&["auto", "rfc4733", "info", "inband"]), "how digits travel [auto]"),
    Field::open("mode", Shape::Choice(&["relay", "bypass"]), "whether media passes through us [relay]"),
    Field::open(
        "inactivity_s",
        Shape::Integer(0, 86_400),
        "seconds without packets after which a call ends; 0 is never [60]",
    ),
    Field::open(
        "nat",
        Shape::Choice(&["auto", "always", "never"]),
        "whether observed sources are believed [auto]",
    ),
    Field::open("advertise", Shape::Address, "address shown in SDP instead of ours"),
    Field::open("transcode", Shape::Choice(&["auto", "never"]), "whether codecs may be converted [auto]"),
    Field::open(
        "hold_music",
        Shape::Text(1, 1_024),
        "what whoever it puts on hold hears: melody, none, a sound or an address [melody: device and virtual; else what it \
         sends]",
    ),
    Field::open("ice", Shape::Object(ICE), "what phones in browsers are told for finding a way"),
];

const ICE: &[Field] =
    &[Field::open("servers", Shape::List(&Shape::Object(ICE_SERVER), 20), "STUN and TURN servers of others")];

const ICE_SERVER: &[Field] = &[
    Field::open(
        "urls",
        Shape::List(&Shape::Text(1, 300), 10),
        "stun:HOST:PORT, turn:HOST:PORT?transport=udp, turns:HOST:PORT, …",
    ),
    Field::open("username", Shape::Text(1, 500), "user at a TURN server"),
    Field::open(
        "credential",
        Shape::Text(1, 500),
        "password there; every phone is told, so it is shown here",
    ),
    Field::open(
        "secret",
        Shape::Text(1, 1_000),
        "instead of both: what is shared with a TURN server (coturn: static-auth-secret), so that each phone gets a user and a \
         password for a while; shown sealed, and taken like that",
    ),
];

pub(crate) const TIMERS: &[Field] = &[
    Field::open("session_expires_s", Shape::Integer(90, 86_400), "Session-Expires, RFC 4028 [1800]"),
    Field::open("min_se_s", Shape::Integer(90, 86_400), "Min-SE, RFC 4028 [90]"),
    Field::open(
        "no_provisional_s",
        Shape::Integer(1, 60),
        "seconds without an answer before the next target [5]",
    ),
];

const PROBE: &[Field] = &[
    Field::open("options_s", Shape::Integer(0, 86_400), "seconds between OPTIONS; 0 is off [30]"),
    Field::open("fail_after", Shape::Integer(1, 100), "failures in a row after which it is down [3]"),
];

const TLS: &[Field] = &[
    Field::open(
        "verify",
        Shape::Boolean,
        "whether a peer that we call needs a valid certificate with the host's name [true]",
    ),
    Field::open(
        "ca",
        Shape::Prose(100_000),
        "authorities in PEM that are believed for this connection [those of the system and of the trusted folder]",
    ),
    Field::open(
        "require_client_certificate",
        Shape::Boolean,
        "whether requests from it need a certificate that names one of its peers [false]",
    ),
];

const REGISTER: &[Field] = &[
    Field::open("outbound_proxy", Shape::Text(1, 253), "host, host:port or URI that everything goes to"),
    Field::open("contact_user", Shape::Text(1, 128), "user part of our Contact [generated]"),
    Field::open("expires_s", Shape::Integer(30, 86_400), "seconds asked for [300]"),
    Field::open("retry_min_s", Shape::Integer(1, 3_600), "seconds before the first new attempt [5]"),
    Field::open("retry_max_s", Shape::Integer(1, 86_400), "longest wait between attempts [300]"),
];

const HEADERS: &[Field] = &[Field::open(
    "strip",
    Shape::List(&Shape::Text(1, 100), 100),
    "names that never pass, in either direction",
)];

const STIR: &[Field] = &[
    Field::open(
        "sign",
        Shape::Boolean,
        "whether calls that leave by it are signed with the key of the caller's account [false]",
    ),
    Field::open(
        "verify",
        Shape::Choice(&["off", "note", "require"]),
        "signatures of calls from it pass unread, are judged for history, or have to be good [off]",
    ),
    Field::open("verstat", Shape::Boolean, "whether it is told the verdict, as verstat in From [false]"),
];
