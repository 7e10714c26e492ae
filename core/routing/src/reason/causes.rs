//! What usually lies behind a reason, the likeliest first: for whoever reads `/reasons`, the documents or
//! `trunkline explain`.

use super::Reason;

impl Reason {
    /// Likely causes; none where the reason says it all.
    pub fn causes(self) -> &'static [&'static str] {
        CAUSES.iter().find(|(reason, _)| *reason == self).map_or(&[], |(_, causes)| causes)
    }

    /// The release that brought it.
    pub const fn since(self) -> &'static str {
        "0.1.0"
    }
}

const CAUSES: &[(Reason, &[&str])] = &[
    (
        Reason::WrongPassword,
        &[
            "the password on the device is an old one, or was mistyped",
            "the device has another name for authentication than for the user",
            "somebody tries passwords",
        ],
    ),
    (Reason::UnknownUser, &["the user is misspelled", "it lives in another domain", "a scanner tries names"]),
    (Reason::RealmMismatch, &["the device keeps the realm of another server"]),
    (
        Reason::TransportNotAllowed,
        &["the device fell back to another transport", "a line of the device is set to UDP or TCP"],
    ),
    (
        Reason::NonceReplayed,
        &["a device counts its requests wrongly", "recorded requests are sent again by somebody"],
    ),
    (Reason::FlowEnded, &["an outcome of the flow leads nowhere", "a sound or a web server that failed"]),
    (Reason::FlowNotPublished, &["the flow is still a draft"]),
    (Reason::FlowCircling, &["a sound that cannot be played leads back to itself"]),
    (Reason::Simultaneous, &["busy hour", "calls that a peer never ended", "somebody abuses the connection"]),
    (Reason::CallRate, &["a dialler runs", "a device repeats its call at once"]),
    (
        Reason::Country,
        &["countries.allow was never set and is the account's own country", "somebody abuses the connection"],
    ),
    (Reason::Prefix, &["a premium or satellite number", "the list of prefixes is narrower than meant"]),
    (Reason::CallsPerHour, &["busy hour", "somebody abuses the connection"]),
    (Reason::CallsPerDay, &["a busy day", "somebody abuses the connection"]),
    (Reason::CallsPerWeek, &["a busy week", "somebody abuses the connection"]),
    (Reason::FirstCall, &["a new customer or supplier abroad", "somebody abuses the connection"]),
    (
        Reason::CallerIdNotAllowed,
        &["the PBX presents an extension", "the number is presented in another form", "spoofing"],
    ),
    (Reason::NoCommonCodec, &["media.codecs was narrowed", "the peer has only codecs that we do not relay"]),
    (
        Reason::NotReachableSecurely,
        &["the callee registered over UDP or TCP", "the trunk's transport is not tls"],
    ),
    (
        Reason::StaysAsleep,
        &[
            "the device is off, or without a network",
            "its push service cannot be reached from here",
            "the page does not register when it is woken",
        ],
    ),
    (
        Reason::NoMedia,
        &[
            "a firewall drops UDP to our media ports",
            "the peer sent a private address and no packets",
            "the other side is muted without sending silence",
        ],
    ),
    (
        Reason::NoMediaPath,
        &[
            "a firewall drops UDP to our media ports",
            "our public address is not set, or is not the one that browsers reach",
            "the browser changed its network, was closed or sleeps",
        ],
    ),
    (Reason::OtherCertificate, &["a gateway between us and the browser", "somebody listens in"]),
    (
        Reason::OneWay,
        &[
            "a firewall drops UDP to our media ports",
            "the peer's router translates our address",
            "the peer is on hold",
        ],
    ),
    (Reason::MediaFromElsewhere, &["the peer is behind NAT", "the peer's media is relayed by another host"]),
    (Reason::Silence, &["the microphone is muted or missing", "a test without sound"]),
    (Reason::NoMediaPort, &["more calls than the range of ports holds"]),
    (Reason::NameNotFound, &["a misspelled host", "the name server does not answer"]),
    (
        Reason::NoAnswer,
        &["the address or port is wrong", "a firewall drops the requests or the answers", "the peer is down"],
    ),
    (Reason::ConnectionRefused, &["nothing listens at that port", "the peer wants another transport"]),
    (
        Reason::TlsFailed,
        &["the certificate has expired", "it names another host", "its issuer is not trusted"],
    ),
    (
        Reason::PeerWantsCredentials,
        &["user and password are not set", "the password is wrong", "the peer wants another auth_user"],
    ),
    (
        Reason::SourceNotAllowed,
        &[
            "the carrier added or moved an address",
            "the PBX has another public address since",
            "somebody else tries the trunk's host name",
        ],
    ),
    (
        Reason::NumberNotKnown,
        &["the number is not configured", "the carrier sends it somewhere else than in the Request-URI"],
    ),
    (
        Reason::NumberForm,
        &[
            "the peer leaves out the +, or sends 00 or the national form",
            "number_format.from is stricter than the peer",
            "the account has no country, so national numbers are not understood",
        ],
    ),
    (Reason::NoRoute, &["no dial_pattern matches", "the way out is disabled, or not for this caller"]),
    (Reason::Disabled, &["somebody disabled it on purpose", "it was created disabled"]),
    (
        Reason::DomainNotOurs,
        &[
            "a misspelled server on the device",
            "a name that leads here and is not configured as a domain",
            "our public address is not known: --public-ip",
            "a scanner",
        ],
    ),
    (Reason::UserNotKnown, &["a misspelled user", "the user lives in another domain"]),
    (
        Reason::NotRegistered,
        &[
            "the device is off",
            "its password is wrong; see the refused inbox",
            "its network drops the registration",
        ],
    ),
    (Reason::NobodyAnswered, &["ring_s is shorter than somebody needs"]),
    (Reason::MayNotCallOut, &["carriers and other strangers may not call out, by design"]),
    (Reason::Loop, &["a peer routes our own numbers back to us"]),
    (Reason::TooManyHops, &["two servers forward to one another"]),
    (Reason::AmbiguousSource, &["two trunks of one carrier share addresses"]),
    (Reason::ShuttingDown, &["the server is being restarted or updated"]),
];
